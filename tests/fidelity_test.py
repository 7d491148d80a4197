"""What comes back is what was there: every byte, option, index, view, user, on every kind of server."""
import pymongo
import pytest

from support.data import PASSWORD, USER, fill
from support.runs import back_up, restore, state_of, verify
from support.state import differences


def numbers(version):
    return tuple(int(part) for part in version.split(".")[:2])


def login(state):
    """Takes the document of the harness's own user out."""
    documents = state["admin.system.users"].documents
    return documents.pop(next(key for key in documents if b"admin.root" in key))


def round_trip(varve, source, target, first, replica_set):
    """Fills, backs up, restores into another server and compares with pymongo."""
    with first.client() as client:
        fill(client, numbers(first.version), replica_set)
        if replica_set:
            client.admin.command("appendOplogNote", 1, data={}, writeConcern={"w": "majority", "wtimeout": 30_000})
    before, root = state_of(first), login(state_of(target))
    saved = back_up(varve, source)
    assert saved["result"] == "complete" and not saved["skipped"], saved
    restored = restore(varve, target)
    assert restored["result"] == "complete", restored
    after = state_of(target)
    login(before)
    assert login(after) == root, "the login in use stays as it is"
    assert not differences(before, after)
    assert {"shop.clerk", "admin.chief"} <= set(restored["users_added"]), restored
    assert restored["users_kept"] == ["admin.root"]
    assert verify(varve, target)["differences"] == []
    with pymongo.MongoClient(target.uri_as(USER, PASSWORD, "shop")) as client:
        assert client.shop["values"].find_one({"_id": 1})
        with pytest.raises(pymongo.errors.OperationFailure):
            client.shop["german"].find_one()
    return saved


def test_a_standalone_comes_back_byte_for_byte(varve, mongod):
    """RULES 7, 13, 16-18, and the promise of raw BSON end to end: documents, options, indexes, views, users of a standalone."""
    source, target = mongod(auth=True), mongod(auth=True)
    round_trip(varve, source, target, source, replica_set=False)


@pytest.mark.all
@pytest.mark.parametrize("version", ["6.0.5", "5.0.4", "4.2.6"])
def test_a_replica_set_comes_back_from_its_hidden_member(varve, mongod, replica_set, version):
    """RULES 6: the hidden member is read by default, and nothing is lost by it."""
    source, target = replica_set(version, members=3, hidden=1, auth=True), mongod(version, replica_set="rs1", auth=True)
    saved = round_trip(varve, source, target, source.primary, replica_set=True)
    assert source.hidden[0].host in str(saved["member"])


@pytest.mark.all
@pytest.mark.parametrize("version", ["5.0.4", "4.2.6"])
def test_an_older_standalone_comes_back_byte_for_byte(varve, mongod, version):
    """The versions that are promised, as sources and targets."""
    source, target = mongod(version, auth=True), mongod(version, auth=True)
    round_trip(varve, source, target, source, replica_set=False)


@pytest.mark.all
@pytest.mark.parametrize("order", ["id", "natural"])
def test_both_orders_hold_every_document(varve, mongod, order):
    """DESIGN 5: a file is in `_id` order or in natural order; neither loses or repeats a document of any `_id` type."""
    source, target = mongod(), mongod()
    with source.client() as client:
        fill(client, numbers(source.version))
    back_up(varve, source, "--order", order)
    restore(varve, target)
    assert not differences(state_of(source), state_of(target))


@pytest.mark.all
def test_an_older_server_comes_back_on_a_newer_one(varve, mongod):
    """Old data on a new server: the raw documents are the same, whatever the catalog gains."""
    source, target = mongod("4.2.6"), mongod()
    with source.client() as client:
        fill(client, (4, 2))
    back_up(varve, source)
    restore(varve, target)
    before, after = state_of(source, auth=False), state_of(target, auth=False)
    for ns in before:
        assert after[ns].documents == before[ns].documents, ns
        assert after[ns].indexes.keys() == before[ns].indexes.keys(), ns


@pytest.mark.all
def test_two_thousand_collections(varve, mongod):
    """DESIGN 6: 2,000 collections cost neither 2,000 threads nor 2,000 packs."""
    source, target = mongod(replica_set="rs0", cache_gb=1), mongod(replica_set="rs0", cache_gb=1)
    with source.client() as client:
        for i in range(2000):
            client["many"][f"c{i:04}"].insert_many([{"_id": j, "v": "x" * 50} for j in range(5)])
    saved = back_up(varve, source, "--ns-include", "many.*")
    assert saved["collections"] == 2000 and saved["documents"] == 10_000
    packs = sum(1 for path in (varve.path / "data").rglob("*") if path.is_file())
    assert packs < 20
    restore(varve, target)
    assert not differences(state_of(source, "many"), state_of(target, "many"))
    again = back_up(varve, source, "--ns-include", "many.*")
    assert again["data_added_packed"] < 300_000, "little more than the manifest"
