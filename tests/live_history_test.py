"""Random histories run live against a server while it is backed up: what comes back is what the server itself held."""
import random
import signal
import time

import bson.json_util
import pytest

from harness.servers import Mongod
from harness.tools import Varve
from support.hold import finish
from support.live_history import DATABASES, LiveHistory
from support.runs import at, new_repository, restore, state_of, verify
from support.state import differences, empty
from support.storm import moment_of

BEFORE, EACH, PAUSES = 300, 150, 4
ALL = [pytest.param("6.0.5", seed, marks=pytest.mark.all) for seed in range(1, 9)] + \
      [pytest.param(version, seed, marks=pytest.mark.all) for version in ("5.0.4", "4.2.6") for seed in range(4)]
SOAK = [pytest.param(version, seed, marks=pytest.mark.soak) for version in ("6.0.5", "5.0.4", "4.2.6") for seed in range(100, 200)]


@pytest.fixture(scope="module")
def servers():
    """A source and a target of each version, started when first asked for."""
    made = {}

    def get(version):
        if version not in made:
            made[version] = Mongod(version, replica_set="rs0"), Mongod(version)
        return made[version]
    yield get
    for pair in made.values():
        for server in pair:
            server.stop()


def last_entry(client):
    return client.local["oplog.rs"].find(sort=[("$natural", -1)], limit=1)[0]["ts"]


def back_up_with_pauses(varve, server, client, history, noise, read_at):
    """Stops varve wherever it happens to be, and has the history go on meanwhile. The backup's summary, and what the server
    held at which times: [(up to that oplog entry the state before, from that one on, state)]."""
    now = last_entry(client)
    states = [(now, now, state_of(server, *DATABASES))]
    process = varve.start("backup", at(varve, server.uri, "source"), "--source", "shop", "--readers", "1", "--json",
                          "--read-at", read_at)
    for _ in range(PAUSES):
        time.sleep(noise.random() * 0.12)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGSTOP)
        before = last_entry(client)
        history.run(EACH)
        states.append((before, last_entry(client), state_of(server, *DATABASES)))
        process.send_signal(signal.SIGCONT)
    return bson.json_util.loads(finish(process)[0].splitlines()[-1]), states


@pytest.mark.parametrize("read_at", ["window", "one-time"])
@pytest.mark.parametrize("version, seed", [("6.0.5", 0), *ALL, *SOAK])
def test_what_comes_back_is_what_the_server_held(tmp_path, servers, version, seed, read_at):
    """RULES 1 to 4, 9, 10, 12: whatever happens between the listing, the reads and the end."""
    server, target = servers(version)
    varve, noise = Varve(tmp_path), random.Random(seed)
    new_repository(varve)
    with server.client() as client, target.client() as there:
        expected = None
        while expected is None:  # a reply under way may make it a moment amid a run, of which nobody has the state
            empty(client)
            empty(there)
            history = LiveHistory(client, seed)
            history.run(BEFORE)
            client.big.first.insert_many([{"_id": i, "x": "x" * 5000} for i in range(4000)])
            saved, states = back_up_with_pauses(varve, server, client, history, noise, read_at)
            moment = moment_of(saved)
            if not any(before < moment < since for before, since, _ in states):
                expected = [state for _, since, state in states if since <= moment][-1]
    done = restore(varve, target)
    assert done["verified"] and not verify(varve, target)["differences"]
    told = f"{version}, {read_at}, {saved['consistency']}, seed {seed}, moment {moment}, {dict(history.done)}"
    assert not differences(expected, state_of(target, *DATABASES)), told
