"""--lock: a standalone that is written to is backed up as of one moment, and is never left locked behind anybody's back."""
import json
import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import bson
import pytest
from pymongo.errors import PyMongoError

from harness.proxy import Proxy
from harness.servers import VERSIONS, Mongod, wait_until
from harness.tools import varve_binary
from support.hold import HOLDABLE, finish
from support.runs import at, back_up, new_repository, state_of, verify
from support.state import empty

BIG, ELSEWHERE = "big.first", "elsewhere.documents"


@pytest.fixture(scope="module", params=[VERSIONS[0], *(pytest.param(v, marks=pytest.mark.all) for v in VERSIONS[1:])])
def server(request):
    with Mongod(request.param, extra_args=HOLDABLE) as server:
        yield server


@pytest.fixture
def client(server):
    with server.client() as client:
        if is_locked(client):
            pytest.fail("a test before left the server locked")
        empty(client)
        client.big.first.insert_many([{"_id": i, "x": "x" * 1000} for i in range(2000)])
        client.shop.orders.insert_many([{"_id": i} for i in range(100)])
        yield client
        while is_locked(client):  # of a test that failed
            client.admin.command("fsyncUnlock")


def is_locked(client):
    return client.admin.command("currentOp").get("fsyncLock", False)


def until_unlocked(client):
    wait_until(lambda: not is_locked(client), "the unlocking")


class Writer:
    """Inserts documents one after the other; `written` is how many are acknowledged."""

    def __init__(self, server):
        self._server, self.written, self._stop = server, 0, False
        self._thread = threading.Thread(target=self._write)

    def _write(self):
        with self._server.client() as client:
            while not self._stop:
                client.written.documents.insert_one({"_id": self.written})
                self.written += 1

    def wait_for_more(self):
        before = self.written
        wait_until(lambda: self.written > before, "a write")

    def __enter__(self):
        self._thread.start()
        self.wait_for_more()
        return self

    def __exit__(self, *_):
        self._stop = True
        self._thread.join(60)
        assert not self._thread.is_alive()


@contextmanager
def held(varve, server, client, *args, uri=None):
    """A backup with --lock that holds the lock and waits in its first read, in any version of the server."""
    if not varve.path.exists():
        new_repository(varve)
    point = {"nss": BIG, "shouldCheckForInterrupt": True}
    client.admin.command("configureFailPoint", "waitInFindBeforeMakingBatch", mode="alwaysOn", data=point)

    def release():
        client.admin.command("configureFailPoint", "waitInFindBeforeMakingBatch", mode="off")
    process = varve.start("backup", at(varve, uri or server.uri, "source"), "--source", "shop", "--readers", "1", "--json", "--lock", *args)
    try:
        waiting = {"$or": [{name: "waitInFindBeforeMakingBatch"} for name in ("msg", "failpointMsg")]}
        wait_until(lambda: process.poll() is not None or list(client.admin.aggregate([{"$currentOp": {}}, {"$match": waiting}])),
                   "the backup in its first read")
        assert process.poll() is None, process.communicate()
        assert is_locked(client)
        yield process, release
    finally:
        release()
        if process.poll() is None:
            process.kill()
        process.communicate()


def summary(out):
    return json.loads(out.splitlines()[-1])


def keeper_of(process):
    """The process that holds the lock for it."""
    found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and parent(path) == process.pid]
    assert len(found) == 1
    return found[0]


