"""Random histories run live against a server while it is backed up: what comes back is what the server itself held."""
import random
import signal
import time
from collections import Counter, defaultdict

import bson.json_util
import pytest

from harness.tools import Varve
from support.hold import finish
from support.live_history import DATABASES, LiveHistory
from support.live_servers import last_entry, servers
from support.runs import at, new_repository, restore, state_of, verify
from support.selections import chosen, selection
from support.state import differences, empty, empty_logins
from support.storm import moment_of
from support.underway import DATABASE, Underway

PAUSES = 4
PUSH, SLOW = (300, 150), (300, 400)  # operations before the backup, and in each pause
VERSIONS = ("6.0.5", "5.0.4", "4.2.6")
ALL = [pytest.param("6.0.5", seed, marks=pytest.mark.all) for seed in range(1, 9)] + \
      [pytest.param(version, seed, marks=pytest.mark.all) for version in ("5.0.4", "4.2.6") for seed in range(4)]
SOAK = [pytest.param(version, seed, marks=pytest.mark.soak) for version in VERSIONS for seed in range(100, 200)]

happened = defaultdict(Counter)  # version -> kinds of operations while a backup ran
histories = Counter()


def held(server):
    """What is compared: the databases of the history, and users and roles."""
    return {ns: collection for ns, collection in state_of(server, *DATABASES, DATABASE, "admin").items() if collection.documents or not ns.startswith("admin.")}


def back_up_with_pauses(varve, server, client, history, underway, each, *args):
    """Stops varve wherever it happens to be, and has the history go on meanwhile. The backup's summary, and what the server
    held at which times: [(up to that oplog entry the state before, from that one on, state)]."""
    noise = history.noise
    underway.turn()
    now = last_entry(client)
    states = [(now, now, underway.unfinished(held(server)))]
    process = varve.start("backup", at(varve, server.uri, "source"), "--source", "shop", "--readers", "1", "--json", *args)
    for _ in range(PAUSES):
        time.sleep(noise.random() * 0.12)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGSTOP)
        before = last_entry(client)
        underway.turn()
        history.run(each)
        underway.turn()
        states.append((before, last_entry(client), underway.unfinished(held(server))))
        process.send_signal(signal.SIGCONT)
    return bson.json_util.loads(finish(process)[0].splitlines()[-1]), states


def of_one_history(varve, server, client, version, seed, *args):
    """The backup's summary, the state of its moment, and the history; again where a reply under way made it a moment amid a
    run, of which nobody has the state."""
    before, each = PUSH if version == VERSIONS[0] and seed == 0 else SLOW
    while True:
        empty(client)
        empty_logins(client, *DATABASES)
        numbers = tuple(map(int, version.split(".")))
        history = LiveHistory(client, seed, numbers)
        underway = Underway(client, history.noise, numbers)
        history.run(before)
        earlier = Counter(history.done)
        client.big.first.insert_many([{"_id": i, "x": "x" * 5000} for i in range(4000)])
        try:
            saved, states = back_up_with_pauses(varve, server, client, history, underway, each, *args)
        finally:
            underway.close()
        moment = moment_of(saved)
        if not any(before < moment < since for before, since, _ in states):
            happened[version].update(history.done - earlier)
            happened[version].update({"a long transaction": underway.committed, "a long index build": underway.built})
            histories[version] += 1
            return saved, [state for _, since, state in states if since <= moment][-1], history


@pytest.mark.parametrize("read_at", ["window", "one-time"])
@pytest.mark.parametrize("version, seed", [("6.0.5", 0), *ALL, *SOAK])
def test_what_comes_back_is_what_the_server_held(tmp_path, servers, version, seed, read_at):
    """RULES 1 to 4, 9, 10, 12: whatever happens between the listing, the reads and the end; all of it, and a part of it under
    other names."""
    server, target = servers(version)
    varve = Varve(tmp_path)
    new_repository(varve)
    with server.client(w=1) as client, target.client() as there:
        saved, expected, history = of_one_history(varve, server, client, version, seed, "--read-at", read_at)
        told = f"{version}, {read_at}, {saved['consistency']}, seed {seed}, moment {saved['moment']}, {dict(history.done)}"
        assert len(history.done) > len(history.every_kind()) * 3 / 4, told
        empty(there)
        empty_logins(there, *DATABASES)
        done = restore(varve, target)
        assert done["verified"] and not verify(varve, target)["differences"]
        assert not differences(expected, held(target), version != "4.2.6"), told
        empty(there)
        words, renamed = selection(random.Random(seed))
        done = restore(varve, target, *words, code=(0, 3))
        assert done["verified"] and not verify(varve, target, *words)["differences"], (words, told)
        assert not differences(chosen(expected, words, renamed), state_of(target, auth=False), version != "4.2.6"), (words, told)


@pytest.mark.parametrize("version, seed", [("6.0.5", 20), *(pytest.param(version, 20, marks=pytest.mark.all) for version in VERSIONS[1:]),
                                           *(pytest.param("6.0.5", seed, marks=pytest.mark.all) for seed in range(21, 25))])
@pytest.mark.parametrize("read_at", ["window", pytest.param("one-time", marks=pytest.mark.all)])
def test_a_database_alone_is_what_the_server_held_of_it(tmp_path, servers, version, seed, read_at):
    """RULES 4: the filter of a backup, while collections come and go between the database that is in it and the one that is not."""
    server, target = servers(version)
    varve = Varve(tmp_path)
    new_repository(varve)
    with server.client(w=1) as client, target.client() as there:
        saved, expected, history = of_one_history(varve, server, client, version, seed, "--read-at", read_at, "--ns-include", "h1.*", "--ns-include",
                                                  "big.*")
        empty(there)
        assert restore(varve, target, "--ns-include", "h1.*")["verified"]
        wanted = {ns: collection for ns, collection in expected.items() if ns.startswith("h1.")}
        assert not differences(wanted, state_of(target, "h1"), version != "4.2.6"), f"{saved['consistency']}, {dict(history.done)}"


@pytest.mark.all
@pytest.mark.parametrize("version", VERSIONS)
def test_every_kind_of_operation_did_happen(version):
    """While backups ran: what never succeeds proves nothing. Counts those of the tests above."""
    if histories[version] < 6:
        pytest.skip(f"too few histories of {version} in this run")
    every = LiveHistory(None, 0, tuple(map(int, version.split(".")))).every_kind()
    every |= {"a long transaction", *(["a long index build"] if version != "4.2.6" else [])}
    assert not every - set(+happened[version]), happened[version]
    assert happened[version].total() > 500 * histories[version], "thousands of operations"
