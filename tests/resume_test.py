"""A restore that is killed, stopped or loses its server goes on where it was, and ends as if nothing had happened."""
import datetime
import signal

import bson
import pytest

from harness.servers import PASSWORD, Mongod
from harness.tools import Varve, mongodump
from support.data import fill
from support.hold import HOLDABLE, commands_held, fail_point, finish, wait_until_idle
from support.runs import at, back_up, new_repository, restore, state_of, verify
from support.state import differences
from support.targets import clear

STATE = "varve_restore"
BLOBS, BLOB = 100, 1 << 20  # of the large collection: about so many chunks of about a MiB


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(varve, what was backed up): everything that a server can hold."""
    varve = Varve(tmp_path_factory.mktemp("saved"))
    with Mongod(replica_set="rs0", extra_args=["--setParameter", "ttlMonitorEnabled=false"]) as server:
        with server.client() as client:
            fill(client, (6, 0), replica_set=True)
            client.shop.sessions.insert_many([{"_id": i, "seen": datetime.datetime(2020, 1, 1)} for i in range(500)])
            client.shop.sessions.create_index("seen", expireAfterSeconds=60)
        back_up(varve, server)
        return varve, state_of(server)


@pytest.fixture(scope="module")
def shared_target():
    with Mongod(replica_set="rs1", extra_args=[*HOLDABLE, "--setParameter", "ttlMonitorEnabled=false"]) as target:
        yield target


@pytest.fixture
def target(shared_target):
    """Empty, and its commands can be held."""
    with shared_target.client() as client:
        clear(client)
    return shared_target


def occupy(target):
    """An older state of some collections, other kinds under the names of others, and something that the backup lacks."""
    with target.client() as client:
        client.shop.counted.insert_one({"_id": "old"})
        client.shop.indexed.insert_one({"_id": "old"})
        client.shop.view.insert_one({"_id": "not a view here"})
        client.shop.weather.insert_one({"_id": "no time-series here"})
        client.shop.mine.insert_one({"_id": 1})


def interrupt(varve, target, command, skip, *args, by=signal.SIGKILL, resume=()):
    """A restore ended while it waits in the command after `skip` of its kind; its standard error."""
    with commands_held(target, command, mode={"skip": skip}) as point:
        process = varve.start("restore", "latest", "--to", at(varve, target.uri, "target"), "--yes", "--writers", "1", *args, *resume)
        point.wait()
        process.send_signal(by)
        err = finish(process, code=130 if by == signal.SIGINT else -by)[1]
    wait_until_idle(target)
    return err


def check_whole(varve, wanted, target, *args):
    """Nothing but what was backed up is there: no state, no temporary collection."""
    assert not differences(wanted, state_of(target))
    if not args:
        assert verify(varve, target)["differences"] == []


POINTS = [("update", 2), ("insert", 3), ("insert", 25), ("createIndexes", 2), ("_mergeAuthzCollections", 0), ("delete", 0)]
SLOW = [pytest.param(*point, marks=pytest.mark.all) for point in (
    ("update", 0), ("create", 0), ("create", 20), ("create", 45), ("insert", 0), ("insert", 10), ("insert", 30), ("createIndexes", 0), ("createIndexes", 20), ("find", 3),
    ("find", 20), ("collMod", 0),
    ("collMod", 1), ("appendOplogNote", 0))]


@pytest.mark.parametrize("command, skip", POINTS + SLOW)
def test_a_killed_restore_goes_on(saved, target, command, skip):
    """RULES 19, DESIGN 7: whatever it was doing, the end is that of a restore that nobody disturbed."""
    varve, wanted = saved
    interrupt(varve, target, command, skip)
    done = restore(varve, target, "--resume")
    assert done["result"] == "complete" and done["verified"], done
    check_whole(varve, wanted, target)


@pytest.mark.parametrize("command, skip", [("insert", 20), ("renameCollection", 1)] + [
    pytest.param(*point, marks=pytest.mark.all) for point in (("create", 12), ("renameCollection", 0), ("drop", 1), ("insert", 3), ("createIndexes", 5), ("collMod", 0), ("delete", 0))])
def test_a_killed_replacement_goes_on(saved, target, command, skip):
    """RULES 15: what was loaded beside is used, what was put in place is not replaced again, and no temporary collection stays."""
    varve, wanted = saved
    occupy(target)
    mine = state_of(target)["shop.mine"]
    interrupt(varve, target, command, skip, "--drop")
    done = restore(varve, target, "--drop", "--resume")
    assert done["result"] == "complete" and done["resumed"], done
    check_whole(varve, {**wanted, "shop.mine": mine}, target, "--drop")


def test_it_goes_on_after_the_server_was_killed(saved, mongod):
    """What is noted is durable with what it covers, so that a crash of the server takes both or none."""
    varve, wanted = saved
    target = mongod(replica_set="rs1", extra_args=[*HOLDABLE, "--setParameter", "ttlMonitorEnabled=false"])
    with commands_held(target, "insert", mode={"skip": 25}) as point:
        process = varve.start("restore", "latest", "--to", at(varve, target.uri, "target"), "--yes", "--writers", "1")
        point.wait()
        target.kill()
        _, err = finish(process, code=1)
    assert "--resume" in err and target.host in err
    target.start_again()
    target.wait_for_state("PRIMARY")
    assert restore(varve, target, "--resume")["resumed"]
    check_whole(varve, wanted, target)


def test_it_goes_on_as_often_as_it_is_killed(saved, target):
    varve, wanted = saved
    occupy(target)
    mine = state_of(target)["shop.mine"]
    interrupt(varve, target, "insert", 10, "--drop")
    for command, skip in (("insert", 10), ("createIndexes", 3), ("renameCollection", 1)):
        interrupt(varve, target, command, skip, "--drop", resume=["--resume"])
    restore(varve, target, "--drop", "--resume")
    check_whole(varve, {**wanted, "shop.mine": mine}, target, "--drop")


@pytest.mark.parametrize("command, skip", [("update", 1), ("drop", 0), ("create", 0), ("update", 2), ("insert", 0)])
def test_a_capped_collection_begins_anew_as_often_as_it_is_killed(saved, target, command, skip):
    """Half of one is of no use: it is dropped and made again, and is the restore's own all the while."""
    varve, wanted = saved
    words = "--ns-include", "shop.capped"
    interrupt(varve, target, "insert", 0, *words)
    interrupt(varve, target, command, skip, *words, resume=["--resume"])
    assert restore(varve, target, "--resume", *words)["resumed"]
    assert not differences({"shop.capped": wanted["shop.capped"]}, state_of(target, auth=False))


