"""An archive of the oplog, and restores to any moment between two backups."""
import json
import random
import signal
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from bson import Binary, Int64, Timestamp
from pymongo import WriteConcern

from harness.servers import wait_until
from harness.stores import RestServer
from harness.tools import mongorestore, run, varve_binary
from oplog_end_test import SMALL_MB, overrun
from support.archives import archive_once, archiver, number, restore_at, slices, text, wait_for, window, words
from support.clock import wrong_clock
from support.hold import HOLDABLE, fail_point
from support.live_history import DATABASES, LiveHistory
from support.live_servers import last_entry, servers
from support.runs import at, back_up, export, new_repository, restore, state_of
from support.raw import first_element
from support.selections import EXCLUDES, INCLUDES, RENAMES, chosen, selected
from support.state import differences, empty, empty_logins
from support.stores import at_store, sound

VERSIONS = ("6.0.5", "5.0.4", "4.2.6")
TURNS = 4
EACH = 200  # operations of a turn
RENAMES = [pairs for pairs in RENAMES if not pairs[0][1].endswith("_2")]  # which system.js cannot get


@pytest.fixture
def source(servers):
    """Of the newest version, without databases."""
    server = servers()[0]
    with server.client() as client:
        empty(client)
    return server


@pytest.fixture
def target(servers):
    server = servers()[1]
    with server.client() as client:
        empty(client)
        empty_logins(client, *DATABASES)
    return server


def held(server):
    return {ns: c for ns, c in state_of(server, *DATABASES, "admin").items() if c.documents or not ns.startswith("admin.")}


@pytest.mark.parametrize("version, seed", [("6.0.5", 40), *(pytest.param(v, seed, marks=pytest.mark.all) for v in VERSIONS for seed in (41, 43))])
def test_every_moment_is_what_the_server_held(tmp_path, varve, servers, version, seed):
    """RULES 3, 9, 10: a random history goes on after the backup; each of its quiet moments comes back, all of it and a part
    under other names."""
    server, there = servers(version)
    numbers = tuple(map(int, version.split(".")))
    new_repository(varve)
    moments = []
    with server.client(w=1) as client:
        empty(client)
        empty_logins(client, *DATABASES)
        history = LiveHistory(client, seed, numbers)
        history.run(100)
        with archiver(varve, server):
            back_up(varve, server)
            for _ in range(TURNS):
                history.run(EACH)
                moments.append((text(last_entry(client)), held(server)))
            wait_for(varve, last_entry(client))
    told = f"{version}, seed {seed}, {dict(history.done)}"
    noise = random.Random(seed)
    with there.client() as client:
        for when, expected in moments:
            empty(client)
            empty_logins(client, *DATABASES)
            done = restore_at(varve, there, when)
            assert done["verified"] and done["moment"] == when and not done["skipped"], told
            assert not differences(expected, held(there), version != "4.2.6"), (when, told)
        when, expected = noise.choice(moments)
        empty(client)
        options, renamed = selected(noise.choice(INCLUDES), ["big.*", *noise.choice(EXCLUDES)], noise.choice(RENAMES))
        assert restore_at(varve, there, when, *options, code=(0, 3))["verified"], (options, told)
        assert not differences(chosen(expected, options, renamed), state_of(there, auth=False), version != "4.2.6"), (options, when, told)
    (when, then), (later, now) = moments[0], noise.choice(moments[1:])
    namespaces = compared(then, now, version)
    for (begin, old), (end, new) in (((when, then), (later, now)), ((later, now), (when, then))):
        assert counted_changes(varve, begin, end, namespaces) == expected_changes(old, new, namespaces), (begin, end, told)
    assert len(window(varve)["oplog"]) == 1
    varve.restic("check", "--read-data")


def compared(before, after, version):
    """Namespaces of users; before 5.0 the oplog tells nothing of what a full capped collection drops."""
    sides = (before, after)
    return {ns for ns in before.keys() | after.keys() if not ns.startswith("admin.") and
            not (version == "4.2.6" and any(isinstance(side[ns].documents, list) for side in sides if ns in side))}


def counted_changes(varve, before, after, namespaces):
    """How many documents were there only before or otherwise, and only after or otherwise, as `diff` tells it: of 5 and 5.0, which are one
    `_id`, it says that the document was changed."""
    counted = Counter()
    for change in varve.json("diff", "--source", "shop", "--at", before, "--at", after)[:-1]:
        if change["change"] != "catalog" and (ns := f"{change['db']}.{change['collection']}") in namespaces:
            counted[ns, "before"] += change["change"] != "added"
            counted[ns, "after"] += change["change"] != "removed"
    return +counted


