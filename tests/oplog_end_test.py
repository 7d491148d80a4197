"""An oplog that ends what depends on it: it rolled over, or holds what nobody knows. The run stops at once, says so, and saves nothing."""
import signal
import time

import pytest
from bson import Timestamp
from pymongo import WriteConcern

from harness.servers import Mongod, wait_until
from support.hold import HOLDABLE, backup_held_at, fail_point, finish
from support.readings import BIG, fill_big
from support.runs import at, back_up, new_repository, nothing_is_left

SMALL_MB = 8
WAYS = pytest.mark.parametrize("read_at", ["window", pytest.param("one-time", marks=pytest.mark.all)])


@pytest.fixture(scope="module")
def small():
    """A server whose oplog holds a few megabytes."""
    often = ["--syncdelay", "1"]  # checkpoints, without which nothing is taken off the oplog
    with Mongod(replica_set="rs0", extra_args=[*HOLDABLE, *often], oplog_mb=SMALL_MB) as server:
        with server.client() as client:
            fill_big(client)
        yield server


@pytest.fixture(scope="module")
def server():
    with Mongod(replica_set="rs0", extra_args=HOLDABLE) as server:
        with server.client() as client:
            fill_big(client)
        yield server


def newest(client):
    return client.local["oplog.rs"].find(sort=[("$natural", -1)], limit=1)[0]


def overrun(client):
    """Writes until what the oplog held is not there any more."""
    held = newest(client)["ts"]

    def is_gone():
        client.noise.data.insert_many([{"x": "x" * 1_000_000} for _ in range(4)])
        client.noise.data.delete_many({})
        return client.local["oplog.rs"].find(sort=[("$natural", 1)], limit=1)[0]["ts"] > held
    wait_until(is_gone, "the oplog to roll over")


@WAYS
def test_an_oplog_that_rolls_over_meanwhile(varve, small, read_at):
    """RULES 2: varve stands still, as for want of the processor or of storage, while its place in the oplog goes."""
    with small.client() as client, backup_held_at(varve, small, BIG, "--read-at", read_at) as (process, release):
        process.send_signal(signal.SIGSTOP)
        overrun(client)
        process.send_signal(signal.SIGCONT)
        _, err = finish(process, code=1)  # at once: the reading is still held
        release()
    assert "rolled over" in err and small.host in err and "replSetResizeOplog" in err, err
    nothing_is_left(varve)
    assert back_up(varve, small)["result"] == "complete"


@pytest.mark.all
def test_an_oplog_that_rolls_over_while_the_catalog_is_listed(varve, small):
    """RULES 2: the same before anything is read."""
    new_repository(varve)
    with small.client() as client, fail_point(small, "hangBeforeListIndexes") as point:
        process = varve.start("backup", at(varve, small.uri), "--source", "shop")
        point.wait()
        process.send_signal(signal.SIGSTOP)
        overrun(client)
        point.release()
        process.send_signal(signal.SIGCONT)
        _, err = finish(process, code=1)
    assert "rolled over" in err, err
    nothing_is_left(varve)


def write_entry(client, **entry):
    """Into the oplog itself, as the server would write it one day."""
    last = newest(client)
    wait_until(lambda: time.time() > last["ts"].time + 1, "a second in which the server has not written yet")
    ts = Timestamp(last["ts"].time, last["ts"].inc + 1)
    client.local.command("godinsert", "oplog.rs", obj={"ts": ts, "t": last["t"], "v": 2, "wall": last["wall"], **entry})
    after = client.shop.get_collection("after", write_concern=WriteConcern(1))
    after.insert_one({})  # the next entry, without which this one is not seen


UNKNOWN = {
    "a command": ({"op": "c", "ns": "shop.$cmd", "o": {"foldCollection": "orders"}}, "foldCollection"),
    "a command in a transaction": ({"op": "c", "ns": "admin.$cmd", "o": {"applyOps": [
        {"op": "c", "ns": "shop.$cmd", "o": {"foldCollection": "orders"}}]}}, "foldCollection"),
    "an operation": ({"op": "zz", "ns": "shop.orders", "o": {"_id": 1}}, "zz"),
    "a form of update": ({"op": "u", "ns": "shop.orders", "o": {"$v": 3, "delta": {}}, "o2": {"_id": 1}}, "shop.orders"),
}


@WAYS
@pytest.mark.parametrize("kind", UNKNOWN)
def test_an_entry_of_an_unknown_kind_meanwhile(varve, server, kind, read_at):
    """DESIGN 6: an unsupported entry stops the run at once, and is named; it is never passed over."""
    entry, name = UNKNOWN[kind]
    with server.client() as client, backup_held_at(varve, server, BIG, "--read-at", read_at) as (process, release):
        write_entry(client, **entry)
        _, err = finish(process, code=1)
        release()
    assert name in err and "does not know" in err, err
    nothing_is_left(varve)
    assert back_up(varve, server)["result"] == "complete", "what is known to be over is no obstacle"
