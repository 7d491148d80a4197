"""Filters and new names of a restore, of a backup during which collections moved: the same as filtering and renaming the final state."""
import pytest

from harness.servers import Mongod
from support.hold import HOLDABLE, finish
from support.readings import AFTER, BEFORE, WINDOW, fill_big
from support.runs import restore, state_of, verify
from support.selections import chosen, selected
from support.state import differences, empty

SELECTIONS = {
    "all": ([], []), "one database": (["one.*"], []), "the other": (["two.*"], []), "new names": ([], [("two.*", "copy.*")]),
    "what came from elsewhere": (["two.moved", "two.taken"], [("two.$name$", "one.$name$ here")]),
    "changed places": ([], [("one.*", "two.*"), ("two.*", "one.*")]), "into one": (["one.stays", "two.moved"], [("two.moved", "one.moves")]),
}


@pytest.fixture(scope="module")
def server():
    with Mongod(replica_set="rs0", extra_args=HOLDABLE) as server:
        yield server


@pytest.fixture(scope="module")
def target():
    with Mongod() as target:
        yield target


def fill(client):
    empty(client)
    fill_big(client)
    for name in ("moves", "stays", "replacing", "renamed"):
        client.one[name].insert_many([{"_id": i, "v": f"one.{name}"} for i in range(30)])
        client.one[name].create_index("v", name=f"of {name}")
    for name in ("replaced", "goes", "taken"):
        client.two[name].insert_many([{"_id": i, "v": f"two.{name}"} for i in range(30)])
    client.one.command("create", "seen", viewOn="stays", pipeline=[{"$match": {"v": {"$exists": True}}}])
    client.one.create_collection("series", timeseries={"timeField": "at"})


def move(client):
    """Between the databases and back, over what is there, and with writes before and after."""
    def rename(old, new, **how):
        client.admin.command("renameCollection", old, to=new, **how)
    client.one.moves.update_one({"_id": 1}, {"$set": {"v": "before it moved"}})
    rename("one.moves", "two.moved")
    client.two.moved.update_one({"_id": 2}, {"$set": {"v": "after it moved"}})
    rename("one.replacing", "two.replaced", dropTarget=True)
    client.two.replaced.insert_one({"_id": "new"})
    rename("two.taken", "one.on its way")
    client.one["on its way"].delete_many({"_id": {"$lt": 5}})
    rename("one.on its way", "two.taken")
    rename("one.renamed", "one.renamed again")
    client.one.moves.insert_one({"_id": "of a new one"})
    client.two.goes.drop()
    client.one.stays.aggregate([{"$set": {"out": 1}}, {"$out": "made"}])
    client.one.stays.create_index("out")


@pytest.mark.parametrize("reading", [WINDOW, *(pytest.param(reading, marks=pytest.mark.all) for reading in (BEFORE, AFTER))], ids=str)
def test_a_part_under_other_names_is_the_part_renamed(varve, server, target, reading):
    """RULES 4, DESIGN 8: filters apply to the name at the moment, whatever a collection was called before."""
    with server.client() as client, target.client() as there:
        fill(client)
        with reading.backup(varve, server) as (process, release):
            move(client)
            release()
            finish(process)
        expected = state_of(server, auth=False)
        for what, (includes, renames) in SELECTIONS.items():
            words, renamed = selected(includes, ["big.*"], renames)
            empty(there)
            assert restore(varve, target, *words)["verified"], what
            assert not differences(chosen(expected, words, renamed), state_of(target, auth=False)), what
            assert not verify(varve, target, *words)["differences"], what