def expected_changes(before, after, namespaces):
    def by_id(state, ns):
        found = state[ns].documents if ns in state else {}
        return found if isinstance(found, dict) else {first_element(document): document for document in found or []}

    counted = Counter()
    for ns in namespaces:
        was, now = by_id(before, ns), by_id(after, ns)
        counted[ns, "before"] += sum(now.get(i) != document for i, document in was.items())
        counted[ns, "after"] += sum(was.get(i) != document for i, document in now.items())
    return +counted


def test_what_changed_between_two_moments(varve, source):
    """Documents with their fields, collections with their options and indexes."""
    with source.client(w=1) as client:
        client.shop.orders.insert_many([{"_id": i, "n": i, "items": [{"price": 1}]} for i in range(100)])
        client.shop.same.insert_one({"_id": 1})
        back_up(varve, source)
        client.shop.orders.insert_one({"_id": "before"})
        before = text(last_entry(client))
        client.shop.orders.update_one({"_id": 5}, {"$set": {"n": 6, "items.0.price": 2, "new": "x"}})
        client.shop.orders.delete_one({"_id": 7})
        client.shop.orders.insert_one({"_id": "new"})
        client.shop.orders.create_index("n", name="by n")
        client.shop.carts.insert_one({"_id": 1})
        after = text(last_entry(client))
        archive_once(varve, source)
    *changes, summary = varve.json("diff", "--source", "shop", "--at", before, "--at", after)
    seen = {(c["collection"], c["change"], str(c.get("_id"))): c for c in changes}
    assert seen.keys() == {("orders", "changed", "5"), ("orders", "removed", "7"), ("orders", "added", "new"), ("orders", "catalog", "None"),
                           ("carts", "catalog", "None"), ("carts", "added", "1")}
    assert seen["orders", "changed", "5"]["fields"] == [{"path": "n", "before": 5, "after": 6}, {"path": "items.0.price", "before": 1, "after": 2},
                                                       {"path": "new", "after": "x"}]
    assert seen["orders", "removed", "7"]["before"]["n"] == 7 and "by n" in seen["orders", "catalog", "None"]["what"]
    assert (summary["added"], summary["removed"], summary["changed"]) == (2, 1, 1)
    (then,) = varve.json("show", "--source", "shop", "--at", after)
    assert {(c["collection"], c["documents_changed"], len(c["indexes"])) for c in then["collections"] if c["db"] == "shop"} == {
        ("orders", True, 2), ("carts", True, 1), ("same", False, 1)} and then["moment"] == after
    assert "changed since the backup" in varve("show", "--source", "shop", "--at", after).stdout
    assert "changed since" not in varve("show", "latest", "--source", "shop").stdout
    shown = varve("diff", "--source", "shop", "--at", after, "--at", before, "--ns-include", "shop.orders").stdout
    assert "n: 6 -> 5" in shown and "new: gone, was \"x\"" in shown and "1 added, 1 removed, 1 changed" in shown and "carts" not in shown
    assert "0 added, 0 removed, 0 changed" in varve("diff", "--source", "shop", "--at", after, "--at", after).stdout
    for wrong in (["--source", "shop"], ["--source", "shop", "--at", after], ["--at", after, "--at", before], ["latest", "--source", "shop", "--at", after, "--at", before], ["latest"]):
        assert "--at TIME" in (refused := varve("diff", *wrong, code=1).stderr) or "leave the snapshots" in refused