def test_what_somebody_writes_meanwhile_is_not_dropped(saved, target):
    """What was empty when the restore looked is looked at once more before it goes."""
    varve, _ = saved
    words = "--ns-include", "shop.counted"
    interrupt(varve, target, "update", 2, *words)  # created, and not noted
    with target.client() as client, fail_point(target, "hangDuringBatchUpdate", {"nss": f"{STATE}.runs"}) as point:
        process = varve.start("restore", "latest", "--to", at(varve, target.uri, "target"), "--yes", "--resume", *words)
        point.wait()
        client.shop.counted.insert_one({"_id": "mine"})
        point.release()
        _, err = finish(process, code=1)
        assert "shop.counted" in err and "not dropped" in err and "--resume" in err
        assert client.shop.counted.find_one() == {"_id": "mine"}
        assert "shop.counted" in str(restore(varve, target, "--resume", *words, code=3)["skipped"])
        assert client.shop.counted.find_one({"_id": "mine"}) and client.shop.counted.count_documents({}) > 1000


def test_what_lacks_too_large_documents_is_proven_all_the_same(target, varve):
    """It had its name, and others wrote to it: it is not loaded anew, and what it lacks is named once more."""
    folder = varve.folder / "dump" / "shop"
    folder.mkdir(parents=True)
    large = bson.encode({"_id": "large", "text": "x" * (33 << 19)})
    (folder / "orders.bson").write_bytes(large + b"".join(bson.encode({"_id": i}) for i in range(100)))
    new_repository(varve)
    varve("import", "--source", "shop", folder.parent)
    interrupt(varve, target, "appendOplogNote", 0)
    with target.client() as client:
        client.shop.orders.insert_one({"_id": "mine"})
    done = restore(varve, target, "--resume", code=3)
    assert done["resumed"] and any('"large"' in each["reason"] for each in done["skipped"]), done
    with target.client() as client:
        assert client.shop.orders.count_documents({}) == 101 and client.shop.orders.find_one({"_id": "mine"})


