"""What a restore does to a server that already holds something, and what it leaves alone."""
import datetime

import pymongo
import pytest
from bson import Code

from harness.servers import PASSWORD, Mongod
from harness.tools import Varve
from support.hold import HOLDABLE, commands_held, finish
from support.runs import at, back_up, restore, state_of, verify
from support.state import differences

DAY = datetime.timedelta(days=1)


def fill(client):
    shop = client.shop
    shop.orders.insert_many([{"_id": i, "text": f"order {i}" * 20} for i in range(3000)])
    shop.orders.create_index("text")
    shop.people.insert_many([{"_id": i} for i in range(10)])
    shop.command("create", "few", viewOn="people", pipeline=[{"$limit": 3}])
    client.other.things.insert_one({"_id": 1})


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(varve, what was backed up)."""
    varve = Varve(tmp_path_factory.mktemp("saved"))
    with Mongod(replica_set="rs0") as server:
        with server.client() as client:
            fill(client)
        back_up(varve, server)
        return varve, state_of(server)


@pytest.fixture(scope="module")
def shared_target():
    with Mongod(replica_set="rs1", extra_args=HOLDABLE) as target:
        yield target


@pytest.fixture
def target(shared_target):
    """Empty, and its operations can be held."""
    with shared_target.client() as client:
        for name in ("shop", "other", "dates", "geo"):
            client.drop_database(name)
    return shared_target


def occupy(target):
    """An older state of the shop, and something that the backup lacks."""
    with target.client() as client:
        client.shop.orders.insert_one({"_id": "old"})
        client.shop.few.insert_one({"_id": "not a view here"})
        client.shop.mine.insert_one({"_id": 1})
    return state_of(target)


def output(result):
    return result.stdout + result.stderr


def test_what_exists_is_refused_before_the_first_write(saved, target):
    """RULES 15: without --drop nothing is replaced; the error names what is there, and nothing was written."""
    varve, _ = saved
    before = occupy(target)
    refused = varve("restore", "latest", "--to", at(varve, target.uri), code=1)
    assert "shop.orders" in refused.stderr and "shop.few" in refused.stderr and "--drop" in refused.stderr
    assert state_of(target) == before
    event = varve("restore", "latest", "--to", at(varve, target.uri), "--json", code=1)
    assert '"message_type":"exit_error"' in event.stderr.replace(" ", "")


def test_drop_replaces_and_leaves_the_rest(saved, target):
    """RULES 15: collections that the backup lacks stay and are named."""
    varve, wanted = saved
    before = occupy(target)
    done = varve("restore", "latest", "--to", at(varve, target.uri), "--drop", "--yes")
    assert "shop.mine" in output(done)
    assert not differences({**wanted, "shop.mine": before["shop.mine"]}, state_of(target))


def test_a_dry_run_writes_nothing_and_says_what_would_happen(saved, target):
    """RULES 15, 16: --dry-run prints exactly what --drop would do."""
    varve, _ = saved
    before = occupy(target)
    said = output(varve("restore", "latest", "--to", at(varve, target.uri), "--drop", "--dry-run"))
    for namespace in ("shop.orders", "shop.few", "shop.people", "other.things", "shop.mine"):
        assert namespace in said
    assert "drop" in next(line for line in said.splitlines() if "shop.few" in line), "what is dropped first is said before"
    assert state_of(target) == before


@pytest.mark.parametrize("step, skip", [("insert", 2), ("renameCollection", 0), pytest.param("createIndexes", 0, marks=pytest.mark.all)])
def test_the_old_collection_lives_until_its_successor_is_proven(saved, target, step, skip):
    """RULES 15: killed while it loads, indexes or is about to put in place, it has not touched the old collection; the next run works."""
    varve, wanted = saved
    with target.client() as client:
        client.shop.orders.insert_one({"_id": "old"})
    old = state_of(target)["shop.orders"]
    with commands_held(target, step, mode={"skip": skip}) as point:
        process = varve.start("restore", "latest", "--to", at(varve, target.uri), "--drop", "--yes", "--writers", "1")
        point.wait()
        process.kill()
        process.communicate()
        assert state_of(target)["shop.orders"] == old
    assert state_of(target)["shop.orders"] == old
    restore(varve, target, "--drop")
    assert not differences(wanted, state_of(target))


def test_a_restore_can_be_stopped(saved, target):
    """ux.md: Ctrl-C at any time; what was there before is as it was."""
    varve, wanted = saved
    with target.client() as client:
        client.shop.orders.insert_one({"_id": "old"})
    with commands_held(target, "createIndexes") as point:
        process = varve.start("restore", "latest", "--to", at(varve, target.uri), "--drop", "--yes")
        point.wait()
        process.send_signal(2)
        finish(process, code=130)
    assert len(state_of(target)["shop.orders"].documents) == 1
    restore(varve, target, "--drop")
    assert not differences(wanted, state_of(target))


def test_filters_restore_a_part(saved, target):
    """DESIGN 8: only what an include matches and no exclude does; the rest of the target is not looked at."""
    varve, wanted = saved
    with target.client() as client:
        client.shop.people.insert_one({"_id": "mine"})
    before = state_of(target)
    restore(varve, target, "--ns-include", "shop.*", "--ns-exclude", "*.people", "--ns-exclude", "*.few")
    found = state_of(target)
    assert not differences({**before, "shop.orders": wanted["shop.orders"]}, found)
    nothing = varve("restore", "latest", "--to", at(varve, target.uri), "--ns-include", "nothing.*", code=1)
    assert "nothing was written" in nothing.stderr


def test_no_verify_says_so(saved, target):
    """RULES 12: --no-verify skips the reading back, and the result is not called complete."""
    varve, _ = saved
    assert not restore(varve, target, "--no-verify", code=3)["verified"]


def users_of(server):
    with server.client() as client:
        return {u["_id"]: u for u in client.admin.system.users.find()}


@pytest.mark.all
def test_what_users_keep_in_admin_comes_back(varve, mongod):
    """RULES 7: stored functions too; a time-series, whose buckets no server takes there, is named and can go elsewhere."""
    server, target = mongod(replica_set="rs0"), mongod()
    with server.client() as client:
        client.admin["system.js"].insert_one({"_id": "one", "value": Code("function() { return 1 }")})
        client.admin["notes"].insert_one({"_id": 1})
        client.admin.create_collection("metrics", timeseries={"timeField": "at"})
        client.admin["metrics"].insert_many([{"at": datetime.datetime(2026, 1, 1, 0, i), "n": i} for i in range(60)])
    back_up(varve, server)
    told = restore(varve, target, code=3)
    assert [skipped["reason"] for skipped in told["skipped"] if "admin.metrics was left out" in skipped["reason"]]
    found = state_of(target)
    assert {"admin.notes", "admin.system.js"} == found.keys() and found["admin.system.js"].documents
    assert "admin.metrics" in str(verify(varve, target, code=3)["differences"])
    told = restore(varve, target, "--ns-include", "admin.metrics", "--drop", code=3)
    assert "admin.metrics was left out" in str(told["skipped"])
    restore(varve, target, "--ns-include", "admin.metrics", "--ns-from", "admin.metrics", "--ns-to", "shop.metrics")
    with target.client() as client:
        assert client.shop.metrics.count_documents({}) == 60


def test_users_come_back_without_touching_those_that_are_there(varve, mongod):
    """RULES 16: existing users stay as they are, the login in use too; none is deleted; a filtered restore brings none."""
    source, target = mongod(replica_set="rs0", auth=True), mongod(replica_set="rs1", auth=True)
    with source.client() as client:
        client.shop.orders.insert_one({"_id": 1})
        client.shop.command("createRole", "picker", roles=["read"], privileges=[])
        for name in ("anna", "bert"):
            client.shop.command("createUser", name, pwd=f"{name} of the backup", roles=["picker"])
    with target.client() as client:
        client.shop.command("createUser", "anna", pwd="anna of the target", roles=["readWrite"])
        client.shop.command("createUser", "zoe", pwd="zoe", roles=[])
    before = users_of(target)
    back_up(varve, source)

    filtered = restore(varve, target, "--ns-include", "shop.*")
    assert users_of(target) == before and not filtered["users_added"] and "users" in str(filtered)
    plan = varve("restore", "latest", "--to", at(varve, target.uri, "target"), "--drop", "--dry-run").stdout
    assert "shop.bert" in plan and "shop.anna" in plan, "a dry run lists who would get in"
    assert users_of(target) == before

    done = restore(varve, target, "--drop")
    assert done["users_added"] == ["shop.bert"] and sorted(done["users_kept"]) == ["admin.root", "shop.anna"]
    assert done["roles_added"] == ["shop.picker"]
    after = users_of(target)
    assert {name: after[name] for name in before} == before and after.keys() - before.keys() == {"shop.bert"}
    for name, password in (("bert", "bert of the backup"), ("anna", "anna of the target")):
        with pymongo.MongoClient(target.uri_as(name, password, "shop")) as client:
            assert client.shop.orders.find_one()
    again = restore(varve, target, "--drop")
    assert not again["users_added"]


def test_expired_documents_are_proven_before_they_go(varve, mongod):
    """RULES 17: TTL is turned on last, with the TTL monitor running all the time; what will be deleted is counted and told."""
    busy = ["--setParameter", "ttlMonitorSleepSecs=1"]
    source = mongod(replica_set="rs0", extra_args=["--setParameter", "ttlMonitorEnabled=false"])
    target = mongod(replica_set="rs1", extra_args=busy)
    now = datetime.datetime.now(datetime.timezone.utc)
    with source.client() as client:
        client.dates.sessions.insert_many([{"_id": i, "when": now - 9 * DAY} for i in range(700)] +
                                          [{"_id": 1000 + i, "when": now + 9 * DAY} for i in range(300)])
        client.dates.sessions.create_index("when", expireAfterSeconds=60)
        client.dates.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True}, expireAfterSeconds=60)
        client.dates.clustered.insert_one({"_id": now - 9 * DAY})
        options = state_of(source)["dates.clustered"].options
    back_up(varve, source)
    done = restore(varve, target)
    assert done["result"] == "complete" and done["verified"] and done["documents"] == 1001
    assert "700" in str(done["remarks"]) and "expired" in str(done["remarks"])
    with target.client() as client:
        assert client.dates.sessions.index_information()["when_1"]["expireAfterSeconds"] == 60
    assert state_of(target)["dates.clustered"].options == options


@pytest.mark.all
def test_one_bad_index_sinks_nothing_else(varve, mongod):
    """RULES 18: an index that the target cannot build is named, exit 3, and all others of the collection are there.

    The source is older: 4.2 takes an index kind that 5.0 and later do not know.
    """
    source, target = mongod("4.2.6"), mongod()
    with source.client() as client:
        client.geo.shops.insert_many([{"_id": i, "place": [i, i], "kind": "a", "n": i} for i in range(100)])
        client.geo.shops.create_index([("place", "geoHaystack"), ("kind", 1)], bucketSize=1, name="haystack")
        client.geo.shops.create_index("n", unique=True)
        client.geo.shops.create_index("kind")
    back_up(varve, source)
    done = restore(varve, target, "--allow-version-mismatch", code=3)
    assert "geo.shops" in str(done["skipped"]) and "haystack" in str(done["skipped"])
    found = state_of(target)["geo.shops"]
    assert len(found.documents) == 100 and found.indexes.keys() == {"_id_", "n_1", "kind_1"}
    assert done["indexes"] == 2


def test_a_refused_login_names_the_role(varve, mongod):
    """ux.md: what happened, to what, what to do; and nothing was written."""
    source, target = mongod(replica_set="rs0"), mongod(replica_set="rs1", auth=True)
    with source.client() as client:
        client.shop.orders.insert_one({"_id": 1})
    back_up(varve, source)
    with target.client() as client:
        client.admin.command("createUser", "reader", pwd=PASSWORD, roles=["readAnyDatabase"])
        client.admin.command("createUser", "restorer", pwd=PASSWORD, roles=["restore", "readWriteAnyDatabase"])
    denied = varve("restore", "latest", "--to", at(varve, target.uri_as("reader", PASSWORD)), code=1)
    assert "restore" in denied.stderr and PASSWORD not in output(denied)
    assert "shop.orders" not in state_of(target)
    varve("restore", "latest", "--to", at(varve, target.uri_as("restorer", PASSWORD)), "--yes")
    varve("restore", "latest", "--to", at(varve, target.uri_as("restorer", PASSWORD)), "--merge", "--yes")
    assert not differences({"shop.orders": state_of(source)["shop.orders"]}, state_of(target, "shop"))
