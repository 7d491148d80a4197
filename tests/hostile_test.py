"""A server that answers nonsense: an error like others, soon, and never a crash, a hang, or a backup that is called whole."""
import random
import signal
import struct
import subprocess
import threading

import bson
import pytest

from harness.proxy import Proxy
from harness.servers import Mongod
from support.hold import HOLDABLE
from support.hostile import CHANGES, Liar
from support.runs import at, back_up, new_repository, nothing_is_left, verify

SOON = 60  # seconds: none of this waits for a network


def fill(client):
    for name in ("orders", "users", "carts"):
        client.shop[name].insert_many([{"_id": i, "x": f"{name} {i} " * 40} for i in range(4000)])
        client.shop[name].create_index("x")
    client.shop.create_collection("capped", capped=True, size=4096)
    client.shop.command("create", "view", viewOn="orders", pipeline=[{"$match": {"_id": 1}}])
    client.shop.command("createUser", "clerk", pwd="clerk", roles=["read"])


@pytest.fixture(scope="module")
def alone():
    with Mongod(extra_args=HOLDABLE) as server:
        with server.client() as client:
            fill(client)
        yield server


@pytest.fixture(scope="module")
def member():
    """A set's only member."""
    with Mongod(replica_set="rs0", extra_args=HOLDABLE) as server:
        with server.client() as client:
            fill(client)
        yield server


def one_error(stderr):
    assert len([line for line in stderr.splitlines() if line.startswith("error: ")]) == 1, stderr


def lengths(piece, value):
    """A reply that says it is so long."""
    return struct.pack("<i", value) + piece[4:]


def document_length(value):
    """The document in a reply says it is so long."""
    return lambda piece: piece[:21] + struct.pack("<i", value) + piece[25:] if len(piece) > 25 else piece


BROKEN = {
    "negative": lambda piece: lengths(piece, -1), "nothing": lambda piece: lengths(piece, 0), "short": lambda piece: lengths(piece, 15),
    "huge": lambda piece: lengths(piece, 2**31 - 1), "negative document": document_length(-5), "huge document": document_length(2**31 - 1),
    "empty document": document_length(0), "zeros": lambda piece: piece[:16] + bytes(len(piece) - 16),
    "ones": lambda piece: piece[:16] + b"\xff" * (len(piece) - 16),
}


class Switch:
    """For Proxy.mangle: changes every piece after so many."""

    def __init__(self, change, after):
        self._change, self._after, self._lock, self.struck = change, after, threading.Lock(), threading.Event()

    def __call__(self, piece):
        with self._lock:
            self._after -= 1
            if self._after >= 0:
                return piece
        self.struck.set()
        return self._change(piece)


@pytest.mark.parametrize("server", ["alone", "member"])
@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("after", [0, 2, *(pytest.param(after, marks=pytest.mark.all) for after in (9, 30))])
def test_replies_that_are_none(request, varve, server, kind, after):
    """A server that answers the handshake and then something else is an error like others."""
    new_repository(varve)
    with Proxy(request.getfixturevalue(server)) as proxy:
        change = Switch(BROKEN[kind], after)
        proxy.mangle(change)
        done = varve("backup", at(varve, proxy.uri()), "--source", "shop", code=1, timeout=SOON)
    assert change.struck.is_set()
    one_error(done.stderr)
    nothing_is_left(varve)


