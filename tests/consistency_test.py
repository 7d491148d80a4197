"""A server that is written to while it is backed up: the folder and its oplog.bson reach one moment, or varve says why not."""
import contextlib
import threading

import bson
import bson.json_util
import pytest
from pymongo.errors import OperationFailure

from harness.servers import wait_until
from harness.tools import mongorestore
from support.hold import HOLDABLE, backup_held_at, fail_point, finish
from support.raw import split
from support.readings import AFTER, BEFORE, BIG, READINGS, WINDOW, client, server, target
from support.runs import at, export, new_repository, restore, state_of, verify
from support.state import differences, document_differences, empty
from support.storm import Storm, documents_at, moment_of

each_reading = pytest.mark.parametrize("reading", [pytest.param(reading, marks=pytest.mark.all if reading is AFTER else ()) for reading in READINGS], ids=str)


def every_way(varve, target, stock=True):
    """Brings the backup back to an emptied server, in one way after the other; each must reach the moment.

    By varve, which merges; by stock tools from the merged folder; and by stock tools from the folder as it was read, by
    the documented command, where they can.
    """
    ways = ["restore", "merged", "stock"] if stock else ["restore", "merged"]
    for way in ways:
        with target.client() as client:
            empty(client)
        if way == "restore":
            assert restore(varve, target)["verified"]
            assert not verify(varve, target)["differences"]
        else:
            folder = export(varve, way, "latest", *(["--merged"] if way == "merged" else []))
            mongorestore("--uri", target.uri, "--oplogReplay", folder)
        yield way


def summary(out):
    return bson.json_util.loads(out.splitlines()[-1])


def tags(varve):
    return bson.json_util.loads(varve("snapshots", "--json").stdout)[-1]["tags"]


def operations(folder):
    return [bson.decode(entry) for entry in split((folder / "oplog.bson").read_bytes())]


def expect_documents(expected, found, way):
    for name, documents in expected.items():
        assert not list(document_differences(documents, found[f"storm.{name}"].documents)), (way, name)


@each_reading
def test_a_storm_ends_at_one_moment(varve, server, client, target, reading):
    """RULES 2, 3, 9, 10, 13: merged, or replayed by stock tools: what the server itself shows at the moment that varve names."""
    with Storm(server) as storm:
        with reading.backup(varve, server) as (process, release):
            storm.wait_for(400)  # some leave no entry
            release()
            saved = summary(finish(process)[0])
        storm.wait_for(50)
        storm.stop()
        expected = documents_at(client, "storm", moment_of(saved))
    assert "needs-varve" not in tags(varve) and saved["consistency"] == reading.way
    for way in every_way(varve, target):
        expect_documents(expected, state_of(target, "storm"), way)
    kept = operations(varve.folder / "stock")
    assert len(kept) >= 300 or not reading.contained
    assert all(operation["ts"] <= moment_of(saved) for operation in kept), "what comes after the moment is not kept"
    assert not operations(varve.folder / "merged")


@each_reading
def test_a_filter_holds_in_the_window_too(varve, server, client, target, reading):
    """RULES 4: with filters, the window holds the operations on the selected collections, all of them and no others."""
    with Storm(server, each=1000) as storm:
        with reading.backup(varve, server, "--ns-include", "big.*", "--ns-include", "storm.a", "--ns-include", "storm.new*",
                            "--ns-exclude", "*.newest") as (process, release):
            client.storm.new_one.insert_one({"_id": 1})
            client.storm.newest.insert_one({"_id": 1})
            storm.wait_for(300)
            release()
            saved = summary(finish(process)[0])
        storm.stop()
        expected = documents_at(client, "storm", moment_of(saved))
    for way in every_way(varve, target):
        found = state_of(target, "storm")
        assert found.keys() == ({"storm.a", "storm.new_one"} if reading.contained else {"storm.a"})
        expect_documents({"a": expected["a"]}, found, way)


