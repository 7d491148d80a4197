"""Reading at one time: every document as of one cluster time, and what could not be had so is told and rolled forward."""
import json
import random

import pytest
from pymongo.errors import OperationFailure

from harness.servers import Mongod, wait_until
from support.hold import HOLDABLE, finish, reads_held
from support.ledger import Ledger, broken
from support.readings import AFTER, BIG, WINDOW, client, fill_big, server, target
from support.runs import at, back_up, new_repository, restore, state_of, verify
from support.state import differences, empty
from support.storm import moment_of


def summary(out):
    return json.loads(out.splitlines()[-1])


def manifest(varve):
    return json.loads(varve("dump", "latest", "/mongodb/shop/rs0/varve/manifest.json").stdout)


def how(varve):
    """{namespace: how it was read}, without the server's own."""
    return {f"{c['db']}.{c['collection']}": c["how"] for c in manifest(varve)["collections"] if c["db"] != "admin"}


def expect_restored(varve, target, expected):
    with target.client() as client:
        empty(client)
    assert restore(varve, target)["verified"] and not verify(varve, target)["differences"]
    assert not differences(expected, state_of(target))


def test_all_documents_are_of_one_time(varve, server, client, target):
    """RULES 2: the moment is the time of reading; capped collections are brought to it by the oplog, views have no documents."""
    client.shop.orders.insert_many([{"_id": i} for i in range(100)])
    client.shop.create_collection("seen", viewOn="orders", pipeline=[])
    expected = state_of(server)
    with AFTER.backup(varve, server) as (process, release):
        client.shop.orders.update_many({}, {"$set": {"late": True}})
        client.shop.late.insert_one({"_id": 1})
        client.big.capped.insert_one({"_id": "late"})
        release()
        saved = summary(finish(process)[0])
    assert saved["consistency"] == "one-time" and saved["read_at"] == saved["moment"] and not saved["remarks"]
    assert saved["oplog_operations"] == 0
    told = manifest(varve)
    assert told["t0"] <= told["read_at"] == told["t1"] == saved["moment"] and told["consistency"] == "one-time"
    assert how(varve) == {BIG: "snapshot", "big.capped": "window", "shop.orders": "snapshot", "shop.seen": "window"}
    expect_restored(varve, target, expected)


def test_what_comes_after_the_time_is_not_stored(varve, server, client):
    """The tail goes on to the end, but what it meets is no part of the backup."""
    client.shop.orders.insert_one({"_id": 0})
    noise = random.Random(1)
    with AFTER.backup(varve, server) as (process, release):
        client.shop.orders.insert_many([{"_id": i, "x": noise.randbytes(100_000)} for i in range(1, 200)])
        release()
        saved = summary(finish(process)[0])
    assert saved["consistency"] == "one-time" and saved["data_added"] < 10_000_000
    assert sum(path.stat().st_size for path in varve.path.rglob("*") if path.is_file()) < 10_000_000


@pytest.mark.all
def test_more_than_fits_into_memory_may_come_after_the_time(varve, server, client, target):
    """RULES 3: what has been put by on storage meanwhile counts if something falls back, else it is no part of the backup."""
    client.shop.orders.insert_many([{"_id": i} for i in range(500)])
    client.shop.gone.insert_one({"_id": 1})
    noise = random.Random(1)
    for falls_back in (False, True):
        before = state_of(server)
        with AFTER.backup(varve, server) as (process, release):
            for i in range(450):
                client.shop.orders.update_one({"_id": i}, {"$set": {"x": noise.randbytes(100_000)}})
            if falls_back:
                client.shop.gone.drop()
            release()
            saved = summary(finish(process)[0])
        assert saved["consistency"] == ("window" if falls_back else "one-time")
        assert (saved["oplog_operations"] > 450) == falls_back
        expect_restored(varve, target, state_of(server) if falls_back else before)
    varve("check", "--read-data")


