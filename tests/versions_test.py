"""From one version of MongoDB to another: what means the same is translated, anything else is named before the first write."""
import copy

import pytest
from bson import json_util

from harness.servers import Mongod
from harness.tools import Varve
from support.data import fill
from support.runs import at, back_up, restore, state_of, verify
from support.state import differences

LEFT_BEHIND = "--allow-version-mismatch"


def numbers(version):
    return tuple(int(part) for part in version.split(".")[:2])


def new_things(shop):
    """What 6.0 has and 5.0 has not, and next to it what both have."""
    shop.plain.insert_many([{"_id": i, "a": i} for i in range(200)])
    shop.plain.create_index("a", hidden=False)
    shop.plain.create_index("b", name="prepared")
    shop.command("collMod", "plain", index={"name": "prepared", "prepareUnique": True})
    shop.plain.create_index("c", name="either", partialFilterExpression={"$or": [{"a": 1}, {"b": 2}]})
    shop.plain.create_index("d", name="nested", partialFilterExpression={"$and": [{"a": {"$in": [1]}}, {"$and": [{"b": {"$gt": 1}}, {"c": 1}]}]})
    shop.create_collection("quiet", changeStreamPreAndPostImages={"enabled": False})
    shop.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True}, expireAfterSeconds=10**9)
    shop.clustered.insert_one({"_id": 1})
    shop.create_collection("weather", timeseries={"timeField": "at"})
    shop.command("create", "dense", viewOn="plain", pipeline=[{"$densify": {"field": "a", "range": {"step": 1, "bounds": "full"}}}])
    shop.command("create", "few", viewOn="plain", pipeline=[{"$limit": 3}])


@pytest.mark.all
def test_what_the_target_cannot_take_is_named_before_the_first_write(varve, mongod):
    """RULES 15: collection, option and version by name, with the option that leaves them out."""
    source, target = mongod("6.0.5"), mongod("5.0.4")
    with source.client() as client:
        new_things(client.shop)
    back_up(varve, source)
    untouched = state_of(target)
    refused = varve("restore", "latest", "--to", at(varve, target.uri, "target"), "--yes", code=1).stderr
    for words in ("6.0.5", "5.0.4", "compatibility version is 6.0", "shop.plain", "prepared", "prepareUnique", '"either" has $or in its partialFilterExpression', "shop.clustered: it is clustered",
                  "shop.weather: it is a time-series", "shop.dense", "$densify", "nothing was written", LEFT_BEHIND):
        assert words in refused, words
    assert "shop.few" not in refused and "shop.quiet" not in refused and "hidden" not in refused and "nested" not in refused
    assert state_of(target) == untouched
    plan = varve("restore", "latest", "--to", at(varve, target.uri, "target"), LEFT_BEHIND, "--dry-run", code=3).stdout
    assert "shop.weather: created" not in plan and "left out: shop.weather" in plan
    done = restore(varve, target, LEFT_BEHIND, code=3)
    assert len(done["skipped"]) == 5 and all("left out" in each["reason"] for each in done["skipped"]), done["skipped"]
    found = state_of(target, "shop")
    wanted = state_of(source, "shop")
    assert found.keys() == {"shop.plain", "shop.quiet", "shop.clustered", "shop.few"}
    assert found["shop.plain"].documents == wanted["shop.plain"].documents and found["shop.plain"].indexes.keys() == {"_id_", "a_1", "nested"}
    comparisons = {"$and": [{"a": {"$eq": 1}}, {"b": {"$gt": 1}}, {"c": 1}]}
    assert json_util.loads(found["shop.plain"].indexes["nested"]["partialFilterExpression"]) == comparisons
    differs = verify(varve, target, code=3)
    assert "nested" not in str(differs["differences"]) and any("nested" in remark for remark in differs["remarks"])
    assert found["shop.clustered"].documents == wanted["shop.clustered"].documents and not found["shop.clustered"].options
    assert found["shop.few"] == wanted["shop.few"]


def said_otherwise(state):
    """Takes out what newer servers write in other words by themselves: numbers as doubles, a projection's `_id`."""
    indexes = state["shop.indexed"].indexes
    said = [indexes["flat_2d"].pop(name) for name in ("min", "max")] + [indexes["$**_1"].pop("wildcardProjection")]
    assert all(said)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """{version: (varve, what was backed up)} of servers that hold all that they can."""
    found = {}

    def get(version):
        if version not in found:
            varve = Varve(tmp_path_factory.mktemp("saved"))
            with Mongod(version) as server:
                with server.client() as client:
                    fill(client, numbers(version))
                    if numbers(version) < (5, 0):
                        client.shop.haystack.insert_one({"_id": 1, "p": [1, 1], "k": 1})
                        client.shop.haystack.create_index([("p", "geoHaystack"), ("k", 1)], bucketSize=1, name="hay")
                back_up(varve, server)
                found[version] = varve, state_of(server)
        return found[version]
    return get


@pytest.mark.all
@pytest.mark.parametrize("old, new", [("4.2.6", "5.0.4"), ("4.2.6", "6.0.5"), ("5.0.4", "6.0.5")])
def test_upwards_all_comes_back(saved, mongod, old, new):
    """Only what the newer version has given up is in the way, and is named."""
    varve, wanted = saved(old)
    target = mongod(new)
    if numbers(old) < (5, 0):
        refused = varve("restore", "latest", "--to", at(varve, target.uri, "target"), "--yes", code=1).stderr
        assert "shop.haystack" in refused and "geoHaystack" in refused and new in refused
        assert "shop.haystack" not in state_of(target)
        restore(varve, target, LEFT_BEHIND, code=3)
        wanted = dict(wanted)
        hay = wanted.pop("shop.haystack")
        found = state_of(target)
        assert found.pop("shop.haystack").documents == hay.documents
    else:
        assert restore(varve, target)["result"] == "complete"
        found = state_of(target)
    wanted = copy.deepcopy(wanted)
    said_otherwise(wanted)
    said_otherwise(found)
    assert not differences(wanted, found)
    differs = verify(varve, target, code=None)["differences"]
    assert {each["namespace"] for each in differs} <= {"shop.haystack"}, "what servers say otherwise is no difference"


@pytest.mark.all
@pytest.mark.parametrize("new, old", [("5.0.4", "4.2.6"), ("6.0.5", "4.2.6"), ("6.0.5", "5.0.4")])
def test_downwards_what_is_taken_is_right(saved, mongod, new, old):
    """Refused as a whole; with --allow-version-mismatch every document of what both know is there, and the rest is named."""
    varve, wanted = saved(new)
    target = mongod(old)
    untouched = state_of(target)
    refused = varve("restore", "latest", "--to", at(varve, target.uri, "target"), "--yes", code=1).stderr
    assert "compatibility version" in refused and state_of(target) == untouched
    done = restore(varve, target, LEFT_BEHIND, code=3)
    found = state_of(target)
    named = " ".join(each["reason"] for each in done["skipped"])
    for name in wanted.keys() - found.keys():
        logical = name.replace("system.buckets.", "")
        assert logical in named or len(name.encode()) > 120 and name[:60] in named, name
    for name, collection in found.items():
        assert collection.documents == wanted[name].documents, name
        if wanted[name].indexes.keys() - collection.indexes.keys() or wanted[name].options != collection.options:
            assert name in named, name