@each_reading
def test_ddl_in_the_window_is_replayed_by_stock_tools(varve, server, client, target, reading):
    """RULES 2, 3, 13: creates, drops, index builds and collMods of the window bring the catalog to the moment. What is dropped
    after the time of reading cannot be read as of then, so that the moment moves to the end."""
    shop = client.shop
    for name in ("dropped", "changed", "recreated"):
        shop[name].insert_many([{"_id": i, "v": i} for i in range(20)])
    shop.create_collection("capped", capped=True, size=4096, max=10)
    shop.capped.insert_many([{"_id": i} for i in range(8)])
    client.gone.all.insert_one({"_id": 1})
    with reading.backup(varve, server) as (process, release):
        shop.dropped.drop()
        shop.recreated.drop()
        shop.recreated.insert_many([{"_id": i, "v": "new"} for i in range(10, 30)])
        shop.changed.create_index("v", unique=True)
        shop.command("collMod", "changed", validator={"v": {"$exists": True}})
        shop.create_collection("made", collation={"locale": "de"})
        shop.made.insert_one({"_id": "a"})
        shop.capped.insert_many([{"_id": i} for i in range(100, 106)])
        client.drop_database("gone")
        release()
        saved = summary(finish(process)[0])
    assert saved["consistency"] == ("one-time" if reading is BEFORE else "window")
    if reading is AFTER:
        assert "gone.all, shop.dropped, shop.recreated" in str(saved["remarks"])
    for way in every_way(varve, target):
        assert not differences(state_of(server), state_of(target)), way


@pytest.mark.parametrize("read_at", ["window", "one-time"])
def test_a_catalog_that_changes_while_it_is_listed(varve, server, client, target, read_at):
    """RULES 2: the tail starts before the listing, which is made again if it met a change; no half-old, half-new catalog is kept."""
    for name in ("one", "two", "three"):
        client.shop[name].insert_many([{"_id": i, "v": i} for i in range(20)])
    new_repository(varve)
    with fail_point(server, "hangBeforeListIndexes") as listing:
        process = varve.start("backup", at(varve, server.uri), "--source", "shop", "--read-at", read_at)
        listing.wait()
        for name in ("one", "two", "three"):
            client.shop[name].rename(f"{name} renamed")
            client.shop[name].insert_one({"_id": "new"})
            client.shop[name].create_index("v")
        listing.release()
        finish(process)
    assert "needs-varve" not in tags(varve), varve("show", "latest").stdout
    for way in every_way(varve, target):
        assert not differences(state_of(server), state_of(target)), way


def test_a_set_to_which_nobody_writes(varve, server):
    """Nothing rolled back where nothing came. With nothing selected it has ended before the tail is looked at."""
    new_repository(varve)
    for n in range(20):
        words = ("--read-at", ("window", "one-time")[n % 2], *(["--ns-include", "nothing.*"] if n > 3 else []))
        varve("backup", at(varve, server.uri), "--source", "shop", *words)


@pytest.mark.parametrize("read_at", ["window", "one-time"])
def test_a_catalog_that_never_stands_still(varve, server, client, target, read_at):
    """RULES 2, 4: a collection whose name changes between its listing and that of its indexes is in the backup, with its own."""
    pairs = [(f"{i}", f"{i} renamed") for i in range(6)]
    for one, other in pairs:
        client.shop[one].insert_many([{"_id": i, one: i} for i in range(20)])
        client.shop[one].create_index(one)
    new_repository(varve)
    done = threading.Event()

    def rename():
        names = dict(pairs)
        while not done.is_set():
            for one in list(names):
                other = names.pop(one)
                client.shop[one].rename(other)
                names[other] = one

    slow = {"failCommands": ["listIndexes"], "blockConnection": True, "blockTimeMS": 30}
    renaming = threading.Thread(target=rename)
    with fail_point(server, "failCommand", slow):
        renaming.start()
        try:
            finish(varve.start("backup", at(varve, server.uri), "--source", "shop", "--read-at", read_at, "--readers", "1"))
        finally:
            done.set()
            renaming.join()
    assert "needs-varve" in tags(varve)
    with target.client() as there:
        empty(there)
    assert restore(varve, target)["verified"] and not verify(varve, target)["differences"]
    found = state_of(target, "shop")
    assert len(found) == len(pairs)
    for ns, collection in found.items():
        own = ns.removeprefix("shop.").removesuffix(" renamed")
        assert len(collection.documents) == 20 and set(collection.indexes) == {"_id_", f"{own}_1"}, ns