def test_what_cannot_be_read_at_the_time_falls_back_by_itself(varve, server, client, target):
    """RULES 1, 3: a collection renamed since is read over the window; it is said, and everything is rolled forward to the end."""
    for name in ("renamed", "changed", "same"):
        client.shop[name].insert_many([{"_id": i, "n": 0} for i in range(50)])
    with AFTER.backup(varve, server) as (process, release):
        client.shop.renamed.rename("other name")
        client.shop["other name"].insert_one({"_id": "late"})
        client.shop.changed.update_many({}, {"$inc": {"n": 1}})
        client.big.capped.insert_one({"_id": "late"})
        release()
        saved = summary(finish(process)[0])
    assert saved["exit_code"] == 0 and saved["consistency"] == "window"
    assert moment_of(saved) > moment_of({"moment": saved["read_at"]})
    assert "read over a window, not at one time: shop.renamed" in str(saved["remarks"])
    assert how(varve) == {BIG: "snapshot", "big.capped": "window", "shop.changed": "snapshot", "shop.same": "snapshot",
                          "shop.renamed": "fallback"}
    expect_restored(varve, target, state_of(server))


def test_an_empty_answer_counts_only_while_the_collection_is_in_the_catalog(varve, server, client, target):
    """RULES 1: one that has gone by the end may have answered emptily because it was going."""
    client.shop.create_collection("a empty")
    client.shop.create_collection("b empty")
    new_repository(varve)
    with reads_held(server, "shop.b empty") as reading:
        process = varve.start("backup", at(varve, server.uri), "--source", "shop", "--readers", "1", "--json",
                              "--read-at", "one-time")
        reading.wait()
        client.shop["a empty"].drop()
        reading.release()
        saved = summary(finish(process)[0])
    assert saved["consistency"] == "window" and "shop.a empty (dropped while it was read)" in str(saved["remarks"])
    assert how(varve)["shop.a empty"] == "fallback" and how(varve)["shop.b empty"] == "snapshot"
    expect_restored(varve, target, state_of(server))


def test_a_temporary_that_changes_is_no_reason_to_fall_back(varve, server, client, target):
    """RULES 3, 4: what was temporary at the time of reading is no part of the moment."""
    client.shop["tmp.agg_out.4f3b1f57-3b5a-4a55-9d8a-0f6f7a1f2b3c"].insert_one({"_id": 1})
    client.shop.orders.insert_one({"_id": 1})
    with AFTER.backup(varve, server) as (process, release):
        client.shop["tmp.agg_out.4f3b1f57-3b5a-4a55-9d8a-0f6f7a1f2b3c"].rename("result")
        release()
        saved = summary(finish(process)[0])
    assert saved["consistency"] == "one-time" and "shop.result" not in str(how(varve))
    expect_restored(varve, target, {ns: c for ns, c in state_of(server).items() if ns != "shop.result"})


def test_a_history_that_was_not_kept_long_enough(varve, mongod, target):
    """RULES 2, 3: SnapshotTooOld in the middle of reading: what is left is read over the window, from its start."""
    server = mongod(replica_set="rs0", extra_args=[*HOLDABLE, "--setParameter", "minSnapshotHistoryWindowInSeconds=1"])
    with server.client() as client:
        fill_big(client, documents=30_000)  # more than one reply
        client.shop.orders.insert_many([{"_id": i, "n": 0} for i in range(100)])
        with AFTER.backup(varve, server) as (process, release):
            client.shop.orders.update_many({}, {"$inc": {"n": 1}})
            client.big.first.update_many({"_id": {"$mod": [7, 0]}}, {"$set": {"late": True}})
            reached = last_time(client)
            wait_until(lambda: client.shop.orders.insert_one({}) and is_given_up(client, reached), "the history to be given up")
            release()
            saved = summary(finish(process)[0])
        assert saved["exit_code"] == 0 and saved["consistency"] == "window"
        assert "no longer had its state of that time" in str(saved["remarks"])
        assert how(varve)["shop.orders"] == "fallback"
        expect_restored(varve, target, state_of(server))
        client.admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=300)
        assert back_up(varve, server)["consistency"] == "one-time"
        client.admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=0)
        assert back_up(varve, server)["consistency"] == "window", "more than fits into the history is not tried"


def last_time(client):
    return client.local["oplog.rs"].find(sort=[("$natural", -1)], limit=1)[0]["ts"]


def is_given_up(client, time):
    try:
        client.shop.command("find", "orders", readConcern={"level": "snapshot", "atClusterTime": time})
    except OperationFailure as error:
        return error.code == 239
    return False