@pytest.mark.parametrize("version, seed", [("6.0.5", 50), *(pytest.param(v, 51, marks=pytest.mark.all) for v in VERSIONS)])
def test_a_backup_is_made_of_the_last_one_and_the_oplog(tmp_path, varve, servers, version, seed):
    """Twice, one of the other, after random histories: each brings back what the server held then, with stock tools too, and later moments
    start from it."""
    server, there = servers(version)
    new_repository(varve)
    moments = []
    with server.client(w=1) as client:
        empty(client)
        empty_logins(client, *DATABASES)
        history = LiveHistory(client, seed, tuple(map(int, version.split("."))))
        client.big.many.insert_many([{"_id": i, "n": i, "text": "x" * 1000} for i in range(5000)])
        history.run(100)
        with archiver(varve, server):
            back_up(varve, server)
            for turn in range(3):
                history.run(EACH)
                client.big.many.update_many({"_id": {"$mod": [500, turn]}}, {"$inc": {"n": 1}})
                client.big.many.delete_one({"_id": 7 * turn + 1})
                client.big.many.insert_one({"_id": f"new {turn}"})
                moments.append((text(last_entry(client)), held(server) | state_of(server, "big", auth=False)))
            wait_for(varve, last_entry(client))
    told = f"{version}, seed {seed}, {dict(history.done)}"
    made = [varve.json("base", "--source", "shop", "--at", when)[-1] for when, _ in moments[:2]]
    for base, (when, _) in zip(made, moments):
        assert base["moment"] == when and base["exit_code"] == 0 and base["data_added"] < 1_500_000, (base, told)
    assert varve.json("base", "--source", "shop", "--at", moments[1][0])[-1]["snapshot_id"] == made[1]["snapshot_id"], "it is there already"
    with there.client() as client:
        for base, (when, expected) in zip([*made, None], moments):
            empty(client)
            empty_logins(client, *DATABASES)
            done = restore(varve, there, snapshot=base["snapshot_id"]) if base else restore_at(varve, there, when)
            assert done["verified"] and done["moment"] == when and not done["skipped"], told
            assert not differences(expected, held(there) | state_of(there, "big", auth=False), version != "4.2.6"), (when, told)
    assert len(window(varve)["oplog"]) == 1 and len(window(varve)["bases"]) == 3
    varve.restic("check", "--read-data")


@pytest.mark.all
def test_stock_tools_reach_the_moment_of_a_base(varve, source, target):
    """RULES 13: its oplog is of last states, deletes first; twice, as the second one goes on with what the first has kept. What is stored
    follows the changes."""
    with source.client(w=1) as client:
        client.shop.orders.insert_many([{"_id": i, "n": i, "text": f"{i} " * 200} for i in range(20_000)])
        client.shop.orders.create_index("n")
        size = back_up(varve, source)["data_added"]
        for turn in range(2):
            client.shop.orders.update_many({"_id": {"$mod": [100, turn]}}, {"$set": {"changed": turn}})
            client.shop.orders.delete_many({"_id": {"$mod": [1000, 7 + turn]}})
            client.shop.orders.insert_many([{"_id": f"{turn} {i}", "n": -i} for i in range(100)])
            client[f"new{turn}"].things.insert_one({"_id": turn})
            archive_once(varve, source)
            made = varve.json("base", "--source", "shop")[-1]
            assert made["data_added"] < size / 15 and made["documents"] == client.shop.orders.estimated_document_count() + turn + 1, made
        expected = state_of(source, "shop", "new0", "new1", auth=False)
    mongorestore("--uri", target.uri, "--oplogReplay", export(varve, snapshot=made["snapshot_id"]))
    assert not differences(expected, state_of(target, "shop", "new0", "new1", auth=False))
    shown = varve("show", made["snapshot_id"]).stdout
    assert "without reading a server" in shown and varve.json("base", "--source", "shop")[-1]["snapshot_id"] == made["snapshot_id"]
    sound(varve)


def test_a_base_in_the_middle_of_a_transaction(varve, source, target):
    """RULES 9: its parts before the moment are kept, for it is committed later."""
    with source.client(w=1) as client:
        client.shop.orders.insert_one({"_id": "before"})
        back_up(varve, source)
        saved = last_entry(client)
        with client.start_session() as session, session.start_transaction():
            for i in range(40):
                client.shop.orders.insert_one({"_id": i, "text": "x" * 1_000_000}, session=session)
        first = text(client.local["oplog.rs"].find_one({"o.partialTxn": True, "ts": {"$gt": saved}})["ts"])
        archive_once(varve, source)
        now = text(last_entry(client))
    assert varve.json("base", "--source", "shop", "--at", first)[-1]["moment"] == first
    for when, count in ((first, 1), (now, 41)):
        with target.client() as client:
            empty(client)
            assert restore_at(varve, target, when)["verified"]
            assert client.shop.orders.count_documents({}) == count


