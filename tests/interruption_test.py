"""A backup that is interrupted, or killed, leaves the repository as it was and the next one works."""
import json
import signal

import pytest

from harness.servers import Mongod
from support.hold import HOLDABLE, backup_held_at, commands_held, finish, reads_held
from support.runs import at, back_up, export, new_repository, restore, state_of
from support.state import differences


@pytest.fixture(scope="module")
def server():
    with Mongod(replica_set="rs0", extra_args=HOLDABLE) as server:
        with server.client() as client:
            client.shop.orders.insert_many([{"_id": i, "x": "x" * 1000} for i in range(6000)])
            client.shop.people.insert_many([{"_id": i} for i in range(10)])
        yield server


def locks(varve):
    return list((varve.path / "locks").iterdir())


def clean_and_working(varve, server):
    assert "no errors were found" in varve.restic("check", "--read-data").stdout
    back_up(varve, server)
    varve("check", "--read-data")
    out = export(varve)
    assert len((out / "shop" / "orders.bson").read_bytes()) > 6_000_000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_backup_can_be_stopped(varve, server, number):
    """DESIGN 8: exit 130 for both, the lock is removed, nothing half-done is visible, and it says what it leaves behind."""
    with backup_held_at(varve, server, "shop.orders") as (process, _):
        assert len(locks(varve)) == 1
        process.send_signal(number)
        out, err = finish(process, code=130)
    assert json.loads(err.splitlines()[-1])["code"] == 130
    assert not locks(varve)
    assert json.loads(varve("snapshots", "--json").stdout) == []
    clean_and_working(varve, server)


def test_a_backup_can_be_stopped_halfway(varve, server):
    """The same after some data went into the repository: they are found again by the next run."""
    with backup_held_at(varve, server, "shop.people") as (process, _):
        process.send_signal(signal.SIGINT)
        finish(process, code=130)
    assert not locks(varve)
    clean_and_working(varve, server)


def test_a_killed_backup_blocks_nobody(varve, server):
    """The lock of a dead process on this host is stale: backups, checks and stock restic's unlock go on."""
    first = back_up(varve, server)
    with backup_held_at(varve, server, "shop.orders") as (process, _):
        process.kill()
        process.communicate()
    assert len(locks(varve)) == 1
    assert [s["id"] for s in json.loads(varve("snapshots", "--json").stdout)] == [first["snapshot_id"]]
    back_up(varve, server)
    varve("check")
    varve("unlock")
    assert not locks(varve)
    clean_and_working(varve, server)


@pytest.mark.all
def test_the_server_is_left_as_it_was(varve, server):
    """Nothing is written to the source, and no cursor or session of an interrupted run stays open."""
    before = state_of(server)
    with backup_held_at(varve, server, "shop.orders") as (process, release):
        process.send_signal(signal.SIGINT)
        finish(process, code=130)
        release()
    back_up(varve, server)
    assert not differences(before, state_of(server))
    with server.client() as client:
        idle = client.admin.aggregate([{"$currentOp": {"idleCursors": True}}, {"$match": {"type": "idleCursor", "ns": {"$regex": "^shop"}}}])
        assert list(idle) == []


@pytest.mark.all
def test_a_source_that_dies_ends_the_backup(varve, mongod):
    """A lost server is exit 1 with its name, and no snapshot."""
    dying = mongod(replica_set="rs0", extra_args=HOLDABLE)
    with dying.client() as client:
        client.shop.orders.insert_many([{"_id": i} for i in range(10)])
    new_repository(varve)
    with reads_held(dying, "shop.orders") as point:
        process = varve.start("backup", at(varve, dying.uri), "--source", "shop")
        point.wait()
        dying.kill()
        _, err = finish(process, code=1)
    assert dying.host in err
    assert json.loads(varve("snapshots", "--json").stdout) == [] and not locks(varve)


@pytest.mark.all
def test_a_target_that_dies_ends_the_restore(varve, server, mongod):
    """Exit 1 with its name; after it is back, the restore works."""
    back_up(varve, server)
    target = mongod(extra_args=HOLDABLE)
    with commands_held(target, "insert", mode={"skip": 1}) as point:
        process = varve.start("restore", "latest", "--to", at(varve, target.uri), "--yes")
        point.wait()
        target.kill()
        _, err = finish(process, code=1)
    assert target.host in err
    target.start_again()
    restore(varve, target, "--drop")
    assert not differences(state_of(server), state_of(target))
