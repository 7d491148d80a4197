"""Servers that speak MongoDB's protocol and are another one: what they can is done exactly, the rest is refused in a sentence."""
import datetime
import json

import bson
import pytest
from bson import Decimal128, Int64, ObjectId, Regex, Timestamp

from harness.others import FerretDB, SecantusDB
from harness.servers import Mongod
from harness.tools import mongorestore
from support.runs import at, back_up, new_repository, restore, state_of, verify
from support.state import differences

pytestmark = pytest.mark.all

SERVERS = pytest.mark.parametrize("kind", [FerretDB, SecantusDB])
LEFT_BEHIND = "--allow-version-mismatch"


def fill_plainly(client):
    """Documents and indexes such as every server has them."""
    day = datetime.datetime(2026, 1, 1)
    client.shop.orders.insert_many(
        [{"_id": i, "number": i, "share": i / 3, "text": "ü" * i, "key": ObjectId(), "day": day, "long": Int64(i), "even": i % 2 == 0,
          "nothing": None, "bytes": b"abc", "like": Regex("a.*", "i"), "list": [1, "2", {"x": 1}], "deep": {"y": {"z": 1}},
          "stamp": Timestamp(5, i)} for i in range(500)])
    client.shop.orders.create_index("number")
    client.shop.orders.create_index([("text", 1), ("number", -1)])
    client.shop.orders.create_index("key", unique=True)
    client.shop.create_collection("empty")
    client.other.things.insert_one({"_id": "a"})


@pytest.fixture(scope="module")
def real():
    with Mongod("6.0.5", replica_set="rs0") as server:
        yield server


@pytest.fixture
def target(real):
    """The real one, empty."""
    with real.client() as client:
        for name in set(client.list_database_names()) - {"admin", "config", "local"}:
            client.drop_database(name)
    return real


def plain_state(server):
    return state_of(server, "shop", "other")


@SERVERS
def test_documents_and_plain_indexes_come_across(varve, target, kind):
    """To the byte, from it to a MongoDB; whether it was written to meanwhile nobody knows, and that is said."""
    with kind() as server:
        with server.client() as client:
            fill_plainly(client)
        saved = back_up(varve, server, code=3)
        assert saved["consistency"] == "inconsistent" and len(saved["shortfalls"]) == 1, saved
        assert kind.__name__ in saved["shortfalls"][0] and "--accept-inconsistent" in saved["shortfalls"][0]
        assert kind.__name__ in str(saved["remarks"]) and "not MongoDB" in str(saved["remarks"])
        assert saved["collections"] == 3 and saved["documents"] == 501
        again = back_up(varve, server, "--accept-inconsistent")
        assert again["exit_code"] == 0 and again["data_added"] < saved["data_added"] / 10
        assert verify(varve, server)["differences"] == []
        restored = restore(varve, target, code=3)
        assert [each["reason"] for each in restored["skipped"]] == [
            "the backup is of a standalone server that was, or may have been, written to while it was read"], restored
        assert differences(plain_state(server), plain_state(target)) == []


@SERVERS
def test_a_real_backup_comes_to_it(varve, target, kind):
    """Exactly, read back, with exit 0; and from there again."""
    with kind() as server:
        with target.client() as client:
            fill_plainly(client)
        back_up(varve, target)
        restored = restore(varve, server)
        assert restored["documents"] == 501 and restored["indexes"] == 3 and not restored["skipped"]
        assert verify(varve, server)["differences"] == []
        assert differences(plain_state(target), plain_state(server)) == []
        there = varve("restore", "latest", "--to", at(varve, server.uri, "target"), "--yes", code=1).stderr
        assert "exist on the target" in there
        with server.client() as client:
            client.shop.orders.update_one({"_id": 7}, {"$set": {"number": -7}})
        differing = varve("verify", "latest", "--against", at(varve, server.uri, "target"), code=3).stdout
        assert "shop.orders" in differing and "7" in differing
        restore(varve, server, "--drop=first")
        assert differences(plain_state(target), plain_state(server)) == []