@each_reading
@pytest.mark.parametrize("how", ["drop", "rename", pytest.param("rename over", marks=pytest.mark.all)])
def test_a_collection_that_goes_before_its_first_read(varve, server, client, target, how, reading):
    """RULES 1: read by UUID, so that one that was dropped, renamed or re-created after the listing is never read as empty by name."""
    old = [{"_id": i, "v": "old"} for i in range(10)]
    client.shop.victim.insert_many(old)
    client.shop.other.insert_one({"_id": "other"})
    with reading.backup(varve, server) as (process, release):
        if how == "drop":
            client.shop.victim.drop()
        else:
            client.shop.victim.rename("elsewhere" if how == "rename" else "other", dropTarget=True)
        client.shop.victim.insert_one({"_id": "new"})
        release()
        saved = summary(finish(process)[0])
    assert saved["consistency"] == ("one-time" if reading is BEFORE else "window")
    folder = export(varve, code=0 if how == "drop" else 3)
    read = [bson.decode(d) for d in split((folder / "shop" / "victim.bson").read_bytes())]
    done = [entry["o"] for entry in operations(folder)]
    assert any(o.get("_id") == "new" for o in done)
    if how == "drop":
        assert any(o.get("drop") == "victim" for o in done) and {"_id": "new"} not in read
    else:
        assert any("renameCollection" in o for o in done)
        assert read == old, "a rename takes the documents along; they are in no oplog entry"
        assert "needs-varve" in tags(varve)
        assert "shop.victim was renamed" in varve("show", "latest").stdout
    for way in every_way(varve, target, stock=how == "drop"):
        assert not differences(state_of(server), state_of(target)), way


@pytest.mark.parametrize("reading", [WINDOW, BEFORE], ids=str)
@pytest.mark.parametrize("filters", [("--ns-include", "big.*", "--ns-include", "shop.result"), pytest.param((), marks=pytest.mark.all)])
def test_an_out_that_began_before_the_listing_keeps_its_first_documents(varve, server, client, target, filters, reading):
    """RULES 4: temporaries are read too, and kept only if the window renames them. With filters on as well."""
    client.shop.orders.insert_many([{"_id": i, "x": "x" * 1_000_000} for i in range(24)])
    with fail_point(server, "hangWhileBuildingDocumentSourceOutBatch", mode={"skip": 20}) as out:  # 16 MB are written by then
        thread = threading.Thread(target=lambda: client.shop.orders.aggregate([{"$out": "result"}]))
        thread.start()
        out.wait()
        with reading.backup(varve, server, *filters) as (process, release):
            out.release()
            thread.join()
            release()
            saved = summary(finish(process)[0])
    assert saved["exit_code"] == 0
    stock = "needs-varve" not in tags(varve)
    folder = export(varve, code=0 if stock else 3)
    read = [bson.decode(d)["_id"] for path in (folder / "shop").glob("tmp*.bson") for d in split(path.read_bytes())]
    assert len(read) >= 10, "the first documents are in no oplog entry of the window"
    if not stock:
        assert "renamed to shop.result" in varve("show", "latest").stdout
        inserted = [o["o"]["_id"] for e in operations(folder) for o in e["o"].get("applyOps", [e]) if o["op"] == "i"]
        assert set(read + inserted) == set(range(24))
    for way in every_way(varve, target, stock):
        assert len(state_of(target, "shop")["shop.result"].documents) == 24, way


def test_a_temporary_that_nobody_renames_is_not_kept(varve, server, client):
    """RULES 4, the other half. A user's own collection may be called tmp-something, and is the user's."""
    client.shop["tmpAb3dE.renameCollection"].insert_one({"_id": 1})
    client.shop["tmp.agg_out.4f3b1f57-3b5a-4a55-9d8a-0f6f7a1f2b3c"].insert_one({"_id": 1})
    client.shop.orders.insert_one({"_id": 1})
    client.shop.tmp_orders.insert_one({"_id": 1})
    with backup_held_at(varve, server, BIG) as (process, release):
        release()
        finish(process)
    assert sorted(path.name for path in (export(varve) / "shop").glob("*.bson")) == ["orders.bson", "tmp_orders.bson"]


@each_reading
def test_a_rename_into_the_selection_is_never_silent(varve, server, client, reading):
    """RULES 4: what was renamed in from a collection that the filters leave out is missing, so the backup is incomplete."""
    client.shop.private.insert_one({"_id": 1})
    client.shop.public.insert_one({"_id": 2})
    with reading.backup(varve, server, "--ns-include", "big.*", "--ns-include", "shop.public") as (process, release):
        client.shop.private.rename("public", dropTarget=True)
        release()
        saved = summary(finish(process, code=3)[0])
    assert saved["result"] == "incomplete" and "shop.private" in str(saved["skipped"])


