"""The member that is read dies, or its cursor does: reading goes on, and the backup is of one moment all the same (RULES 5)."""
import json
import random
import threading
import time
from datetime import datetime

import pytest
from bson import MaxKey, MinKey

from harness.servers import wait_until
from support.hold import HOLDABLE, backup_held_amid, backup_held_at, finish
from support.runs import back_up, nothing_is_left, restore, state_of
from support.state import differences

pytestmark = pytest.mark.all

DOCUMENTS = 36_000  # of 1 KB, which are three replies


def fill(server, ids=range(DOCUMENTS)):
    """`shop.orders`, and one collection of each kind that is read in another way."""
    with server.client() as client:
        db = client.shop
        db.orders.insert_many([{"_id": i, "n": 0, "x": "x" * 1000} for i in ids])
        db.orders.insert_many([{"_id": key} for key in (MinKey(), "text", None, datetime(2026, 1, 1), MaxKey())])
        db.orders.create_index("n")
        db.create_collection("log", capped=True, size=1 << 20)
        db.log.insert_many([{"_id": i} for i in range(100)])
        for name in ("carts", "users"):
            db[name].insert_many([{"_id": i, "name": name} for i in range(50)])


def change(client, catalog=True):
    """In what has been read and in what has not. What the catalog has no more cannot be read as of a time before."""
    db = client.shop
    for ids in ({"$lt": 100}, {"$gte": DOCUMENTS - 100}):
        db.orders.update_many({"_id": ids}, {"$inc": {"n": 1}})
    db.orders.delete_many({"_id": {"$in": [5, DOCUMENTS - 5]}})
    db.orders.insert_many([{"_id": -1}, {"_id": DOCUMENTS + 1}])
    db.log.insert_one({"_id": 1000})
    if catalog:
        db.carts.drop()
        db.users.rename("people")


def summary_of(out):
    return json.loads(out.splitlines()[-1])


def check(varve, target, expected, summary, lost, went_on):
    """Complete, of the moment, and whoever reads it knows that two members were read."""
    assert summary["result"] == "complete" and not summary["shortfalls"]
    told = [remark for remark in summary["remarks"] if "was lost while it was read" in remark]
    assert len(told) == 1 and told[0].startswith(lost.host) and went_on.host in told[0]
    assert told[0] in varve("show", "latest").stdout
    assert restore(varve, target)["verified"]
    assert not differences(expected, state_of(target, "shop"))
    assert not list((varve.path / "locks").iterdir())


@pytest.mark.parametrize("ids", ["ascending", "random"])
@pytest.mark.parametrize("read_at", ["one-time", "window"])
def test_a_member_that_dies(varve, replica_set, mongod, read_at, ids):
    """By `_id` reading goes on where it was, in natural order from the collection's start."""
    rs = replica_set(members=3, hidden=1, extra_args=HOLDABLE)
    order = list(range(DOCUMENTS))
    if ids == "random":
        random.Random(1).shuffle(order)
    fill(rs, order)
    rs.wait_for_replication()
    before = state_of(rs, "shop")
    hidden = rs.hidden[0]
    with backup_held_amid(varve, rs, "shop.orders", "--read-at", read_at, held=hidden) as (process, _):
        with rs.client() as client:
            change(client, catalog=read_at == "window")
        after = state_of(rs, "shop")
        hidden.kill()
        out, _ = finish(process)
    summary = summary_of(out)
    assert summary["consistency"] == read_at
    check(varve, mongod(), before if read_at == "one-time" else after, summary, hidden, rs.secondaries[0])
    manifest = json.loads(varve("show", "latest", "--json").stdout)["manifest"]
    orders = next(c for c in manifest["collections"] if c["collection"] == "orders")
    assert orders["order"] == ("_id" if ids == "ascending" else "natural")


@pytest.mark.parametrize("version", ["6.0.5", "5.0.4", "4.2.6"])
def test_a_primary_that_dies(varve, replica_set, mongod, version):
    """What was not majority-committed then is not in the backup, or else it is there still."""
    rs = replica_set(version=version, members=3, hidden=0, extra_args=HOLDABLE)
    fill(rs)
    rs.wait_for_replication()
    old = rs.primary
    args = ("--member", "primary", "--read-at", "window")
    before_first = backup_held_at(varve, rs, "shop.orders", *args, held=old)
    with backup_held_amid(varve, rs, "shop.orders", *args, held=old) if version != "4.2.6" else before_first as (process, _):
        with rs.client() as client:
            change(client)
        with old.client(w=1) as client:
            client.shop.orders.insert_many([{"_id": f"perhaps {i}"} for i in range(1000)])
        old.kill()
        out, _ = finish(process)
    check(varve, mongod(version=version), state_of(rs, "shop"), summary_of(out), old, rs.primary)