@SERVERS
def test_what_it_has_not_is_refused_by_name(varve, kind):
    """A lock; and the doctor says before what a backup would."""
    with kind() as server:
        with server.client() as client:
            fill_plainly(client)
        new_repository(varve)
        refused = varve("backup", at(varve, server.uri), "--lock", code=1).stderr
        assert f"{kind.__name__}" in refused and "cannot be locked; nothing was saved" in refused and "leave --lock out" in refused
        assert json.loads(varve("snapshots", "--json").stdout) == []
        said = varve("doctor", at(varve, server.uri), code=3).stdout
        assert kind.__name__ in said and "not MongoDB" in said and "3 would be backed up" in said


@SERVERS
def test_stock_tools_take_what_was_backed_up_of_it(varve, target, kind):
    with kind() as server:
        with server.client() as client:
            fill_plainly(client)
        back_up(varve, server, "--accept-inconsistent")
        out = varve.folder / "export"
        warned = varve("export", "latest", "--out", out, code=3).stderr
        assert "may have been, written to" in warned
        mongorestore("--uri", target.uri, "--oplogReplay", "--quiet", out)
        assert differences(plain_state(server), plain_state(target)) == []


def special_things(shop):
    """What FerretDB has not."""
    shop.orders.insert_many([{"_id": i, "a": i} for i in range(20)])
    shop.orders.create_index("a")
    shop.orders.create_index("b", sparse=True)
    shop.orders.create_index("c", expireAfterSeconds=10**9)
    shop.orders.create_index([("d", "hashed")])
    shop.create_collection("view", viewOn="orders", pipeline=[])
    shop.create_collection("strict", validator={"n": {"$gt": 1}})
    shop.strict.insert_one({"_id": 1, "n": 5})
    shop.create_collection("weather", timeseries={"timeField": "at"})
    shop.weather.insert_one({"at": datetime.datetime(2026, 1, 1)})


def test_what_ferretdb_cannot_take_is_named_before_the_first_write(varve, target, ferretdb):
    """RULES 15: by trying it out on an empty collection, since it silently drops some of it."""
    server = ferretdb()
    with target.client() as client:
        special_things(client.shop)
    back_up(varve, target)
    refused = varve("restore", "latest", "--to", at(varve, server.uri, "target"), "--yes", code=1).stderr
    for words in ("is FerretDB, which does not take all of the backup; nothing was written", "shop.orders: index b_1: sparse is true",
                  "shop.orders: index c_1 is refused", "expireAfterSeconds", "shop.orders: index d_hashed is refused",
                  "shop.view: its options are refused", "viewOn", "shop.strict: its options are refused", "validator",
                  "shop.weather: it is a time-series", LEFT_BEHIND):
        assert words in refused, (words, refused)
    with server.client() as client:
        assert "shop" not in client.list_database_names()
        assert not client.varve_restore.list_collection_names()
    plan = varve("restore", "latest", "--to", at(varve, server.uri, "target"), "--dry-run").stdout
    assert "found out by a restore" in plan and "shop.strict" in plan
    restored = restore(varve, server, LEFT_BEHIND, code=3)
    assert len(restored["skipped"]) == 6 and all("left out" in each["reason"] for each in restored["skipped"]), restored["skipped"]
    found, wanted = state_of(server, "shop"), state_of(target, "shop")
    assert found.keys() == {"shop.orders", "shop.strict"}
    assert found["shop.orders"].indexes.keys() == {"_id_", "a_1"}
    assert all(found[name].documents == wanted[name].documents for name in found)


def test_ferretdb_replaces_only_what_is_dropped_first(varve, target, ferretdb):
    """It renames nothing over another, which is found out before its collections are touched."""
    server = ferretdb()
    for one in (server, target):
        with one.client() as client:
            client.shop.orders.insert_one({"_id": 1, "of": one.name})
    back_up(varve, target)
    refused = varve("restore", "latest", "--to", at(varve, server.uri, "target"), "--drop", "--yes", code=1).stderr
    assert "FerretDB cannot put one collection in the place of another; nothing was written" in refused and "--drop=first" in refused
    with server.client() as client:
        assert client.shop.orders.find_one() == {"_id": 1, "of": server.name} and client.shop.list_collection_names() == ["orders"]
    restore(varve, server, "--drop=first")
    assert differences(state_of(target, "shop"), state_of(server, "shop")) == []


