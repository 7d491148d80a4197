"""A restore under other names, into collections that exist, without indexes or expiry, with users, and how durable."""
import datetime

import bson
import bson.json_util
import pymongo
import pytest

from harness.servers import Mongod
from harness.tools import Varve, mongorestore
from support.runs import at, back_up, export, restore, state_of, verify
from support.state import differences, empty

LOOKUP = [{"$lookup": {"from": "people", "localField": "who", "foreignField": "_id", "as": "p", "pipeline": [
    {"$unionWith": "orders"}, {"$unionWith": {"coll": "people", "pipeline": []}}]}}]
LONG_AGO = datetime.datetime(2020, 1, 1)


def fill(client):
    shop = client.shop
    shop.orders.insert_many([{"_id": i, "who": i % 10, "text": f"order {i}" * 20} for i in range(2000)])
    shop.orders.create_index("text")
    shop.people.insert_many([{"_id": i, "at": bson.Timestamp(1, i + 1)} for i in range(10)])
    shop.command("create", "named", viewOn="orders", pipeline=LOOKUP)
    shop.create_collection("heat", timeseries={"timeField": "t", "metaField": "m"}, expireAfterSeconds=10**9)
    shop.heat.insert_many([{"t": LONG_AGO + datetime.timedelta(minutes=i), "m": i % 3, "x": i} for i in range(500)])
    shop.create_collection("ring", capped=True, size=1 << 16)
    shop.ring.insert_many([{"_id": i} for i in range(50)])
    shop.sessions.insert_one({"_id": 1, "seen": LONG_AGO})
    shop.sessions.create_index("seen", expireAfterSeconds=60)
    client.other.things.insert_one({"_id": 1})


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(varve, what was backed up)."""
    varve = Varve(tmp_path_factory.mktemp("options"))
    quiet = ("--setParameter", "ttlMonitorEnabled=false")
    with Mongod(replica_set="rs0", extra_args=quiet) as server:
        with server.client() as client:
            fill(client)
        back_up(varve, server)
        return varve, state_of(server)


@pytest.fixture(scope="module")
def shared_target():
    with Mongod(replica_set="rs1", extra_args=("--setParameter", "ttlMonitorEnabled=false")) as target:
        yield target


@pytest.fixture
def target(shared_target):
    with shared_target.client() as client:
        empty(client)
    return shared_target


def renamed(state, function):
    return {function(name): collection for name, collection in state.items()}


def refused(varve, target, *args):
    before = state_of(target)
    done = varve("restore", "latest", "--to", at(varve, target.uri), "--yes", *args, code=1)
    assert state_of(target) == before
    return done.stderr


class TestNames:
    RENAMES = "--ns-from", "shop.*", "--ns-to", "copy.*_2"

    def test_a_renamed_restore_is_the_renamed_state(self, saved, target):
        """DESIGN 8 and RULES 19: buckets go with their time-series, views are rewritten, and verify knows the new names."""
        varve, original = saved
        done = restore(varve, target, *self.RENAMES)
        assert done["result"] == "complete" and done["verified"]

        def name(old):
            return old if not old.startswith("shop.") else \
                "copy." + old[5:] + "_2"
        found = state_of(target, auth=False)
        wanted = renamed({n: c for n, c in original.items() if not n.startswith("admin.")}, name)
        assert found.keys() == wanted.keys()
        view = bson.json_util.loads(found["copy.named_2"].options["pipeline"])
        assert found["copy.named_2"].options["viewOn"] == '"orders_2"'
        lookup = view[0]["$lookup"]
        assert lookup["from"] == "people_2"
        assert lookup["pipeline"] == [{"$unionWith": "orders_2"}, {"$unionWith": {"coll": "people_2", "pipeline": []}}]
        wanted.pop("copy.named_2"), found.pop("copy.named_2")
        assert differences(wanted, found) == []
        assert verify(varve, target, *self.RENAMES)["differences"] == []
        assert verify(varve, target, code=3)["differences"]
        with target.client() as client:
            assert len(next(client.copy.named_2.find())["p"]) > 0, "the view reads what it is to read"

    def test_beside_what_is_there(self, saved, target):
        """ux.md, the worst day: what is there stays untouched, and the plan says where things go."""
        varve, original = saved
        restore(varve, target)
        before = state_of(target)
        words = "--ns-include", "shop.orders", "--ns-from", "shop.orders", "--ns-to", "shop.orders_saved"
        plan = varve("restore", "latest", "--to", at(varve, target.uri), "--dry-run", *words).stdout
        assert "shop.orders as shop.orders_saved: created" in plan
        restore(varve, target, *words)
        after = state_of(target)
        saved_one = after.pop("shop.orders_saved")
        assert after == before and saved_one == original["shop.orders"]

    def test_replaces_by_the_new_name(self, saved, target):
        varve, original = saved
        with target.client() as client:
            client.copy.orders_2.insert_one({"_id": "old"})
            client.shop.orders.insert_one({"_id": "mine"})
        words = *self.RENAMES, "--ns-include", "shop.orders"
        assert "copy.orders_2" in varve("restore", "latest", "--to", at(varve, target.uri), *words, code=1).stderr
        restore(varve, target, *words, "--drop")
        assert state_of(target)["copy.orders_2"] == original["shop.orders"]
        with target.client() as client:
            assert client.shop.orders.find_one() == {"_id": "mine"}

    def test_names_that_make_no_sense_are_refused_before_the_first_write(self, saved, target):
        varve, _ = saved

        def says(words, *pairs):
            args = [word for old, new in pairs for word in ("--ns-from", old, "--ns-to", new)]
            error = refused(varve, target, *args)
            assert words in error, error
        says("would both be shop.y", ("shop.orders", "shop.y"), ("shop.people", "shop.y"))
        says("would both be shop.people", ("shop.orders", "shop.people"))
        says("server's own", ("shop.*", "config.*"))
        says("server's own", ("shop.orders", "shop.system.orders"))
        says("a view reads its own database", ("shop.orders", "elsewhere.orders"))
        says("no DATABASE.COLLECTION", ("shop.orders", "shop."))
        done = varve("restore", "latest", "--to", at(varve, target.uri), "--ns-from", "shop.*", code=1)
        assert "one --ns-to for each --ns-from" in done.stderr
        assert "--ns-from" in varve("restore", "latest", "--target", varve.folder / "x", *self.RENAMES, code=1).stderr

    def test_a_view_whose_collection_stays_behind_is_named(self, saved, target):
        varve, _ = saved
        done = restore(varve, target, "--ns-include", "shop.named")
        assert any("shop.named reads shop.orders" in remark for remark in done["remarks"])

    def test_stock_mongorestore_makes_the_same(self, saved, target):
        """The same pattern, the same names: without the view, which mongorestore leaves reading the old one."""
        varve, _ = saved
        words = "--ns-from", "$db$.o$rest$", "--ns-to", "n_$db$.$rest$_o"
        restore(varve, target, *words, "--ns-exclude", "shop.named")
        ours = state_of(target, auth=False)
        with target.client() as client:
            empty(client)
        folder = export(varve, "names")
        mongorestore("--uri", target.uri, "--nsExclude", "shop.named", "--nsFrom", words[1], "--nsTo", words[3], folder)
        assert differences(ours, state_of(target, auth=False)) == []


class TestMerge:
    def occupy(self, target, saved):
        varve, _ = saved
        restore(varve, target, "--ns-exclude", "shop.heat", "--ns-exclude", "shop.ring")
        with target.client() as client:
            client.shop.orders.delete_many({"_id": {"$lt": 300}})
            client.shop.orders.update_many({"_id": {"$gte": 1900}}, {"$set": {"text": "changed since"}})
            client.shop.orders.insert_one({"_id": "since"})
            client.shop.people.update_one({"_id": 3}, {"$set": {"name": "newer"}})
            client.shop.people.insert_one({"_id": bson.Timestamp(5, 5)})
            client.shop.people.delete_one({"_id": 4})
        return "--ns-include", "shop.orders", "--ns-include", "shop.people", "--ns-include", "shop.named"

    def test_missing_adds_what_is_missing_and_changes_nothing(self, saved, target):
        """RULES 19."""
        words = self.occupy(target, saved)
        varve, original = saved
        before = state_of(target)
        done = restore(varve, target, *words, "--merge")
        assert done["result"] == "complete" and (done["documents"], done["documents_kept"]) == (301, 1709)
        assert any("shop.orders: 100 documents" in r and "stayed" in r for r in done["remarks"])
        after = state_of(target)
        for name in ("shop.orders", "shop.people"):
            wanted = {**original[name].documents, **before[name].documents}
            assert after[name].documents == wanted
        again = restore(varve, target, *words, "--merge=missing")
        assert again["documents"] == 0 and state_of(target) == after

    def test_replace_overwrites_and_deletes_nothing(self, saved, target):
        words = self.occupy(target, saved)
        varve, original = saved
        before = state_of(target)
        done = restore(varve, target, *words, "--merge=replace")
        assert done["result"] == "complete" and done["verified"]
        after = state_of(target)
        for name in ("shop.orders", "shop.people"):
            assert after[name].documents == {**before[name].documents, **original[name].documents}

    def test_conflicts_are_named_before_the_first_write(self, saved, target):
        varve, _ = saved
        with target.client() as client:
            shop = client.shop
            shop.create_collection("orders", collation={"locale": "de"})
            shop.create_collection("people", validator={"a": 1})
            shop.sessions.create_index("seen", name="other name")
            shop.create_collection("ring", capped=True, size=1 << 16)
            shop.create_collection("heat", timeseries={"timeField": "t"})
            shop.create_collection("named")
        error = refused(varve, target, "--merge")
        for words in ("shop.orders: options: collation", "shop.sessions: index seen_1 is called other name",
                      "shop.ring: is capped", "shop.heat: is a time-series", "shop.named: is a view in the backup"):
            assert words in error, error
        assert "validator" not in error
        words = "--ns-include", "shop.people", "--ns-include", "shop.sessions"
        done = restore(varve, target, *words, "--merge", "--no-indexes")
        assert any("validator" in r for r in done["remarks"])

    def test_nothing_of_the_targets_begins_to_expire(self, saved, target):
        """A TTL index that the target lacks is told of and not built: it would delete what the backup knows nothing of."""
        varve, _ = saved
        with target.client() as client:
            client.shop.sessions.insert_one({"_id": "mine", "seen": LONG_AGO})
        done = restore(varve, target, "--ns-include", "shop.sessions", "--merge")
        with target.client() as client:
            assert "seen_1" not in client.shop.sessions.index_information()
            assert len(done["ttl_commands"]) == 1 and "seen_1" in done["ttl_commands"][0]
            client.shop.sessions.create_index("seen", expireAfterSeconds=60)
        assert not restore(varve, target, "--ns-include", "shop.sessions", "--merge")["ttl_commands"], "it expires already"

    def test_long_ids_fit_into_a_command(self, tmp_path, target):
        """An update names the `_id` twice: what one command holds is measured with that."""
        varve = Varve(tmp_path)
        with Mongod(replica_set="rs0") as source:
            with source.client() as client, target.client() as there:
                for documents in ([{"_id": "i" * 600 + str(i), "x": "x" * 300} for i in range(30_000)],):
                    client.shop.long.insert_many(documents)
                    there.shop.long.insert_many([{"_id": d["_id"]} for d in documents[::2]])
            back_up(varve, source)
        done = restore(varve, target, "--merge=replace")
        assert done["result"] == "complete" and done["documents"] >= 30_000

    @pytest.mark.parametrize("how", ["missing", "replace"])
    def test_numbers_of_another_type_are_the_same(self, saved, target, how):
        """A server holds 5 and 5.0 to be one `_id` and one index key: no document is missing, and no index in the way."""
        varve, original = saved
        with target.client() as client:
            client.shop.orders.insert_one({"_id": 5.0, "text": "a double"})
            client.shop.command("createIndexes", "sessions", indexes=[{"key": {"seen": 1.0}, "name": "seen_1", "expireAfterSeconds": 60.0}])
            done = restore(varve, target, "--ns-include", "shop.orders", "--ns-include", "shop.sessions", f"--merge={how}")
            assert done["result"] == "complete" and done["verified"], done
            assert client.shop.orders.find_one({"_id": 5})["text"] == ("a double" if how == "missing" else "order 5" * 20)
            found = verify(varve, target, "--ns-include", "shop.orders", "--ns-include", "shop.sessions", code=3 if how == "missing" else 0)
        assert any("shop.sessions: index seen_1: key" in remark and "means the same" in remark for remark in found["remarks"])
        assert [d["changed"] for d in found["differences"]] == ([["5.0"]] if how == "missing" else [])

    def test_a_unique_index_of_the_target_is_no_id(self, saved, target):
        """What cannot be written ends the run and is named: it is not taken for a document that is there already."""
        varve, _ = saved
        with target.client() as client:
            client.shop.people.create_index("at", unique=True)
            client.shop.people.insert_one({"_id": "mine", "at": bson.Timestamp(1, 3)})
        done = varve("restore", "latest", "--to", at(varve, target.uri), "--yes", "--merge", "--ns-include", "shop.people", code=1)
        assert "_id 2" in done.stderr and "duplicate key" in done.stderr

    def test_both_at_once_is_refused(self, saved, target):
        assert "one of the two" in saved[0]("restore", "latest", "--to", "mongodb://x", "--drop", "--merge", code=1).stderr


def test_members_agree_on_empty_timestamps(varve, replica_set):
    """Overwriting a document with one that holds Timestamp(0, 0) must not leave each member with another."""
    servers = replica_set(members=2, hidden=0)
    with servers.client() as client:
        client.shop.stamps.insert_many([{"_id": i, "x": "old"} for i in range(5)])
    with Mongod(replica_set="rs9") as source:
        with source.client() as client:
            client.shop.command("update", "stamps", updates=[{"q": {"_id": i}, "upsert": True, "u": [
                {"$replaceWith": {"$literal": {"_id": i, "t": bson.Timestamp(0, 0), "x": "new"}}}]} for i in range(10)])
        back_up(varve, source)
    restore(varve, servers, "--merge=replace")
    servers.wait_for_replication()
    held = [documents_on(node) for node in servers.nodes]
    assert held[0] == held[1] and len(held[0]) == 10
    assert all(document["t"] == bson.Timestamp(0, 0) and document["x"] == "new" for document in held[0])


def documents_on(node):
    with pymongo.MongoClient(node.direct_uri, readPreference="secondaryPreferred") as client:
        return list(client.shop.stamps.find(sort=[("_id", 1)]))


def test_stored_functions_and_other_types_are_replaced_on_request_only(varve, target):
    """RULES 15: system.js too; and what is a view on the target is no obstacle to a collection."""
    with Mongod(replica_set="rs9") as source:
        with source.client() as client:
            client.shop["system.js"].insert_one({"_id": "f", "value": "backup"})
            client.shop.orders.insert_one({"_id": 1})
        back_up(varve, source)
    with target.client() as client:
        client.shop["system.js"].insert_many([{"_id": "f", "value": "target"}, {"_id": "mine", "value": "target"}])
        client.shop.command("create", "orders", viewOn="system.js", pipeline=[])
    error = refused(varve, target)
    assert "shop.system.js" in error and "shop.orders" in error
    assert restore(varve, target, "--drop")["result"] == "complete"
    with target.client() as client:
        assert list(client.shop["system.js"].find()) == [{"_id": "f", "value": "backup"}]
        assert list(client.shop.orders.find()) == [{"_id": 1}]


class TestLeftOut:
    def test_no_indexes(self, saved, target):
        varve, original = saved
        done = restore(varve, target, "--no-indexes")
        assert done["indexes"] == 0 and any("--no-indexes" in r for r in done["remarks"])
        found = state_of(target)
        assert set(found["shop.orders"].indexes) == {"_id_"}
        assert found["shop.orders"].documents == original["shop.orders"].documents

    def test_no_ttl_says_how_to_turn_it_on(self, saved, target):
        """RULES 17: nothing expires, and the commands that are printed make the target the same as the source."""
        varve, original = saved
        done = restore(varve, target, "--no-ttl")
        with target.client() as client:
            assert "seen_1" not in client.shop.sessions.index_information()
            assert "expireAfterSeconds" not in state_of(target)["shop.heat"].options
            assert len(done["ttl_commands"]) == 2
            for line in done["ttl_commands"]:
                start, command = line.split(".runCommand(", 1)
                database = start.removeprefix('db.getSiblingDB("').removesuffix('")')
                client[database].command(bson.json_util.loads(command.removesuffix(")")))
        assert differences(original, state_of(target)) == []
        text = varve("restore", "latest", "--to", at(varve, target.uri), "--drop", "--yes", "--no-ttl").stdout
        assert "createIndexes" in text

    def test_drop_first_drops_first(self, saved, target):
        varve, original = saved
        restore(varve, target)
        with target.client() as client:
            client.shop.orders.insert_one({"_id": "old"})
        plan = varve("restore", "latest", "--to", at(varve, target.uri), "--drop=first", "--dry-run").stdout
        assert "shop.orders: dropped first" in plan
        restore(varve, target, "--drop=first")
        assert differences(original, state_of(target)) == []

    def test_write_concern(self, saved, target):
        varve, original = saved
        restore(varve, target, "--write-concern", "majority")
        assert differences(original, state_of(target)) == []
        done = varve("restore", "latest", "--to", at(varve, target.uri), "--drop", "--yes", "--write-concern", "3", code=1)
        assert "not enough" in done.stderr.lower() or "cannot satisfy" in done.stderr.lower(), done.stderr
        for wrong in ("0", "999"):
            words = "restore", "latest", "--to", at(varve, target.uri), "--write-concern", wrong
            assert "majority" in varve(*words, code=1).stderr


def test_users_on_request(tmp_path, mongod):
    """RULES 16: with --users they come back although filtered or renamed; =replace changes those that exist, never the login."""
    varve = Varve(tmp_path)
    source, target = mongod(replica_set="rs0", auth=True), mongod(replica_set="rs1", auth=True)
    with source.client() as client:
        client.shop.orders.insert_one({"_id": 1})
        client.shop.command("createRole", "picker", roles=["read"], privileges=[
            {"resource": {"db": "shop", "collection": "orders"}, "actions": ["find"]}])
        for name in ("anna", "bert"):
            client.shop.command("createUser", name, pwd=f"{name} of the backup", roles=["picker"])
    with target.client() as client:
        client.shop.command("createUser", "anna", pwd="anna of the target", roles=["readWrite"])
        client.shop.command("createUser", "zoe", pwd="zoe", roles=[])
    back_up(varve, source)
    words = "--ns-from", "shop.*", "--ns-to", "copy.*"
    assert not restore(varve, target, *words)["users_added"]
    done = restore(varve, target, *words, "--drop", "--users")
    assert done["users_added"] == ["shop.bert"] and "shop.anna" in done["users_kept"]
    assert any("role shop.picker has rights in shop" in r for r in done["remarks"])
    plan = varve("restore", "latest", "--to", at(varve, target.uri), "--drop", "--users=replace", "--dry-run").stdout
    assert "users who would be replaced: shop.anna, shop.bert" in plan
    done = restore(varve, target, "--ns-include", "shop.*", "--users=replace")
    assert done["users_replaced"] == ["shop.anna", "shop.bert"] and done["users_kept"] == ["admin.root"]
    assert done["roles_replaced"] == ["shop.picker"]
    with pymongo.MongoClient(target.uri_as("anna", "anna of the backup", "shop")) as client:
        assert client.shop.orders.find_one()
    with target.client() as client:
        assert {u["user"] for u in client.shop.command("usersInfo", 1)["users"]} == {"anna", "bert", "zoe"}
