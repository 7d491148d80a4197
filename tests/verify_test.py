"""verify says where a server differs from a backup, by namespace and `_id`, and says it only then."""
import pytest

from harness.servers import Mongod
from harness.tools import Varve
from support.runs import at, back_up, restore, verify


def fill(client):
    shop = client.shop
    shop.orders.insert_many([{"_id": i, "text": f"order {i}"} for i in range(2000)])
    shop.orders.create_index("text", name="by text")
    shop.people.insert_many([{"_id": f"p{i}", "age": i} for i in range(20)])
    shop.people.create_index([("age", -1)])
    shop.create_collection("strict", validator={"a": {"$exists": True}})
    shop.create_collection("ring", capped=True, size=4096)
    shop.ring.insert_many([{"_id": i} for i in range(5)])
    shop.command("create", "adults", viewOn="people", pipeline=[{"$match": {"age": {"$gte": 18}}}])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A backup of a server that is gone."""
    varve = Varve(tmp_path_factory.mktemp("verify"))
    with Mongod(replica_set="rs0") as server:
        with server.client() as client:
            fill(client)
        back_up(varve, server)
    return varve


@pytest.fixture(scope="module")
def server():
    with Mongod() as server:
        yield server


@pytest.fixture
def shop(saved, server):
    """Database shop as it was backed up."""
    with server.client() as client:
        for name in ("shop", "elsewhere"):
            client.drop_database(name)
        restore(saved, server)
        yield client.shop


def found(saved, server, *args):
    """{namespace: difference} of a run that ends with 3, after a look at the text for people."""
    summary = verify(saved, server, *args, code=3)
    assert summary["result"] == "incomplete" and summary["exit_code"] == 3
    text = saved("verify", "latest", "--against", at(saved, server.uri), *args, code=3)
    differences = {d["namespace"]: d for d in summary["differences"]}
    for namespace, difference in differences.items():
        assert namespace in text.stdout + text.stderr
        for name in difference["missing"] + difference["extra"] + difference["changed"]:
            assert name in text.stdout + text.stderr
    return differences


def test_a_restored_copy_agrees(saved, server, shop):
    """ux.md: no difference is exit 0, and the summary counts what was compared."""
    summary = verify(saved, server)
    assert summary["differences"] == [] and summary["result"] == "complete"
    assert (summary["collections"], summary["documents"]) == (5, 2025)
    assert "agree" in saved("verify", "latest", "--against", at(saved, server.uri)).stdout.lower()


def test_documents_are_named_by_id(saved, server, shop):
    """DESIGN 7: one changed, one missing, one extra document in each of two collections, and no other."""
    shop.orders.update_one({"_id": 77}, {"$set": {"text": "order 78"}})
    shop.orders.delete_one({"_id": 78})
    shop.orders.insert_one({"_id": 5000})
    shop.people.update_one({"_id": "p3"}, {"$set": {"age": 3.0}})  # equal for a query, not for a backup
    differences = found(saved, server)
    assert differences.keys() == {"shop.orders", "shop.people"}
    orders = differences["shop.orders"]
    assert (orders["changed"], orders["missing"], orders["extra"]) == (["77"], ["78"], ["5000"])
    assert (orders["changed_count"], orders["missing_count"], orders["extra_count"]) == (1, 1, 1)
    assert differences["shop.people"]["changed"] == ['"p3"'] and not differences["shop.people"]["missing"]


def test_the_order_of_fields_counts(saved, server, shop):
    """A document is its bytes."""
    shop.people.replace_one({"_id": "p1"}, {"age": 1, "more": 1})
    shop.people.update_one({"_id": "p1"}, [{"$unset": "more"}, ])
    assert verify(saved, server)["differences"] == []
    shop.people.replace_one({"_id": "p1"}, {"more": 1, "age": 1})
    assert found(saved, server)["shop.people"]["changed_count"] == 1


def test_thousands_of_differences_are_counted_and_some_are_named(saved, server, shop):
    """A short list, and an exact count."""
    shop.orders.delete_many({"_id": {"$lt": 1500}})
    orders = found(saved, server)["shop.orders"]
    assert orders["missing_count"] == 1500 and 0 < len(orders["missing"]) < 100
    assert all(0 <= int(name) < 1500 for name in orders["missing"])


CHANGES = {
    "index missing": (lambda shop: shop.orders.drop_index("by text"), "shop.orders", ["by text", "missing"]),
    "index added": (lambda shop: shop.orders.create_index("new", name="by new"), "shop.orders", ["by new", "only on the server"]),
    "index key": (lambda shop: (shop.people.drop_index("age_-1"), shop.people.create_index([("age", 1)], name="age_-1")), "shop.people", ["age_-1", "key"]),
    "index hidden": (lambda shop: shop.command("collMod", "orders", index={"name": "by text", "hidden": True}), "shop.orders", ["by text", "hidden"]),
    "option changed": (lambda shop: shop.command("collMod", "strict", validator={"b": 1}), "shop.strict", ["validator"]),
    "option gone": (lambda shop: shop.command("collMod", "strict", validator={}), "shop.strict", ["validator"]),
    "collection missing": (lambda shop: shop.strict.drop(), "shop.strict", ["missing"]),
    "collection added": (lambda shop: shop.create_collection("fresh"), "shop.fresh", ["only on the server"]),
    "view changed": (lambda shop: shop.command("collMod", "adults", viewOn="people", pipeline=[]), "shop.adults", ["pipeline"]),
    "view missing": (lambda shop: shop.adults.drop(), "shop.adults", ["missing"]),
    "view replaced": (lambda shop: (shop.adults.drop(), shop.create_collection("adults")), "shop.adults", ["view", "collection"]),
}
PUSHED = ("index missing", "index key", "option changed", "collection missing", "collection added", "view changed")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in PUSHED else pytest.mark.all) for name in CHANGES])
def test_the_catalog_is_compared(saved, server, shop, name):
    """DESIGN 5: options, indexes and views are part of what was backed up."""
    change, namespace, words = CHANGES[name]
    change(shop)
    differences = found(saved, server)
    assert differences.keys() == {namespace}
    assert all(word in " ".join(differences[namespace]["what"]) for word in words), differences


def test_capped_collections_are_compared_in_order(saved, server, shop):
    """RULES 12: a capped collection's digest covers its order."""
    shop.ring.drop()
    shop.create_collection("ring", capped=True, size=4096)
    shop.ring.insert_many([{"_id": i} for i in (4, 3, 2, 1, 0)])
    assert found(saved, server).keys() == {"shop.ring"}


def test_filters_choose_what_is_compared(saved, server, shop):
    """DESIGN 8: taken is what some include matches and no exclude does; other databases are nobody's business."""
    shop.orders.delete_one({"_id": 1})
    shop.client.elsewhere.things.insert_one({})
    assert verify(saved, server, "--ns-exclude", "shop.orders")["differences"] == []
    assert verify(saved, server, "--ns-include", "shop.p*")["differences"] == []
    assert found(saved, server, "--ns-include", "*.orders").keys() == {"shop.orders"}


def test_verify_writes_nothing(saved, server, shop):
    """It may be pointed at production."""
    shop.orders.delete_one({"_id": 1})
    written = ("insert", "update", "delete", "getmore")[:3]
    before = shop.command("serverStatus")["opcounters"]
    found(saved, server)
    after = shop.command("serverStatus")["opcounters"]
    assert [after[name] for name in written] == [before[name] for name in written]