def test_writes_go_on_when_it_dies(varve, replica_set, mongod):
    """Half of the documents are of one member and half of another one that was behind: together of one moment. A writer moves
    units between two collections, whose sum is the same at every moment."""
    rs = replica_set(members=3, hidden=1, extra_args=HOLDABLE)
    fill(rs)
    with rs.client() as client:
        client.shop.left.insert_many([{"_id": i, "n": 10, "x": "x" * 1000} for i in range(18_000)])
        client.shop.right.insert_many([{"_id": i, "n": 0, "x": "x" * 1000} for i in range(18_000)])
    rs.wait_for_replication()
    stop, moved = threading.Event(), []

    def move():
        dice = random.Random(2)
        with rs.client() as client, client.start_session() as session:
            while not stop.is_set():
                one, other = dice.randrange(18_000), dice.randrange(18_000)
                with session.start_transaction():
                    client.shop.left.update_one({"_id": one}, {"$inc": {"n": -1}}, session=session)
                    client.shop.right.update_one({"_id": other}, {"$inc": {"n": 1}}, session=session)
                moved.append((one, other))

    writer = threading.Thread(target=move)
    hidden = rs.hidden[0]
    with backup_held_amid(varve, rs, "shop.orders", "--read-at", "window", held=hidden) as (process, _):
        writer.start()
        try:
            wait_until(lambda: len(moved) > 200, "the writer to move something")
            hidden.kill()
            known = len(moved)
            out, _ = finish(process)
        finally:
            stop.set()
            writer.join()
    assert summary_of(out)["result"] == "complete"
    target = mongod()
    assert restore(varve, target)["verified"]
    with target.client() as client:
        left, right = (sum(d["n"] for d in client.shop[name].find({}, {"n": 1})) for name in ("left", "right"))
    assert left + right == 180_000 and right >= known, "no move is in by half, and none is missing that was made before"


def test_a_set_of_one_that_is_restarted(varve, mongod):
    """It is waited for, and read on."""
    source = mongod(replica_set="rs0", extra_args=HOLDABLE)
    fill(source)
    with backup_held_amid(varve, source, "shop.orders", "--read-at", "window", held=source) as (process, _):
        with source.client() as client:
            change(client)
        source.kill()
        time.sleep(3)
        source.start_again()
        out, _ = finish(process)
    check(varve, mongod(), state_of(source, "shop"), summary_of(out), source, source)


def test_a_set_that_is_gone(varve, mongod):
    """It is looked for, not for ever, and the error tells both what happened and what stood in the way."""
    source = mongod(replica_set="rs0", extra_args=HOLDABLE)
    fill(source)
    with backup_held_amid(varve, source, "shop.orders", held=source) as (process, _):
        source.kill()
        _, err = finish(process, 1)
    assert source.host in err and "could take its place" in err
    nothing_is_left(varve)


def test_a_store_that_fails_is_no_lost_member(varve, mongod):
    source = mongod(replica_set="rs0", extra_args=HOLDABLE)
    fill(source)
    with backup_held_amid(varve, source, "shop.orders", held=source) as (process, release):
        (varve.path / "data").rename(varve.path / "elsewhere")
        (varve.path / "data").write_text("in the way")
        release()
        _, err = finish(process, 1)
    assert "data" in err and "looking for a member" not in err


def test_another_set_at_the_same_place_is_not_read_on(varve, mongod):
    """RULES 23: a member that was made anew meanwhile holds other data, whatever its name."""
    source = mongod(replica_set="rs0", extra_args=HOLDABLE)
    fill(source)
    with backup_held_amid(varve, source, "shop.orders", held=source) as (process, _):
        source.kill()
        (source.folder / "data").rename(source.folder / "old")
        (source.folder / "data").mkdir()
        source.start_again()
        source.initiate([{"_id": 0, "host": source.host}])
        source.wait_for_state("PRIMARY")
        _, err = finish(process, 1)
    assert "belongs to another replica set" in err
    nothing_is_left(varve)


SHORT_LIVED = ["--setParameter", "cursorTimeoutMillis=700", "--setParameter", "clientCursorMonitorFrequencySecs=1"]


@pytest.mark.parametrize("replica_set_name", ["rs0", None])
@pytest.mark.parametrize("read_at", ["one-time", "window"])
def test_cursors_that_the_server_ends(varve, mongod, replica_set_name, read_at):
    """Storage that stalls longer than a cursor may be idle: reading goes on by `_id`, each document once."""
    source = mongod(replica_set=replica_set_name, extra_args=SHORT_LIVED)
    fill(source)
    saved = back_up(varve, source, "--limit-read", "5M", "--read-at", read_at)
    assert saved["result"] == "complete" and saved["consistency"] == (read_at if replica_set_name else "quiet")
    target = mongod()
    assert restore(varve, target)["verified"]
    assert not differences(state_of(source, "shop"), state_of(target, "shop"))


def test_a_member_read_before_is_read_again(varve, replica_set):
    """RULES 27: its natural order is its own, so among equals it is taken again, and another one where it is gone."""
    rs = replica_set(members=4, hidden=2)
    with rs.client() as client:
        client.shop.orders.insert_many([{"_id": random.random(), "x": random.random()} for _ in range(1000)])
    rs.wait_for_replication()
    one, other = rs.hidden
    for member in (one, other):
        back_up(varve, rs, "--member", member.host)
        for _ in range(3):
            assert back_up(varve, rs)["member"] == member.host
    other.kill()
    assert back_up(varve, rs)["member"] == one.host