@each_reading
@pytest.mark.parametrize("commits", ["after", "in the window"])
def test_an_unfinished_index_build(varve, server, client, target, commits, reading):
    """RULES 7: it is left out and named, unless its commit is in the window."""
    client.shop.orders.insert_many([{"_id": i, "v": i} for i in range(10)])
    with fail_point(server, "hangAfterSettingUpIndexBuild") as build:
        thread = threading.Thread(target=lambda: client.shop.orders.create_index("v"))
        thread.start()
        build.wait()
        with reading.backup(varve, server) as (process, release):
            if commits == "in the window":
                build.release()
                thread.join()
            release()
            out, err = finish(process)
        build.release()
        thread.join()
    metadata = (export(varve) / "shop" / "orders.metadata.json").read_text()
    if commits == "after" or not reading.contained:
        assert "v_1" not in metadata and "v_1" in out + err
    else:
        assert "v_1" not in varve("show", "latest").stdout, "it is not called left out"
        assert "v_1" in metadata or any(o.get("commitIndexBuild") for o in (e["o"] for e in operations(export(varve, "again"))))
        for way in every_way(varve, target):
            assert not differences(state_of(server), state_of(target)), way


@pytest.mark.parametrize("reading", [WINDOW, BEFORE], ids=str)
def test_an_index_made_anew_under_the_name_of_an_unfinished_one(varve, server, client, target, reading):
    """RULES 7: what comes back is the index that was made, not the one whose build was given up."""
    client.shop.orders.insert_many([{"_id": i, "v": i} for i in range(10)])

    def build_in_vain():
        with contextlib.suppress(OperationFailure):
            client.shop.orders.create_index("v")

    def dropping():
        return list(client.admin.aggregate([{"$currentOp": {}}, {"$match": {"command.dropIndexes": "orders"}}]))

    with fail_point(server, "hangAfterSettingUpIndexBuild") as build:
        thread = threading.Thread(target=build_in_vain)
        thread.start()
        build.wait()
        with reading.backup(varve, server) as (process, release):
            drop = threading.Thread(target=lambda: client.shop.orders.drop_index("v_1"))
            drop.start()
            wait_until(dropping, "the drop to wait for the build")
            build.release()
            thread.join()
            drop.join()
            client.shop.orders.create_index("v", unique=True)
            release()
            saved = summary(finish(process)[0])
    assert "v_1" not in str(saved["remarks"])
    for way in every_way(varve, target):
        assert not differences(state_of(server), state_of(target)), way


@each_reading
def test_a_transaction_open_at_the_start(varve, server, client, target, reading):
    """RULES 2, 9: its operations count at its commit, which is in the window or after the time of reading."""
    client.shop.orders.insert_one({"_id": 1, "n": 0})
    before = state_of(server, "shop")
    with client.start_session() as session, session.start_transaction():
        client.shop.orders.update_one({"_id": 1}, {"$set": {"n": 1}}, session=session)
        client.shop.orders.insert_one({"_id": 2}, session=session)
        with reading.backup(varve, server) as (process, release):
            session.commit_transaction()
            release()
            assert summary(finish(process)[0])["consistency"] == reading.way
    expected = state_of(server, "shop") if reading.contained else before
    for way in every_way(varve, target):
        assert not differences(expected, state_of(target, "shop")), way


@each_reading
def test_the_oplog_file_is_always_there(varve, server, client, mongod, target, reading):
    """RULES 13: one documented command works, also where nothing happened and for a standalone."""
    client.shop.orders.insert_one({"_id": 1})
    with reading.backup(varve, server) as (process, release):
        release()
        finish(process)
    for way in every_way(varve, target):
        assert not differences(state_of(server), state_of(target)), way
    assert (varve.folder / "stock" / "oplog.bson").exists()