def test_a_mistake_is_undone_beside_what_is_there(varve, source, target):
    """The collection as it was before the second of its drop, under another name, by the clock's time."""
    new_repository(varve)
    with source.client(w=1) as client:
        client.shop.orders.insert_many([{"_id": i} for i in range(100)])
        back_up(varve, source)
        client.shop.orders.insert_one({"_id": "after the backup"})
        time.sleep(2.1)  # so that the drop has a second of its own
        client.shop.orders.drop()
        dropped = last_entry(client)
        client.shop.orders.insert_one({"_id": "new"})
        archive_once(varve, source)
    second = datetime.fromtimestamp(dropped.time, timezone.utc)
    rename = ["--ns-include", "shop.orders", "--ns-from", "shop.orders", "--ns-to", "shop.orders_before"]
    for when in (second.strftime("%Y-%m-%d %H:%M:%S UTC"), second.isoformat(), text(dropped).split(":")[0] + ":0"):
        with target.client() as client:
            empty(client)
            restore_at(varve, target, when, *rename)
            assert client.shop.orders_before.count_documents({}) == 101
    with source.client() as client:
        restore_at(varve, source, second.isoformat(), *rename)
        assert client.shop.orders_before.count_documents({}) == 101 and client.shop.orders.count_documents({}) == 1
    shown = json.loads(varve("verify", "--source", "shop", "--at", second.isoformat(), "--against", at(varve, target.uri, "target"), "--json", code=3).lines[-1])
    assert [d["namespace"] for d in shown["differences"]] == ["shop.orders", "shop.orders_before"]
    out = varve.folder / "then"
    varve("export", "--source", "shop", "--at", second.isoformat(), "--out", out)
    assert (out / "oplog.bson").stat().st_size == 0 and (out / "shop" / "orders.bson").stat().st_size > 1000


def history(varve, *args, code=0):
    """(op, namespace, count, the moment before) of each event."""
    told = varve.json("history", "--source", "shop", *args, code=code)
    return [(e["op"], f"{e['db']}.{e['collection']}".rstrip("."), e["count"], e["before"]) for e in told if e["message_type"] == "event"]


def test_what_happened_is_found(varve, source, target):
    """RULES 9, 11: the moment right before each event, that of a transaction being its commit's."""
    with source.client(w=1) as client:
        client.shop.orders.insert_many([{"_id": i} for i in range(100)])
        back_up(varve, source)
        client.shop.orders.delete_many({"_id": {"$lt": 40}})
        client.shop.carts.insert_one({"_id": 1})
        client.shop.carts.rename("baskets")
        client.shop.orders.create_index("n", name="by n")
        before_commit = None
        with client.start_session() as session, session.start_transaction():
            client.shop.orders.delete_one({"_id": 50}, session=session)
            client.shop.baskets.insert_one({"_id": 2})
            before_commit = text(last_entry(client))
        client.shop.orders.drop()
        dropped = last_entry(client)
        client.shop.baskets.insert_one({"_id": 3})
        client.drop_database("shop")
        archive_once(varve, source)
    events = history(varve, "--ns-include", "shop.*")
    assert [e[:3] for e in events if e[0] not in ("insert", "delete")] == [
        ("create", "shop.carts", 1), ("rename", "shop.carts", 1), ("createIndex", "shop.orders", 1), ("drop", "shop.orders", 1),
        ("drop", "shop.baskets", 1), ("dropDatabase", "shop", 1)]
    assert sum(e[2] for e in events if e[0] == "delete") == 41
    (drop,) = history(varve, "--op", "drop", "--ns-include", "shop.orders")
    assert drop[3] == f"{dropped.time}:{dropped.inc - 1}"
    (whole,) = history(varve, "--op", "dropDatabase")
    assert number(drop[3]) < number(whole[3]), "before the first of its collections went, but orders had gone already"
    late = [e for e in history(varve, "--op", "delete", "--since", before_commit) if e[0] == "delete"]
    assert [e[:3] for e in late] == [("delete", "shop.orders", 1)]
    assert sum(e[2] for e in history(varve, "--op", "insert", "--ns-include", "shop.orders")) <= 1, "the archive begins with the backup's last entry"
    assert "dropDatabase" in varve("history", "--source", "shop").stdout

    done = varve.json("restore", "--source", "shop", "--before", "drop shop.orders", "--to", at(varve, target.uri, "target"))[-1]
    assert done["moment"] == drop[3]
    with target.client() as client:
        assert client.shop.orders.count_documents({}) == 59 and "by n" in client.shop.orders.index_information()
    with target.client() as client:
        empty(client)
        varve("restore", "--source", "shop", "--before", "dropDatabase shop.*", "--to", at(varve, target.uri, "target"))
        assert {d["_id"] for d in client.shop.baskets.find()} == {1, 2, 3} and "orders" not in client.shop.list_collection_names()
        empty(client)
        restore_at(varve, target, drop[3])
    several = varve("verify", "--source", "shop", "--before", "drop shop.*", "--against", at(varve, target.uri, "target"), code=1)
    assert "happened 2 times" in several.stderr and f"--at {drop[3]}" in several.stderr
    never = varve("export", "--source", "shop", "--before", "drop shop.other", "--out", varve.folder / "x", code=1)
    assert "did not happen" in never.stderr
    assert "is no event" in varve("restore", "--source", "shop", "--before", "lose shop.orders", "--to", "mongodb://x", code=1).stderr
    assert "nothing is called that" in varve("history", "--source", "shop", "--op", "lose", code=1).stderr
    assert "no archive of the oplog" in varve("history", "--source", "other", code=1).stderr