def test_indexes_are_tried_out_where_a_collection_stays(varve, target, ferretdb):
    """Those that it has not yet: it would build one without what it does not know, and not say so."""
    server = ferretdb()
    with target.client() as client, server.client() as other:
        client.shop.orders.insert_one({"_id": 1, "b": 1})
        client.shop.orders.create_index("a")
        client.shop.orders.create_index("b", sparse=True)
        other.shop.orders.insert_one({"_id": 2})
    back_up(varve, target)
    refused = varve("restore", "latest", "--to", at(varve, server.uri, "target"), "--merge=missing", "--yes", code=1).stderr
    assert "shop.orders: index b_1: sparse is true" in refused and "nothing was written" in refused
    restored = restore(varve, server, "--merge=missing", LEFT_BEHIND, code=3)
    assert len(restored["skipped"]) == 1 and "b_1" in str(restored["skipped"]), restored["skipped"]
    with server.client() as other:
        assert other.shop.orders.index_information().keys() == {"_id_", "a_1"} and other.shop.orders.count_documents({}) == 2


@pytest.mark.parametrize("value", [Decimal128("1.5"), -0.0, {"a.b": 1}], ids=["decimal", "minus zero", "dot"])
def test_no_value_that_ferretdb_cannot_hold_is_said_to_be_restored(varve, target, ferretdb, value):
    """It ends the connection over one, changes another, and refuses a third."""
    server = ferretdb()
    with target.client() as client:
        client.shop.items.insert_many([{"_id": 1}, {"_id": 2, "value": value}])
    back_up(varve, target)
    said = varve("restore", "latest", "--to", at(varve, server.uri, "target"), "--yes", code=(1, 3))
    words = said.stdout + said.stderr
    assert "shop.items" in words, words
    if isinstance(value, Decimal128):
        assert said.code == 1 and "may not hold every value" in words and "--ns-exclude" in words, words


def test_the_oplog_of_secantusdb_is_never_followed(varve, target, secantusdb):
    """It calls itself a set, and its updates are {updatedFields, removedFields}: read as it comes, and told."""
    server = secantusdb()
    with server.client() as client:
        fill_plainly(client)
        client.shop.orders.update_many({}, {"$set": {"deep.y": 2}, "$unset": {"even": 1}})
        client.shop.orders.delete_one({"_id": 3})
        entries = list(client.local["oplog.rs"].find())
    assert any("updatedFields" in str(entry) for entry in entries), "it has learnt MongoDB's dialect"
    saved = back_up(varve, server, code=3)
    assert saved["replica_set"] == "" and saved["moment"] is None and saved["oplog_operations"] == 0
    restore(varve, target, code=3)
    assert differences(plain_state(server), plain_state(target)) == []


def test_the_oplog_of_secantusdb_is_refused_by_name_where_it_is_imported(varve, secantusdb):
    server = secantusdb()
    with server.client() as client:
        client.shop.orders.insert_one({"_id": 1})
        begun = client.local["oplog.rs"].find().sort("$natural", -1).limit(1)[0]["ts"]
        client.shop.orders.update_one({"_id": 1}, {"$set": {"a": 1}})
        changed = list(client.local["oplog.rs"].find({"ts": {"$gt": begun}}))
    folder = varve.folder / "dump"
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "orders.bson").write_bytes(bson.encode({"_id": 1}))
    (folder / "shop" / "orders.metadata.json").write_text(json.dumps({"options": {}, "indexes": [], "collectionName": "orders"}))
    (folder / "oplog.bson").write_bytes(b"".join(map(bson.encode, changed)))
    new_repository(varve)
    refused = varve("import", folder, "--source", "shop", code=1).stderr
    assert "an update with 'updatedFields' on shop.orders" in refused, refused
    assert json.loads(varve("snapshots", "--json").stdout) == []