def test_a_standalone_written_to_meanwhile_is_not_called_consistent(varve, mongod):
    """DESIGN 8: usable but not of one moment is exit 3, unless the user accepts it; a quiet one is complete."""
    alone = mongod(extra_args=HOLDABLE)
    with alone.client() as client:
        client.big.first.insert_many([{"_id": i, "x": "x" * 100} for i in range(100)])
        client.shop.orders.insert_one({"_id": 1})
        for args, code in (((), 3), (("--accept-inconsistent",), 0)):
            with backup_held_at(varve, alone, BIG, *args) as (process, release):
                client.shop.orders.update_one({"_id": 1}, {"$inc": {"n": 1}})
                release()
                saved = summary(finish(process, code)[0])
            assert saved["exit_code"] == code
            out = varve.folder / f"export{code}"
            assert "written to" in varve("export", "latest", "--out", out, code=3).stderr, "accepted is not consistent"
            assert (out / "oplog.bson").read_bytes() == b""
        client.shop.orders.create_index("n")
        with backup_held_at(varve, alone, BIG) as (process, release):
            client.shop.orders.create_index("n")  # as programs do when they start
            client.admin.command("refreshLogicalSessionCacheNow")  # the server's own book-keeping, which begins with an index
            release()
            assert summary(finish(process)[0])["result"] == "complete"
        with backup_held_at(varve, alone, BIG) as (process, release):
            client.shop.orders.create_index("m")
            release()
            assert summary(finish(process, 3)[0])["consistency"] == "inconsistent"


@pytest.mark.all
@each_reading
def test_a_large_transaction_in_the_window(varve, server, client, target, reading):
    """RULES 9: a transaction over 16 MB is a chain of oplog entries that counts at its last."""
    client.shop.orders.insert_one({"_id": 0})
    before = state_of(server, "shop")
    with reading.backup(varve, server) as (process, release):
        with client.start_session() as session, session.start_transaction():
            for i in range(24):
                client.shop.orders.insert_one({"_id": i + 1, "x": "x" * 1_000_000}, session=session)
        release()
        finish(process)
    expected = state_of(server, "shop") if reading.contained else before
    for way in every_way(varve, target):
        assert not differences(expected, state_of(target, "shop")), way


@pytest.mark.all
def test_large_transactions_that_end_while_the_oplog_is_opened(varve, replica_set):
    """RULES 9: on a member of several, the majority point may rest inside a chain that has ended there; its parts are at hand all the same."""
    rs, ended = replica_set(members=3, hidden=1), threading.Event()

    def write():
        with rs.primary.client() as client:
            while not ended.is_set():
                with client.start_session() as session:
                    with session.start_transaction():
                        for i in range(20):
                            client.shop.orders.insert_one({"_id": i, "x": "x" * 1_000_000}, session=session)
                    with session.start_transaction():
                        client.shop.orders.delete_many({"_id": {"$ne": "first"}}, session=session)

    new_repository(varve)
    with rs.primary.client() as client:
        client.shop.orders.insert_one({"_id": "first"})
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(10):
            varve("backup", at(varve, rs.uri), "--source", "shop", "--member", "primary", "--read-at", ("window", "one-time")[n % 2])
            varve("export", "latest", "--merged", "--out", varve.folder / f"merged {n}")
            size = (varve.folder / f"merged {n}" / "shop" / "orders.bson").stat().st_size
            assert size < 1000 or size > 20_000_000, "all of a transaction or nothing of it"
    finally:
        ended.set()
        writer.join()


@pytest.mark.parametrize("read_at", ["window", "one-time"])
@pytest.mark.parametrize("round", [pytest.param(n, marks=pytest.mark.all if n < 4 else pytest.mark.soak) for n in range(100)])
def test_a_free_running_storm_ends_at_one_moment(varve, replica_set, target, round, read_at):
    """The same promise with nothing held, several readers, and the hidden member behind the primary."""
    rs = replica_set(members=3, hidden=1)
    with rs.primary.client() as client, Storm(rs.primary, each=20_000, threads=3) as storm:
        rs.wait_for_replication()
        storm.wait_for(100)
        new_repository(varve)
        saved = varve.json("backup", rs.uri, "--source", "shop", "--readers", 3, "--read-at", read_at)[-1]
        storm.wait_for(20)
        storm.stop()
        expected = documents_at(client, "storm", moment_of(saved))
    for way in every_way(varve, target):
        expect_documents(expected, state_of(target, "storm"), way)
    assert saved["consistency"] == read_at and (read_at == "one-time" or operations(varve.folder / "stock"))