def parent(path):
    try:
        return int((path / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_gone(pid):
    """A zombie, whose parent did not care, is gone too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def journals(varve):
    return sorted((varve.folder / "state" / "varve" / "locks").glob("*"))


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def test_a_standalone_that_is_written_to(varve, server, client):
    """The backup is of one moment, and the writer waits exactly as long as the lock is held."""
    with Writer(server) as writer:
        with held(varve, server, client) as (process, release):
            standing = writer.written
            assert len(journals(varve)) == 1
            kept = state_of(server, "written")
            assert len(kept["written.documents"].documents) in (standing, standing + 1)
            wait_for_no_write(client, writer, standing)
            release()
            saved = summary(finish(process)[0])
        writer.wait_for_more()
    assert saved["consistency"] == "locked" and saved["result"] == "complete" and not saved["shortfalls"]
    assert not is_locked(client) and not journals(varve)
    assert "locked while it was read" in varve("show", "latest").stdout
    differs = verify(varve, server, code=3)["differences"]
    assert [d["namespace"] for d in differs] == ["written.documents"]
    assert differs[0]["missing_count"] == 0 and differs[0]["changed_count"] == 0
    client.written.documents.delete_many({"_id": {"$gte": len(kept["written.documents"].documents)}})
    assert not verify(varve, server)["differences"], "the moment of the lock"


def wait_for_no_write(client, writer, standing):
    """One insert waits in the server, and nothing comes through."""
    waiting = {"op": "insert", "waitingForLock": True}
    wait_until(lambda: list(client.admin.aggregate([{"$currentOp": {}}, {"$match": waiting}])), "a writer that waits")
    assert writer.written in (standing, standing + 1)


def test_commands_that_wait_do_not_count(varve, server, client):
    """They have come to nothing while the server is locked, though it counts them when they begin."""
    commands = ({"createIndexes": "orders", "indexes": [{"key": {"n": 1}, "name": "n_1"}]},
                {"aggregate": "orders", "pipeline": [{"$merge": "sums"}], "cursor": {}},
                {"applyOps": [{"op": "i", "ns": "shop.orders", "o": {"_id": "late"}}]})
    threads = [threading.Thread(target=server_command, args=(server, command)) for command in commands]
    with held(varve, server, client) as (process, release):
        for thread in threads:
            thread.start()
        waiting = {"waitingForLock": True, "ns": {"$regex": "^shop"}}
        wait_until(lambda: len(list(client.admin.aggregate([{"$currentOp": {}}, {"$match": waiting}]))) == len(threads), "all that wait")
        release()
        saved = summary(finish(process)[0])
    for thread in threads:
        thread.join(60)
    assert saved["consistency"] == "locked" and saved["exit_code"] == 0
    assert client.shop.sums.count_documents({}) >= 100 and client.shop.orders.find_one("late")


def server_command(server, command):
    with server.client() as client:
        client.shop.command(command)


def test_killed_while_it_reads(varve, server, client):
    """The process that holds the lock unlocks and goes, and tells of it."""
    with Writer(server) as writer, held(varve, server, client) as (process, _):
        keeper = keeper_of(process)
        kill(process.pid)
        until_unlocked(client)
        writer.wait_for_more()
        _, err = process.communicate()
        assert "no longer locked" in err
        wait_until(lambda: is_gone(keeper), "the end of the keeper")
    assert not journals(varve)


def test_interrupted_while_it_reads(varve, server, client):
    """Ctrl-C reaches the whole terminal: the lock goes all the same."""
    with held(varve, server, client) as (process, _):
        keeper = keeper_of(process)
        for pid in (keeper, process.pid):
            os.kill(pid, signal.SIGINT)
        finish(process, 130)
        assert is_gone(keeper)
    assert not is_locked(client) and not journals(varve)


def test_the_keeper_is_killed(varve, server, client):
    """The backup unlocks by itself, and says so."""
    with held(varve, server, client) as (process, release):
        kill(keeper_of(process))
        release()
        out, err = finish(process)
    assert "was killed" in out + err and summary(out)["consistency"] == "locked"
    assert not is_locked(client) and not journals(varve)


def both_killed(varve, server, client):
    with held(varve, server, client) as (process, _):
        keeper = keeper_of(process)
        os.kill(process.pid, signal.SIGSTOP)  # neither can help the other
        kill(keeper)
        kill(process.pid)
        process.communicate()
    assert is_locked(client) and len(journals(varve)) == 1


def test_both_are_killed(varve, server, client):
    """The next backup of that server, with --lock or without, finds the journal and unlocks."""
    for args in ((), ("--lock",)):
        both_killed(varve, server, client)
        done = varve("backup", at(varve, server.uri), "--source", "shop", *args)
        assert "died" in done.stderr and "it is unlocked now" in done.stderr
        assert not is_locked(client) and not journals(varve)


def test_a_journal_of_a_server_that_was_restarted(varve, mongod):
    """The lock ended with the server's life: nothing is unlocked that somebody else has locked since."""
    server = mongod(extra_args=HOLDABLE)
    with server.client() as client:
        client.big.first.insert_one({"_id": 1})
        both_killed(varve, server, client)
    server.kill()
    server.start_again()
    with server.client() as client:
        client.admin.command("fsync", lock=True)
        done = varve("backup", at(varve, server.uri), "--source", "shop")
        assert "until it was restarted" in done.stderr and is_locked(client) and not journals(varve)


def test_a_journal_of_another_server(varve, server, client, mongod):
    """It is named, and kept for a backup of that one."""
    both_killed(varve, server, client)
    other = mongod()
    done = varve("backup", at(varve, other.uri), "--source", "other")
    assert f"{server.host} may be locked" in done.stderr and "fsyncUnlock" in done.stderr
    assert is_locked(client) and len(journals(varve)) == 1
    varve("backup", at(varve, server.uri), "--source", "shop")
    assert not is_locked(client)


def test_somebody_elses_lock(varve, server, client):
    """It is named and left, whether it was there before ours or came after."""
    client.admin.command("fsync", lock=True)
    with held(varve, server, client) as (process, release):
        client.admin.command("fsync", lock=True)
        release()
        out, _ = finish(process)
    assert "locked still, by others" in str(summary(out)["remarks"])
    assert client.admin.command("fsyncUnlock")["lockCount"] == 1
    assert client.admin.command("fsyncUnlock")["lockCount"] == 0


def test_our_lock_was_released_by_somebody(varve, server, client):
    """Then what is locked belongs to somebody else. What was written meanwhile makes it inconsistent, as without --lock."""
    with held(varve, server, client) as (process, release):
        client.admin.command("fsyncUnlock")
        client.shop.orders.insert_one({"_id": "in between"})
        client.admin.command("fsync", lock=True)
        release()
        saved = summary(finish(process, 3)[0])
    assert saved["consistency"] == "inconsistent" and "somebody unlocked" in str(saved["remarks"])
    assert client.admin.command("fsyncUnlock")["lockCount"] == 0


def test_the_journal_left_while_somebody_locked_anew(varve, server, client):
    """A journal's lock that somebody has released is not sought among the locks of others."""
    both_killed(varve, server, client)
    client.admin.command("fsyncUnlock")
    client.admin.command("fsync", lock=True)
    done = varve("backup", at(varve, server.uri), "--source", "shop")
    assert "somebody has released" in done.stderr and not journals(varve)
    assert client.admin.command("fsyncUnlock")["lockCount"] == 0


@pytest.mark.all
def test_a_server_that_dies_under_the_lock(varve, mongod):
    """The backup fails with a sentence; the journal stays until the server can be asked, and goes then."""
    server = mongod(extra_args=HOLDABLE)
    with server.client() as client:
        client.big.first.insert_many([{"_id": i, "x": "x" * 1000} for i in range(2000)])
        with pytest.raises(PyMongoError), held(varve, server, client) as (process, _):
            server.kill()
            out, err = finish(process, 1)
            assert "could not unlock" in out + err and "fsyncUnlock" in out + err
    assert len(journals(varve)) == 1 and varve("snapshots", "--json").stdout.strip() == "[]"
    server.start_again()
    wait_until(lambda: not journals(varve), "the keeper's word that the lock went with the server")


@pytest.mark.all
@pytest.mark.parametrize("dead", [False, True], ids=["the backup ends", "the backup is killed"])
def test_a_server_that_cannot_be_reached_for_long(varve, server, client, dead):
    """It is said who goes on, and nobody has to wait for that; when the server can be reached it is unlocked."""
    with Proxy(server) as proxy, held(varve, server, client, uri=proxy.uri()) as (process, release):
        keeper = keeper_of(process)
        proxy.refuse()
        proxy.cut_all()
        if dead:
            kill(process.pid)
        else:
            release()
        out, err = finish(process, -signal.SIGKILL if dead else 1)
        assert f"process {keeper} goes on" in out + err and "fsyncUnlock" in out + err
        assert is_locked(client) and len(journals(varve)) == 1 and not is_gone(keeper)
        proxy.accept()
        until_unlocked(client)
        wait_until(lambda: is_gone(keeper), "the end of the keeper")
        assert not journals(varve)


@pytest.mark.all
def test_a_lock_that_can_neither_be_noted_nor_given_back(varve, mongod):
    """The disk is full and the server away: it is said that the lock stays, and its keeper goes on until it is gone."""
    server = mongod()
    with server.client() as client, Proxy(server) as proxy:
        client.shop.orders.insert_one({"_id": 1})
        journal, full = os.pipe()  # writing the note waits, then fails
        os.set_blocking(full, False)
        with suppress(BlockingIOError):
            while os.write(full, b"x" * 4096):
                pass
        os.set_blocking(full, True)
        words = ["bash", "-c", f'exec "$0" hold-lock 3>&{full}', varve_binary()]
        keeper = subprocess.Popen(words, pass_fds=[full], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.close(full)
        process = client.admin.command("hello")["topologyVersion"]["processId"]
        keeper.stdin.write(bson.encode({"uri": proxy.uri(), "journal": str(varve.folder / "none"), "host": proxy.host, "process": str(process)}))
        keeper.stdin.flush()
        wait_until(lambda: is_locked(client), "the lock")
        time.sleep(1)  # it is in the note
        proxy.refuse()
        proxy.cut_all()
        os.close(journal)
        said = bson.decode(keeper.stdout.read())
        assert "fsyncUnlock" in str(said["hints"]) and "nor could it be unlocked" in str(said["hints"]), said
        assert is_locked(client) and keeper.poll() is None
        proxy.accept()
        until_unlocked(client)
        assert keeper.wait(30) == 0


def test_an_unlocking_whose_answer_is_lost(varve, server, client):
    """The lock was there until then, so that nobody else has unlocked it."""
    lost = []
    with Proxy(server) as proxy:
        def lose(command, document):
            if command == "fsyncUnlock" and not lost:
                lost.append(command)
                proxy.cut_all()
            return document
        proxy.answer(lose)
        with held(varve, server, client, uri=proxy.uri()) as (process, release):
            release()
            saved = summary(finish(process)[0])
    assert lost and saved["consistency"] == "locked" and "somebody" not in str(saved["remarks"])
    assert not is_locked(client) and not journals(varve)


def test_rights_are_looked_at_before(varve, mongod):
    """Without fsync and unlock nothing is done, and the role is named; nothing but these is needed."""
    server = mongod(auth=True)
    new_repository(varve)
    with server.client() as client:
        client.shop.orders.insert_one({"_id": 1})
        client.admin.command("createUser", "b", pwd="b", roles=["backup"])
        refused = varve("backup", at(varve, server.uri_as("b", "b")), "--lock", code=1)
        assert "lock the server" in refused.stderr and 'grantRolesToUser("b", ["hostManager"])' in refused.stderr
        assert not journals(varve) and varve("snapshots", "--json").stdout.strip() == "[]"
        locker = [{"resource": {"cluster": True}, "actions": ["fsync", "unlock"]}]
        client.admin.command("createRole", "locker", privileges=locker, roles=[])
        client.admin.command("grantRolesToUser", "b", roles=["locker"])
        saved = varve.json("backup", at(varve, server.uri_as("b", "b")), "--lock")[-1]
        assert saved["consistency"] == "locked" and not is_locked(client)


def test_a_replica_set_needs_none(varve, rs6):
    refused = varve_with_repository(varve)("backup", at(varve, rs6.uri), "--lock", code=1)
    assert "rs0" in refused.stderr and "oplog" in refused.stderr


def varve_with_repository(varve):
    new_repository(varve)
    return varve


def test_the_password_is_nowhere_to_be_seen(varve, mongod):
    """Neither in arguments nor in what the processes print."""
    server = mongod(auth=True, extra_args=HOLDABLE)
    with server.client() as client:
        client.big.first.insert_one({"_id": 1})
        with held(varve, server, client) as (process, release):
            for pid in (process.pid, keeper_of(process)):
                for name in ("cmdline", "environ"):
                    assert b"root's" not in (Path("/proc") / str(pid) / name).read_bytes()
            assert "root" not in journals(varve)[0].read_text()
            release()
            out, err = finish(process)
    assert "root's" not in out + err
    back_up(varve, server, "--lock")