@pytest.mark.all
def test_servers_before_5_0_are_read_over_a_window(varve, mongod):
    """It is said where it was asked for."""
    server = mongod("4.2.6", replica_set="rs0")
    with server.client() as client:
        client.shop.orders.insert_one({"_id": 1})
    saved = back_up(varve, server, "--read-at", "one-time")
    assert saved["consistency"] == "window" and saved["read_at"] is None
    assert saved["remarks"] == ["MongoDB 4.2.6 cannot be read at one time, which takes 5.0: it was read over a window"]
    assert not back_up(varve, server)["remarks"]


@pytest.mark.all
def test_5_0_is_read_at_one_time(varve, mongod, target):
    server = mongod("5.0.4", replica_set="rs0", extra_args=HOLDABLE)
    with server.client() as client:
        fill_big(client)
        client.shop.orders.insert_many([{"_id": i} for i in range(100)])
        expected = state_of(server)
        with AFTER.backup(varve, server) as (process, release):
            client.shop.orders.update_many({}, {"$set": {"late": True}})
            release()
            assert summary(finish(process)[0])["consistency"] == "one-time"
    expect_restored(varve, target, expected)


def test_a_way_that_does_not_exist(varve, server):
    new_repository(varve)
    refused = varve("backup", at(varve, server.uri), "--read-at", "noon", code=1)
    assert "there is no way to read 'noon'" in refused.stderr and "auto, one-time and window" in refused.stderr


ROUNDS = [pytest.param("6.0.5", n, marks=() if n < 5 else pytest.mark.all if n < 17 else pytest.mark.soak) for n in range(55)] + \
         [pytest.param(version, n, marks=pytest.mark.all) for version in ("5.0.4", "4.2.6") for n in range(5)]


@pytest.fixture(scope="module")
def older(server):
    """The source of that version, the older ones started when first asked for."""
    made = {"6.0.5": server}

    def get(version):
        if version not in made:
            made[version] = Mongod(version, replica_set="rs0", extra_args=HOLDABLE)
        return made[version]
    yield get
    for version, one in made.items():
        if version != "6.0.5":
            one.stop()


def ledger_operations(client, since):
    """How many entries its oplog has of the ledger from then on."""
    return client.local["oplog.rs"].count_documents({"ts": {"$gt": since}, "op": {"$ne": "n"},
                                                     "$or": [{"ns": {"$regex": "^ledger"}}, {"o.applyOps.ns": {"$regex": "^ledger"}}]})


@pytest.mark.parametrize("way", ["window", "one time", "half and half"])
@pytest.mark.parametrize("version, round", ROUNDS)
def test_an_invariant_over_collections_holds(varve, older, target, version, round, way):
    """RULES 2, 3, 9: whatever a writer does to two collections meanwhile, what comes back is one moment of both."""
    if version == "4.2.6" and way != "window":
        pytest.skip("4.2 cannot be read at one time")
    source = older(version)
    with source.client() as client:
        empty(client)
        fill_big(client)
        client.half.way.insert_many([{"_id": i} for i in range(10)])
        with Ledger(source, round) as ledger:
            ledger.wait_for(20)
            began = last_time(client)
            if way == "one time":
                saved = back_up(varve, source, "--read-at", "one-time", "--readers", "2")
            else:
                with (WINDOW if way == "window" else AFTER).backup(varve, source) as (process, release):
                    ledger.wait_for(60)
                    client.half.way.rename("moved")
                    release()
                    saved = summary(finish(process)[0])
            moved = ledger_operations(client, began)
            ledger.wait_for(5)
            ledger.stop()
            assert not broken(client), "the writer is wrong"
    assert moved > (0 if way == "one time" else 10), "the ledger stood still while it was read"
    assert saved["exit_code"] == 0 and (way != "window" or saved["oplog_operations"] > 10)
    if way == "half and half":
        assert saved["consistency"] == "window" and {"snapshot", "fallback"} <= set(how(varve).values())
    with target.client() as there:
        empty(there)
        assert restore(varve, target)["verified"]
        told = f"{saved['consistency']}, {how(varve)}, {dict(ledger.kinds)}"
        assert not broken(there), told