def test_what_is_there_is_not_sent_again(tmp_path_factory, mongod):
    """DESIGN 7: of a large collection that was half loaded only what is not noted goes over the wire, and what is noted was right."""
    varve = Varve(tmp_path_factory.mktemp("large"))
    source, target = mongod(replica_set="rs0"), mongod(replica_set="rs1", extra_args=HOLDABLE)
    size = BLOB // 32
    with source.client() as client:
        client.shop.large.insert_many([{"_id": i, "text": f"{i:09}" * (size // 9)} for i in range(BLOBS * 32)])
        client.shop.large.create_index("text", name="by text", partialFilterExpression={"_id": -1})
    wanted = state_of(source)
    back_up(varve, source)
    interrupt(varve, target, "insert", 5, "--write-concern", "majority")
    with target.client() as client:
        noted = client[STATE].collections.find_one({"_id.ns": "shop.large"})
        assert noted["blobs"] and not noted["loaded"], noted
        before = client.admin.command("serverStatus")["opcounters"]["insert"]
        assert restore(varve, target, "--resume")["documents"] == BLOBS * 32
        sent = client.admin.command("serverStatus")["opcounters"]["insert"] - before
    assert 0 < sent < BLOBS * 32 * 3 // 4, sent
    check_whole(varve, wanted, target)


def test_ctrl_c_says_what_is_left_and_what_to_do(saved, target):
    """ux.md: it says what it leaves behind, and goes on where it was. Without --resume the two ways are named; --drop begins anew."""
    varve, wanted = saved
    err = interrupt(varve, target, "createIndexes", 0, by=signal.SIGINT)
    assert "--resume" in err and "stays on the target" in err
    left = state_of(target)
    refused = varve("restore", "latest", "--to", at(varve, target.uri, "target"), "--yes", code=1).stderr
    assert "did not end" in refused and "--resume" in refused and "--drop" in refused and "nothing was written" in refused
    assert not differences(left, state_of(target))
    plan = varve("restore", "latest", "--to", at(varve, target.uri, "target"), "--resume", "--dry-run").stdout
    assert "goes on: " in plan
    assert not differences(left, state_of(target))
    restore(varve, target, "--drop")
    check_whole(varve, wanted, target)


def test_begun_anew_it_leaves_nothing_behind(saved, target):
    """Temporary collections of an interrupted replacement are known by name and UUID, and go when it begins anew."""
    varve, wanted = saved
    occupy(target)
    with target.client() as client:
        client.shop["varve.restoring.not ours"].insert_one({"_id": 1})
    before = state_of(target)
    interrupt(varve, target, "renameCollection", 0, "--drop")
    with target.client() as client:
        client.shop.counted.drop()  # so that the next run needs no temporary one for it
    restore(varve, target, "--drop")
    check_whole(varve, {**wanted, **{f"shop.{name}": before[f"shop.{name}"] for name in ("mine", "varve.restoring.not ours")}}, target, "--drop")


def test_a_temporary_that_was_not_noted_goes_too(saved, target):
    """It is empty, so nothing is lost; one that is not is somebody's."""
    varve, wanted = saved
    words = "--ns-include", "shop.counted"
    with target.client() as client:
        client.shop.counted.insert_one({"_id": "old"})
        interrupt(varve, target, "update", 2, "--drop", *words)
        assert [name for name in client.shop.list_collection_names() if name.startswith("varve.restoring.")]
        client.shop.counted.drop()
        restore(varve, target, *words)
    assert not differences({"shop.counted": wanted["shop.counted"]}, state_of(target, auth=False))


def test_other_words_and_other_snapshots_are_refused(saved, target, tmp_path_factory):
    """RULES 19: the state is found by snapshot and by the options that matter; it is left as it is by all others."""
    varve, wanted = saved
    interrupt(varve, target, "insert", 10)
    left = state_of(target)
    for words in (["--ns-include", "shop.*"], ["--drop"], ["--no-ttl"], ["--ns-from", "shop.*", "--ns-to", "copy.*"], ["--merge"]):
        refused = varve("restore", "latest", "--to", at(varve, target.uri, "target"), "--resume", *words, code=1).stderr
        assert "other words" in refused and "nothing was written" in refused, refused
    other = Varve(tmp_path_factory.mktemp("other"))
    with Mongod(replica_set="rs0") as server:
        with server.client() as client:
            client.shop.counted.insert_one({"_id": "of the other"})
            client.aside.things.insert_one({"_id": 1})
        back_up(other, server)
    refused = other("restore", "latest", "--to", at(other, target.uri, "target"), "--resume", code=1).stderr
    assert "another snapshot" in refused and "nothing was written" in refused
    refused = other("restore", "latest", "--to", at(other, target.uri, "target"), code=1).stderr
    assert "--resume" in refused and "shop.counted" in refused
    assert not differences(left, state_of(target))
    restore(other, target, "--ns-include", "aside.*")
    assert restore(varve, target, "--resume")["resumed"]
    found = state_of(target)
    assert len(found.pop("aside.things").documents) == 1
    assert not differences(wanted, found)


def test_where_nothing_was_begun_it_compares(saved, target):
    """RULES 19: without state it compares by _id and bytes, goes on with what lacks, and trusts nothing."""
    varve, wanted = saved
    words = ["--ns-include", "shop.counted", "--ns-include", "shop.random ids"]
    wanted = {name: wanted[name] for name in ("shop.counted", "shop.random ids")}
    assert not restore(varve, target, "--resume", *words)["resumed"]
    assert not differences(wanted, state_of(target, "shop"))
    with target.client() as client:
        client.shop.counted.delete_many({"_id": {"$gte": 1000, "$lt": 2000}})
        client.shop["random ids"].drop()
    restore(varve, target, "--resume", *words)
    assert not differences(wanted, state_of(target, "shop"))
    with target.client() as client:
        client.shop.counted.update_one({"_id": 5}, {"$set": {"text": "changed"}})
    done = restore(varve, target, "--resume", *words, code=3)
    assert "shop.counted" in str(done["skipped"]) and "contents differ" in str(done["skipped"])
    with target.client() as client:
        assert client.shop.counted.find_one({"_id": 5})["text"] == "changed", "what is there and differs is named, not overwritten"
        client.shop.create_collection("german")  # with another collation than the backup's
        client.shop.german.insert_one({"_id": 1})
    refused = varve("restore", "latest", "--to", at(varve, target.uri, "target"), "--resume", "--ns-include", "shop.german", code=1).stderr
    assert "collation" in refused and "nothing was written" in refused


def test_what_was_filled_is_never_taken_for_ours(target, tmp_path_factory):
    """A collection that was there before, filled by a resumed restore that was killed too: the next one does not drop it. Of a dump
    without an oplog, whose half-loaded collections begin anew."""
    varve = Varve(tmp_path_factory.mktemp("filled"))
    new_repository(varve)
    with Mongod(replica_set="rs0") as server:
        with server.client() as client:
            client.shop.counted.insert_many([{"_id": i} for i in range(1000)])
        mongodump("--uri", server.uri, "--db", "shop", "--out", varve.folder / "dump")
    varve("import", "--source", "shop", varve.folder / "dump")
    with target.client() as client:
        client.shop.counted.insert_one({"_id": "mine"})
        interrupt(varve, target, "insert", 0, resume=["--resume"])
        done = restore(varve, target, "--resume", code=3)
        assert done["resumed"] and "shop.counted" in str(done["skipped"]), done
        assert client.shop.counted.find_one({"_id": "mine"}) and client.shop.counted.count_documents({}) == 1001


def test_a_lost_state_costs_only_time(saved, target):
    """The database with the state is gone: what is there is compared, what is not comes."""
    varve, wanted = saved
    words = ["--ns-exclude", "shop.capped", "--ns-exclude", "shop.weather"]  # no _id to go by
    interrupt(varve, target, "insert", 20, *words)
    with target.client() as client:
        client.drop_database(STATE)
        client.shop["nothing yet"].drop()
    assert not restore(varve, target, "--resume", *words)["resumed"]
    found = state_of(target, "shop")
    assert not differences({name: c for name, c in wanted.items() if name.startswith("shop.") and name in found}, found)
    assert len(found) == len([name for name in wanted if name.startswith("shop.")]) - 3  # the two, and the buckets of one


def test_what_a_merge_made_expires_and_what_it_found_does_not(saved, target):
    """A collection that the merge created is its own when it goes on, not the target's."""
    varve, wanted = saved
    words = ["--merge", "--ns-include", "shop.sessions", "--ns-include", "shop.counted"]
    with target.client() as client:
        client.shop.counted.insert_one({"_id": "mine"})
    interrupt(varve, target, "createIndexes", 0, *words)
    refused = varve("restore", "latest", "--to", at(varve, target.uri, "target"), "--yes", *words, code=1).stderr
    assert "did not end" in refused and STATE in refused
    restore(varve, target, "--resume", *words)
    found = state_of(target, "shop")
    assert not differences({"shop.sessions": wanted["shop.sessions"]}, {"shop.sessions": found["shop.sessions"]})
    assert len(found["shop.counted"].documents) == len(wanted["shop.counted"].documents) + 1
    assert STATE not in {name.split(".")[0] for name in state_of(target)}


def test_the_right_to_keep_notes_is_asked_for_first(saved, mongod):
    """Least privilege: what is missing on varve_restore is named before the first write, and the documented roles have it."""
    varve, wanted = saved
    target = mongod(auth=True, extra_args=HOLDABLE)
    failing = {"failCommands": ["find"], "errorCode": 8000}
    every = {"db": "", "collection": ""}
    with target.client() as client:
        client.admin.command("createRole", "all but notes", roles=[], privileges=[
            {"resource": {"cluster": True}, "actions": ["listDatabases"]},
            {"resource": every, "actions": ["find", "listIndexes", "update", "renameCollectionSameDB"]}])
        client.admin.command("createUser", "bare", pwd=PASSWORD, roles=["restore", "all but notes"])
        client.admin.command("createUser", "noting", pwd=PASSWORD, roles=["restore", "all but notes", {"role": "readWrite", "db": STATE}])
    words = ["--ns-include", "shop.counted"]
    denied = varve("restore", "latest", "--to", at(varve, target.uri_as("bare", PASSWORD), "target"), *words, code=1).stderr
    assert STATE in denied and "nothing was written" in denied
    assert "shop.counted" not in state_of(target)
    uri = at(varve, target.uri_as("noting", PASSWORD), "target")
    with fail_point(target, "failCommand", failing, mode={"skip": 3}):  # reads the documents back
        assert "--resume" in varve("restore", "latest", "--to", uri, *words, "--yes", code=1).stderr
    assert "goes on" in varve("restore", "latest", "--to", uri, *words, "--resume", "--dry-run").stdout
    varve("restore", "latest", "--to", uri, *words, "--resume", "--yes")
    assert not differences({"shop.counted": wanted["shop.counted"]}, state_of(target, "shop"))