def test_it_goes_on_where_it_ended(varve, source):
    """Also after kill -9, and without a backup before it."""
    new_repository(varve)
    with source.client(w=1) as client:
        archive_once(varve, source)
        for turn in range(3):
            with archiver(varve, source) as process:
                client.shop.orders.insert_many([{"turn": turn} for _ in range(100)])
                wait_for(varve, last_entry(client))
                client.shop.orders.insert_many([{"turn": turn} for _ in range(100)])
                process.kill()
                process.wait()
        varve("unlock")
        assert archive_once(varve, source)["entries"] >= 100
        assert archive_once(varve, source)["exit_code"] == 0
        stored = window(varve, code=3)
        assert len(stored["oplog"]) == 1 and not stored["gaps"] and not stored["restorable"]
        assert number(stored["oplog"][0]["to"]) >= number(text(last_entry(client)))[:1]
        counted = sum(o["inserts"] for s in slices(varve) for o in s["operations"] if o["collection"] == "orders")
        assert counted == 600


def test_what_the_server_has_lost_is_a_gap(varve, mongod):
    """RULES 24: told at once, in the exit code, and to whoever asks what can be had."""
    server = mongod(replica_set="rs0", extra_args=["--syncdelay", "1"], oplog_mb=SMALL_MB)
    with server.client(w=1) as client:
        back_up(varve, server)
        archive_once(varve, server)
        before = window(varve)["oplog"][0]["to"]
        overrun(client)
        client.shop.orders.insert_one({"_id": 1})
        lost = archive_once(varve, server, code=3)
        assert "there is a gap" in lost["skipped"][0]["reason"] and "rolled over" in lost["skipped"][0]["reason"]
        stored = window(varve)
        (gap,) = stored["gaps"]
        assert gap["from"] == before and "rolled over" in gap["reason"] and number(gap["to"]) > number(before)
        assert stored["restorable"][-1]["to"] == before
        refused = varve("restore", "--source", "shop", "--at", text(last_entry(client)), "--to", at(varve, server.uri, "target"), code=1)
        assert "the nearest moment before it is" in refused.stderr and before in refused.stderr
        assert "gap" in varve("window", "--source", "shop").stdout
        back_up(varve, server)
        client.shop.orders.insert_one({"_id": 2})
        archive_once(varve, server)
        assert number(window(varve)["restorable"][-1]["to"]) >= number(text(last_entry(client)))


def test_a_second_archiver_is_refused(varve, source):
    new_repository(varve)
    with source.client(w=1) as client, archiver(varve, source):
        client.shop.orders.insert_one({})
        wait_for(varve, last_entry(client))
        refused = varve(*words(varve, source), code=11)
        assert "archived already, by process" in refused.stderr
        client.shop.orders.insert_one({})
        wait_for(varve, last_entry(client))


def test_one_run_elsewhere_does_not_end_it(varve, source):
    """Two that store the same entries lose nothing, and the one that goes on goes on from what the other has stored."""
    new_repository(varve)
    with source.client(w=1) as client, archiver(varve, source) as process:
        for i in range(3):
            client.shop.orders.insert_one({"_id": i})
            wait_for(varve, last_entry(client))
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.2)
            client.shop.orders.insert_one({"_id": f"second {i}"})
            try:
                varve("unlock")
                elsewhere(varve, source)
            finally:
                process.send_signal(signal.SIGCONT)
        client.shop.orders.insert_one({})
        wait_for(varve, last_entry(client))
    assert len(window(varve, code=3)["oplog"]) == 1
    assert sum(o["inserts"] for s in slices(varve) for o in s["operations"] if o["collection"] == "orders") >= 6