@pytest.mark.parametrize("after", [0, *(pytest.param(after, marks=pytest.mark.all) for after in (2, 9))])
def test_half_a_reply(varve, alone, after):
    """The rest may come: it is waited for as for a slow network, and a stop ends it."""
    new_repository(varve)
    with Proxy(alone) as proxy:
        change = Switch(lambda piece: piece[:len(piece) // 2], after)
        proxy.mangle(change)
        process = varve.start("backup", at(varve, proxy.uri()), "--source", "shop")
        assert change.struck.wait(60)
        try:
            _, err = process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
    assert process.returncode in (1, 130), (process.returncode, err)
    nothing_is_left(varve)


@pytest.mark.parametrize("server", ["alone", "member"])
@pytest.mark.parametrize("seed", [pytest.param(seed, marks=pytest.mark.soak if seed > 11 else pytest.mark.all if seed > 3 else ()) for seed in range(40)])
def test_bytes_that_flip(request, varve, server, seed):
    """Whatever becomes of the replies, it ends by itself with an exit code and never with a signal."""
    dice = random.Random(seed)
    new_repository(varve)

    def change(piece):
        if len(piece) <= 16:
            return piece
        changed = bytearray(piece)
        for _ in range(1 + len(piece) // 2000):
            if dice.random() < 0.3:
                changed[dice.randrange(16, len(piece))] = dice.randrange(256)
        return bytes(changed)
    with Proxy(request.getfixturevalue(server)) as proxy:
        proxy.mangle(change)
        varve("backup", at(varve, proxy.uri()), "--source", "shop", code=(0, 1, 3), timeout=SOON)
    assert not list((varve.path / "locks").iterdir())


# What a backup of a set asks.
ASKED = ["ping", "endSessions", "dataSize", "getClusterParameter", "killCursors", "getDefaultRWConcern", "getParameter", "collStats", "isMaster", "replSetGetConfig", "replSetGetStatus", "buildInfo", "serverStatus", "connectionStatus", "listDatabases", "listCollections",
         "listIndexes", "find", "getMore", "find oplog.rs", "getMore oplog.rs", "find transactions"]
# Whose documents anybody may have written so, and options that a collection or an index may have.
CONTENT = {"find", "getMore", "find oplog.rs", "getMore oplog.rs", "listCollections", "listIndexes"}
MEANT = {"flipped", "other_types", "without_values", "odd_numbers"}  # which leave BSON that may be right


def lied_to(varve, server, command, change, seed, *words, nth=0, code=(0, 1, 3)):
    with Proxy(server) as proxy:
        liar = Liar(command, change, seed, nth)
        proxy.answer(liar)
        return varve(words[0], *words[1:], at(varve, proxy.uri(), "lying"), code=code, timeout=SOON), liar


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 4))]


@pytest.mark.all
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("command", ASKED)
def test_a_backup_of_a_set_that_answers_nonsense(varve, member, command, change, seed):
    """It ends with one error and nothing kept, or is whole all the same."""
    new_repository(varve)
    done, liar = lied_to(varve, member, command, change, seed, "backup", "--source", "shop", "--json", nth=seed % 2)
    if done.code == 1:
        assert "exit_error" in done.stderr.splitlines()[-1], f"{done}"
        nothing_is_left(varve)
    elif done.code == 0 and liar.lied and not (command in CONTENT and change in MEANT):
        assert not verify(varve, member, code=(0, 3))["differences"] or change == "flipped", f"{done}"
    assert not list((varve.path / "locks").iterdir())


def test_nothing_else_is_asked(varve, member):
    """Else what is asked is to be lied about too."""
    new_repository(varve)
    _, liar = lied_to(varve, member, "nothing", "empty", 0, "backup", "--source", "shop", code=0)
    assert liar.asked <= set(ASKED) and len(liar.asked) > 5, sorted(liar.asked - set(ASKED))


def test_a_collection_without_a_name_is_not_passed_over(varve, member):
    """It would be missing in silence."""
    new_repository(varve)

    def unname(command, raw):
        reply = bson.decode(raw)
        for entry in reply.get("cursor", {}).get("firstBatch", []):
            if command == "listCollections" and entry.get("name") == "users":
                del entry["name"]
        return bson.encode(reply)
    with Proxy(member) as proxy:
        proxy.answer(unname)
        done = varve("backup", at(varve, proxy.uri()), "--source", "shop", code=1)
    assert "without a name" in done.stderr
    nothing_is_left(varve)


@pytest.mark.all
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("command", ["isMaster", "listCollections", "listIndexes", "find", "getMore", "aggregate"])
def test_a_verify_that_is_answered_nonsense(varve, member, command, change, seed):
    """It never says that nothing differs of what it could not read."""
    back_up(varve, member)
    done, liar = lied_to(varve, member, command, change, seed, "verify", "latest", "--json", "--against")
    assert done.code != 0 or not liar.lied or command == "isMaster" or change in MEANT, f"{done}"


@pytest.mark.all
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("command", ["isMaster", "replSetGetConfig", "replSetGetStatus", "listCollections", "find oplog.rs", "serverStatus"])
def test_a_doctor_that_is_answered_nonsense(varve, member, command, change):
    """It comes to an end, with a result that says more than ok where it could not look."""
    done, liar = lied_to(varve, member, command, change, 0, "doctor", "--json")
    assert done.events and done.events[-1]["result"] in ("ok", "warning", "problem"), f"{done}"