def elsewhere(varve, server):
    """`archive --once` as on another machine."""
    return run("unshare", "--uts", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh", varve_binary(), *words(varve, server, "--once"), env=varve.env)


@pytest.mark.all
def test_a_member_that_is_behind_is_no_gap(varve, replica_set):
    """RULES 5: it is waited for, or another one is read; and one that has lost what comes next is not the whole set."""
    rs = replica_set(members=3, hidden=1, extra_args=HOLDABLE)
    hidden = rs.hidden[0]
    with rs.client(w=1) as client:
        client.shop.orders.insert_one({"_id": 0})
        rs.wait_for_replication()
        back_up(varve, rs)
        archive_once(varve, rs)
        with fail_point(hidden, "stopReplProducer"):
            client.shop.orders.insert_one({"_id": 1})
            archive_once(varve, rs, "--member", "primary")
            behind = varve(*words(varve, rs, "--once"), code=1)
            assert "has come to" in behind.stderr, behind
        rs.wait_for_replication()
        client.shop.orders.insert_one({"_id": 2})
        rs.wait_for_replication()
        assert archive_once(varve, rs)["exit_code"] == 0
    assert not window(varve)["gaps"]


def test_what_a_backup_left_out_stays_left_out(varve, source, target):
    """RULES 4: also what is renamed into it since, which is told."""
    with source.client(w=1) as client:
        client.shop.orders.insert_many([{"_id": i} for i in range(10)])
        client.shop.carts.insert_many([{"_id": i} for i in range(10)])
        client.other.notes.insert_one({"_id": 1})
        back_up(varve, source, "--ns-include", "shop.orders*")
        client.shop.orders.insert_one({"_id": "new"})
        client.shop.orders_2.insert_one({"_id": 1})
        client.shop.carts.insert_one({"_id": "new"})
        client.other.notes.insert_one({"_id": 2})
        before = text(last_entry(client))
        client.shop.carts.rename("orders_3")
        after = text(last_entry(client))
        archive_once(varve, source)
    assert restore_at(varve, target, before)["exit_code"] == 0
    found = state_of(target, auth=False)
    assert found.keys() == {"shop.orders", "shop.orders_2"} and len(found["shop.orders"].documents) == 11
    with target.client() as client:
        empty(client)
    told = restore_at(varve, target, after, code=3)
    assert "shop.orders_3 was replaced by renaming shop.carts into it, which the filters leave out, before that moment" in str(told["skipped"])


def test_a_whole_backup_goes_before_a_newer_part(varve, source, target):
    """The newest from which the moment can be reached; of a part only where there is no whole one, which is told."""
    with source.client(w=1) as client:
        client.shop.orders.insert_one({"_id": 1})
        client.shop.carts.insert_one({"_id": 1})
        back_up(varve, source, "--ns-include", "shop.orders")
        first = text(last_entry(client))
        archive_once(varve, source)
        client.shop.carts.insert_one({"_id": "between"})
        back_up(varve, source)
        back_up(varve, source, "--ns-include", "shop.orders")
        client.shop.carts.insert_one({"_id": 2})
        archive_once(varve, source)
        now = text(last_entry(client))
    assert [bool(base["partial"]) for base in window(varve)["bases"]] == [True, False, True]
    assert "is of a part of the source" in varve("window", "--source", "shop").stdout
    restore_at(varve, target, now)
    assert state_of(target, auth=False).keys() == {"shop.orders", "shop.carts"}
    with target.client() as client:
        empty(client)
    told = varve("restore", "--source", "shop", "--at", first, "--to", at(varve, target.uri, "target"), "--yes")
    assert "is of a part of the source, and no whole backup reaches that moment" in told.stderr
    assert state_of(target, auth=False).keys() == {"shop.orders"}


@pytest.mark.all
def test_a_set_that_was_made_anew(varve, mongod, target):
    """RULES 23: not under the same name by itself; and what was is still there."""
    first = mongod(replica_set="rs0")
    with first.client(w=1) as client:
        client.shop.orders.insert_one({"_id": "first"})
        back_up(varve, first)
        client.shop.orders.insert_one({"_id": "archived"})
        archive_once(varve, first)
        then = text(last_entry(client))
    second = mongod(replica_set="rs0")
    with second.client(w=1) as client:
        client.shop.orders.insert_one({"_id": "second"})
        refused = varve(*words(varve, second, "--once"), code=1)
        assert "with another id" in refused.stderr and "--new-incarnation" in refused.stderr
        back_up(varve, second, "--new-incarnation")
        told = archive_once(varve, second, "--new-incarnation", code=3)
        assert "was made anew" in told["skipped"][0]["reason"]
        client.shop.orders.insert_one({"_id": "late"})
        archive_once(varve, second)
        now = text(last_entry(client))
    for when, ids in ((then, {"first", "archived"}), (now, {"second", "late"})):
        with target.client() as client:
            empty(client)
            restore_at(varve, target, when)
            assert {d["_id"] for d in client.shop.orders.find()} == ids
    assert len(window(varve)["restorable"]) == 2 and "was made anew" in window(varve)["gaps"][0]["reason"]


@pytest.mark.all
def test_on_an_append_only_server(tmp_path, source, target):
    """RULES 25: all its snapshots stay, so there are fewer."""
    with RestServer("--append-only") as store:
        varve = at_store(tmp_path, store, "shop")
        varve("init")
        with source.client(w=1) as client:
            client.shop.orders.insert_one({"_id": 1})
            back_up_at(varve, source)
            for i in range(2, 5):
                client.shop.orders.insert_one({"_id": i})
                archive_once(varve, source)
            when = text(last_entry(client))
        restore_at(varve, target, when)
        assert len(window(varve)["oplog"]) == 1
        sound(varve)


def back_up_at(varve, server):
    return varve.json("backup", at(varve, server.uri, "source"), "--source", "shop")[-1]


def test_it_outlives_an_election(varve, replica_set):
    """RULES 5: another member goes on where the one before ended."""
    rs = replica_set(members=3)
    with rs.client() as client:
        orders = client.shop.get_collection("orders", write_concern=WriteConcern("majority"))
        orders.insert_many([{"_id": i} for i in range(50)])
        back_up(varve, rs)
        with archiver(varve, rs):
            orders.insert_many([{"_id": i} for i in range(50, 100)])
            wait_for(varve, last_entry(client))
            rs.primary.kill()
            wait_until(lambda: orders.insert_one({"_id": "after"}), "a new primary")
            wait_for(varve, last_entry(client))
    assert len(window(varve)["oplog"]) == 1


def test_it_waits_while_somebody_excludes_it(varve, source):
    """RULES 24: a lock is held for a slice only, and nobody's exclusive lock is in the way of more than the time it takes."""
    new_repository(varve)
    with source.client(w=1) as client, archiver(varve, source) as process:
        client.shop.orders.insert_one({})
        wait_for(varve, last_entry(client))
        for _ in range(3):
            varve("prune", "--retry-lock", "20s")
            varve.restic("prune", "--retry-lock", "20s")
        client.shop.orders.insert_one({})
        wait_for(varve, last_entry(client))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 130
    varve("check", "--read-data")
    assert not list((varve.path / "locks").iterdir()) and len(window(varve, code=3)["oplog"]) == 1


def test_stock_retention_keeps_it_whole(varve, source):
    """RULES 25: its newest snapshot holds all, on a path of its own."""
    with source.client(w=1) as client:
        back_up(varve, source)
        for i in range(3):
            client.shop.orders.insert_one({"_id": i})
            archive_once(varve, source)
        varve.restic("forget", "--keep-last", "1", "--prune")
        stored = window(varve)
        assert len(stored["oplog"]) == 1 and number(stored["restorable"][0]["to"]) >= number(text(last_entry(client)))
        assert json.loads(varve("snapshots", "--json", "--latest", "1").stdout)


def test_a_backup_that_cannot_be_read_is_kept(varve, source):
    """Whoever can read it, or has repaired it, may need it."""
    with source.client(w=1) as client:
        client.shop.orders.insert_one({"_id": 1})
        back_up(varve, source)
        before = {path for path in (varve.path / "data").glob("*/*")}
        client.shop.carts.insert_one({"_id": 1})
        damaged = back_up(varve, source)["snapshot_id"]
        for path in {path for path in (varve.path / "data").glob("*/*")} - before:
            path.unlink()
        client.shop.orders.insert_one({"_id": 2})
        archive_once(varve, source, code=(0, 3))
    told = varve("forget", "--keep-pitr", "1h", "--dry-run")
    assert "may be needed, for it cannot be read" in told.stdout, told
    assert damaged[:8] in varve("window", "--source", "shop").stdout and damaged in kept_backups(varve)


def kept_backups(varve, **options):
    groups = json.loads(varve("forget", "--keep-pitr", "1h", "--dry-run", "--json", **options).stdout)
    return {snapshot["id"] for group in groups for snapshot in group["keep"] or [] if "/mongodb/shop" in snapshot["paths"]}


def test_every_second_of_the_last_hour_is_kept(tmp_path, varve, mongod, target):
    """Of six backups, hours apart, those without which a second could not be had, and the oplog from the first of them on;
    while an archiver runs."""
    server = mongod(replica_set="rs0")
    moments = []

    def hours_later(client):
        """For the oplog: its times follow those that clients tell of, up to a year."""
        with client.start_session() as session:
            session.advance_cluster_time({"clusterTime": Timestamp(last_entry(client).time + 7200, 1), "signature": {"hash": Binary(bytes(20)), "keyId": Int64(0)}})
            client.shop.orders.insert_one({}, session=session)

    def insert_and_archive(client):
        client.shop.orders.insert_one({})
        archive_once(varve, server)
        moments.append((last_entry(client), client.shop.orders.count_documents({})))

    with server.client(w=1) as client:
        for turn in range(3):
            if turn:
                hours_later(client)
            for _ in range(2):
                client.shop.orders.insert_one({})
                back_up(varve, server)
                insert_and_archive(client)
    first, second, third, fourth, fifth, sixth = [base["snapshot_id"] for base in window(varve)["bases"]]
    with archiver(varve, server), server.client(w=1) as client:
        client.shop.orders.insert_one({})
        wait_for(varve, last_entry(client))
        assert kept_backups(varve) == {first, sixth}, "by this machine's clock all of it is new"
        later = wrong_clock(tmp_path, 4 * 3600)
        assert kept_backups(varve, env=later) == {fourth, sixth}
        assert [base["snapshot_id"] for base in window(varve)["bases"]] == [first, second, third, fourth, fifth, sixth]
        told = varve("forget", "--keep-pitr", "1h", "--keep-last", "1", "--prune", "--retry-lock", "30s", env=later)
        assert "of oplog before" in told.stderr and "go with the next prune" in told.stderr and "needed for every second of 1h" in told.stdout, told
        client.shop.orders.insert_one({})
        wait_for(varve, last_entry(client))
        moments.append((last_entry(client), client.shop.orders.count_documents({})))
    assert [base["snapshot_id"] for base in window(varve)["bases"]] == [fourth, sixth]
    stored = window(varve)
    assert len(stored["oplog"]) == 1 and not stored["gaps"] and len(stored["restorable"]) == 1
    refused = varve("restore", "--source", "shop", "--at", text(moments[2][0]), "--to", at(varve, target.uri, "target"), code=1)
    assert "the nearest moment after it" in refused.stderr
    for when, count in moments[3:]:
        with target.client() as client:
            empty(client)
            restore_at(varve, target, text(when))
            assert client.shop.orders.count_documents({}) == count
    varve.restic("check", "--read-data")
    assert "no archive of an oplog" in varve("forget", "--keep-pitr", "1h", "--path", "/mongodb/shop", code=1).stderr


@pytest.mark.parametrize("when, sentence", [
    ("1795251206:3", "cannot be brought back"), ("2026-11-28T10:00:07.5Z", "within them only the order"), ("10:00", "wants its day"),
    ("-500y", "--at"), ("soon", "no time"), ("2031-01-01", "cannot be brought back")])
def test_a_time_that_cannot_be_had_is_told(varve, source, target, when, sentence):
    if not varve.path.exists():
        with source.client() as client:
            client.shop.orders.insert_one({"_id": 1})
        back_up(varve, source)
    refused = varve("restore", "--source", "shop", "--at", when, "--to", at(varve, target.uri, "target"), code=1)
    assert sentence in refused.stderr, refused


def test_words_that_contradict_each_other_are_told(varve, source, target):
    new_repository(varve)
    for options in (["latest", "--source", "shop", "--at", "-1m"], ["--at", "-1m"]):
        assert "leave the snapshot out" in varve("restore", *options, "--to", at(varve, target.uri, "target"), code=1).stderr
    assert "which backup is not clear" in varve("verify", "--against", at(varve, target.uri, "target"), code=1).stderr
    assert "neither a backup nor an archive" in varve("window", "--source", "other", code=1).stderr


def test_a_standalone_has_no_oplog(varve, servers):
    new_repository(varve)
    assert "is a standalone server and has no oplog" in varve(*words(varve, servers()[1]), code=1).stderr


def test_ninety_seconds_ago(varve, source, target):
    """What came since is not there."""
    with source.client(w=1) as client:
        client.shop.orders.insert_one({"_id": 1})
        back_up(varve, source)
        time.sleep(2.1)
        since = datetime.now(timezone.utc)
        client.shop.orders.insert_one({"_id": 2})
        archive_once(varve, source)
        ago = int((datetime.now(timezone.utc) - since + timedelta(seconds=1)).total_seconds()) + 1
        restore_at(varve, target, f"-{ago}s")
    with target.client() as client:
        assert [d["_id"] for d in client.shop.orders.find()] == [1]
