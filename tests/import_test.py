"""`import` makes a snapshot of whatever mongodump wrote, and what is restored of it is what was dumped."""
import gzip
import os
import shutil
import signal
import subprocess
import threading

import pytest

from harness.servers import Mongod
from harness.tools import mongodump, mongorestore
from support.data import fill
from support.runs import at, back_up, export, new_repository, restore
from support.state import differences, empty, state
from support.targets import shared_target, target


@pytest.fixture(scope="module")
def source():
    with Mongod(replica_set="rs0") as server:
        with server.client() as client:
            fill(client, (6, 0), replica_set=True)
        yield server


@pytest.fixture(scope="module")
def dumps(tmp_path_factory, source):
    """One dump of the source in each form that mongodump has."""
    folder = tmp_path_factory.mktemp("dumps")
    mongodump("--uri", source.uri, "--out", folder / "plain")
    mongodump("--uri", source.uri, "--gzip", "--out", folder / "compressed")
    mongodump("--uri", source.uri, f"--archive={folder / 'archive'}")
    mongodump("--uri", source.uri, f"--archive={folder / 'archive.gz'}", "--gzip", "-j", "8")
    return folder


@pytest.fixture
def importer(varve):
    new_repository(varve)
    return varve


def run_import(varve, *words, code=0, **options):
    """The summary."""
    return varve.json("import", "--source", "shop", *words, code=code, **options)[-1]


def compare(source, target, *databases, auth=True):
    with source.client() as a, target.client() as b:
        assert differences(state(a, list(databases) or None, auth), state(b, list(databases) or None, auth)) == []


FORMS = {"plain": ["plain"], "compressed": ["compressed"], "archive": ["--archive=archive"],
         "compressed archive": ["--archive=archive.gz", "--gzip"]}


@pytest.mark.parametrize("form", ["plain", "compressed archive", *(pytest.param(form, marks=pytest.mark.all) for form in ("compressed", "archive"))])
def test_what_is_restored_is_what_was_dumped(importer, source, dumps, target, form):
    """Every kind of collection, index, name and value, users and roles; and restic has nothing to complain about."""
    summary = run_import(importer, *FORMS[form], cwd=dumps)
    assert summary["consistency"] == "imported" and summary["moment"] is None and summary["shortfalls"] == []
    done = restore(importer, target)
    assert done["verified"] and any("nobody knows" in remark for remark in done["remarks"])
    compare(source, target)
    importer.restic("check", "--read-data")
    shown = importer("show", "latest").stdout
    assert "imported" in shown and "MongoDB 6.0.5" in shown and "unknown" in shown


def test_all_forms_are_stored_once(importer, dumps):
    """The chunks of a folder, an archive and their compressed forms are the same."""
    run_import(importer, "plain", cwd=dumps)
    again = run_import(importer, "compressed", cwd=dumps)
    archive = run_import(importer, "--archive=archive", cwd=dumps)
    for summary in (again, archive):
        assert summary["data_added"] < summary["bytes"] / 100


def test_a_backup_and_an_import_share_what_they_store(importer, source, dumps):
    """An import binds its source to no replica set: a backup may come before it and after it."""
    run_import(importer, "plain", cwd=dumps)
    backup = back_up(importer, source)
    assert backup["data_added"] < backup["bytes"] / 10 and backup["replica_set"] == "rs0"
    run_import(importer, "plain", cwd=dumps)
    back_up(importer, source)


def test_an_archive_goes_through_a_pipe(importer, source, target):
    dump = subprocess.Popen([os.environ["VARVE_PEERS"] + "/mongodump", "--quiet", "--uri", source.uri, "--archive", "--gzip"], stdout=subprocess.PIPE)
    with dump.stdout as stream:
        done = subprocess.run([os.environ["VARVE_BIN"], "import", "--source", "shop", "--archive"], env=importer.env, stdin=stream,
                              capture_output=True, text=True)
    assert dump.wait() == 0 and done.returncode == 0, done.stderr
    assert "standard input" in done.stdout and "consistency unknown" in done.stdout
    restore(importer, target)
    compare(source, target)


def write_until(stop, server):
    with server.client() as client:
        number = 0
        while not stop.is_set():
            client.busy.orders.insert_one({"_id": number, "text": "x" * 200})
            client.busy.orders.update_one({"_id": number // 2}, {"$set": {"changed": number}})
            client.busy.orders.delete_one({"_id": number - 500})
            if number % 50 == 0:
                client.busy[f"made{number % 400}"].drop()
                client.busy[f"made{(number + 200) % 400}"].insert_one({"_id": number})
            number += 1


@pytest.mark.parametrize("form", ["folder", pytest.param("compressed folder", marks=pytest.mark.all), "archive"])
def test_an_oplog_makes_a_moment(importer, target, tmp_path, form):
    """mongodump --oplog while somebody writes: what varve restores is what mongorestore --oplogReplay does."""
    with Mongod(replica_set="rs0") as busy, Mongod(replica_set="rs2") as theirs:
        with busy.client() as client:
            for name in ("a", "b", "c"):
                client.busy[name].insert_many([{"_id": i, "text": "y" * 500} for i in range(4000)])
            client.busy.orders.create_index("changed")
        stop = threading.Event()
        writer = threading.Thread(target=write_until, args=(stop, busy))
        writer.start()
        try:
            where = [f"--archive={tmp_path / 'dump'}"] if form == "archive" else ["--out", tmp_path / "dump"]
            gzip_too = ["--gzip"] if "compressed" in form else []
            mongodump("--uri", busy.uri, "--oplog", *gzip_too, *where)
        finally:
            stop.set()
            writer.join()
        given = where[:1] if form == "archive" else where[1:]
        if gzip_too:
            assert (tmp_path / "dump" / "oplog.bson").read_bytes().startswith(b"\x1f\x8b"), "compressed under its usual name"
        summary = run_import(importer, *given)
        assert summary["consistency"] == "window" and summary["oplog_operations"] > 0 and summary["moment"]
        assert restore(importer, target)["verified"]
        mongorestore("--uri", theirs.uri, "--oplogReplay", *gzip_too, *given)
        compare(theirs, target, "busy")
        # And with stock tools only, out of the repository.
        importer.restic("restore", "latest:/mongodb/shop/imported/dump", "--target", tmp_path / "restored")
        with theirs.client() as client:
            client.drop_database("busy")
        mongorestore("--uri", theirs.uri, "--oplogReplay", tmp_path / "restored")
        compare(theirs, target, "busy")


def test_one_database_and_one_collection(importer, source, target, tmp_path):
    mongodump("--uri", source.uri, "--db", "shop", "--out", tmp_path / "db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "db" / "shop")
        assert run_import(importer, ".")["collections"] == run_import(importer, tmp_path / "db")["collections"]
    restore(importer, target)
    compare(source, target, "shop")
    one = run_import(importer, tmp_path / "db" / "shop" / "indexed.bson")
    assert one["collections"] == 1 and one["documents"] == 50
    mongodump("--uri", source.uri, "--db", "shop", "--collection", "indexed", "--gzip", "--out", tmp_path / "one")
    assert run_import(importer, tmp_path / "one")["documents"] == 50
    with target.client() as client:
        empty(client)
    restore(importer, target)
    with target.client() as client:
        assert client.shop.list_collection_names() == ["indexed"]


def test_users_of_one_database(importer, source, target, tmp_path):
    """mongodump --dumpDbUsersAndRoles puts them beside the collections; here they lie where a server has them."""
    mongodump("--uri", source.uri, "--db", "shop", "--dumpDbUsersAndRoles", "--out", tmp_path / "folder")
    mongodump("--uri", source.uri, "--db", "shop", "--dumpDbUsersAndRoles", f"--archive={tmp_path / 'archive'}")
    assert (tmp_path / "folder" / "shop" / "$admin.system.users.bson").exists()
    for words in ((tmp_path / "folder",), (f"--archive={tmp_path / 'archive'}",)):
        run_import(importer, *words)
        done = restore(importer, target, "--drop", "--users")
        with target.client() as client:
            assert [u["user"] for u in client.shop.command("usersInfo")["users"]] == ["clerk"], done


def test_filters_and_what_is_left_out(importer, dumps, tmp_path):
    summary = run_import(importer, "plain", "--ns-include", "shop.*", "--ns-exclude", "shop.weather", "--tag", "old",
                         "--time", "2020-02-03 04:05:06", cwd=dumps)
    assert summary["skipped"] == []
    entries = importer.json("show", "latest")[-1]["manifest"]["collections"]
    assert {e["db"] for e in entries} == {"shop"} and not [e for e in entries if "weather" in e["collection"]]
    assert "2020-02-03 04:05:06" in importer("snapshots").stdout
    shutil.copytree(dumps / "plain", tmp_path / "with config")
    (tmp_path / "with config" / "config").mkdir()
    (tmp_path / "with config" / "config" / "chunks.bson").touch()
    whole = run_import(importer, tmp_path / "with config")
    assert "config.chunks: the server's own state" in importer("show", whole["snapshot_id"]).stdout


def test_our_own_exports_come_back(varve, source, tmp_path):
    """A folder and an archive that export wrote, as read and merged, have the digests of the backup."""
    back_up(varve, source)
    before = {(e["db"], e["collection"]): e["sum"] for e in varve.json("show", "latest")[-1]["manifest"]["collections"]}
    export(varve, "folder")
    for words in (["--archive=" + str(varve.folder / "a")], ["--archive=" + str(varve.folder / "b"), "--gzip", "--merged"]):
        varve("export", "latest", *words)
    for words in ([varve.folder / "folder"], ["--archive=" + str(varve.folder / "a")], ["--archive=" + str(varve.folder / "b")]):
        summary = run_import(varve, *words)
        after = {(e["db"], e["collection"]): e["sum"] for e in varve.json("show", summary["snapshot_id"])[-1]["manifest"]["collections"]}
        assert after == before
        assert summary["data_added"] < 2 << 20


def test_old_dumps(importer, target, tmp_path):
    """No metadata, metadata of version 1, indexes in system.indexes, names that were not escaped."""
    import bson
    folder = tmp_path / "dump" / "old"
    folder.mkdir(parents=True)
    one = bson.encode({"_id": 1, "a": 2})
    for name in ("bare.bson", "with space.bson", "first.bin"):
        (folder / name).write_bytes(one)
    (folder / "system.indexes.bson").write_bytes(
        bson.encode({"v": 1, "key": {"_id": 1}, "name": "_id_", "ns": "old.bare"}) + bson.encode({"v": 1, "key": {"a": -1.0}, "name": "a_-1", "ns": "old.bare"}))
    (folder / "capped.bson").write_bytes(one)
    (folder / "capped.metadata.json").write_text(
        '{"options":{"create":"capped","capped":true,"size":{"$numberLong":"4096"}},'
        '"indexes":[{"v":1,"key":{"_id":1},"name":"_id_","ns":"old.capped"},{"v":1,"key":{"a":1},"name":"a_1","ns":"old.capped","background":true}]}')
    (folder / "empty.bson").write_bytes(b"")
    (folder / "empty.metadata.json").write_text("")
    (folder / "notes.txt").write_text("?")
    summary = run_import(importer, tmp_path / "dump")
    assert summary["collections"] == 5 and any("notes.txt" in remark for remark in summary["remarks"])
    assert any("no metadata" in remark for remark in summary["remarks"])
    assert restore(importer, target)["verified"]
    with target.client() as client:
        assert client.old["bare"].index_information().keys() == {"_id_", "a_-1"}
        assert client.old["capped"].options()["size"] == 4096 and "a_1" in client.old["capped"].index_information()
        assert client.old["with space"].find_one() == client.old["first"].find_one() == {"_id": 1, "a": 2}


def test_a_copied_folder_is_a_database_of_its_own(importer, source, dumps, target, tmp_path):
    """Metadata of both tell one UUID; neither may take the other's place."""
    shutil.copytree(dumps / "plain" / "shop", tmp_path / "dump" / "shop")
    shutil.copytree(dumps / "plain" / "shop", tmp_path / "dump" / "shop_old")
    run_import(importer, tmp_path / "dump", "--ns-include", "shop*.counted", "--ns-include", "shop*.indexed")
    entries = importer.json("show", "latest")[-1]["manifest"]["collections"]
    assert len({e["uuid"] for e in entries}) == len(entries) == 4
    assert restore(importer, target)["verified"]
    with source.client() as a, target.client() as b:
        for name in ("counted", "indexed"):
            wanted = list(a.shop[name].find().sort("_id"))
            for database in ("shop", "shop_old"):
                assert list(b[database][name].find().sort("_id")) == wanted


def test_a_view_made_during_the_dump(importer, target, tmp_path):
    """Its row is in the oplog and its collection is in no dump: nothing is missing for that."""
    import bson
    from bson import Timestamp
    folder = tmp_path / "dump" / "shop"
    folder.mkdir(parents=True)
    (folder / "orders.bson").write_bytes(bson.encode({"_id": 1}))
    row = {"_id": "shop.seen", "viewOn": "orders", "pipeline": []}
    (tmp_path / "dump" / "oplog.bson").write_bytes(bson.encode(
        {"ts": Timestamp(100, 1), "t": 1, "v": 2, "op": "i", "ns": "shop.system.views", "ui": bson.Binary(b"\x07" * 16, 4), "o": row}))
    summary = run_import(importer, tmp_path / "dump")
    assert summary["consistency"] == "window" and summary["shortfalls"] == []
    assert restore(importer, target)["verified"]
    with target.client() as client:
        assert sorted(client.shop.list_collection_names(filter={"name": {"$ne": "system.views"}})) == ["orders", "seen"]


def test_a_time_series_without_a_view(importer, source, dumps, target, tmp_path):
    """From 8.3 on its buckets lie under its own name."""
    shutil.copytree(dumps / "plain" / "shop", tmp_path / "dump" / "shop")
    (tmp_path / "dump" / "shop" / "system.buckets.weather.bson").rename(tmp_path / "dump" / "shop" / "weather.bson")
    run_import(importer, tmp_path / "dump", "--ns-include", "shop.weather")
    assert restore(importer, target)["verified"]
    with source.client() as a, target.client() as b:
        wanted = list(a.shop.weather.find().sort("_id"))
        assert wanted and list(b.shop.weather.find().sort("_id")) == wanted
        assert b.shop.command("listCollections", filter={"name": "weather"})["cursor"]["firstBatch"][0]["type"] == "timeseries"


def test_a_shortened_name_must_be_that_of_its_metadata(importer, target, tmp_path):
    """The hash in it tells; a file that lies beside the metadata of another collection is not taken for it."""
    import bson
    folder = tmp_path / "dump" / "long"
    folder.mkdir(parents=True)
    name = "o/" * 90 + "end"  # a server takes 255 bytes
    with target.client() as client:
        client.long[name].insert_one({"_id": 1})
    mongodump("--uri", target.uri, "--db", "long", "--out", tmp_path / "theirs")
    with target.client() as client:
        client.drop_database("long")
    (data,) = (tmp_path / "theirs" / "long").glob("*%24*.bson")
    metadata = data.with_name(data.name.replace(".bson", ".metadata.json"))
    run_import(importer, tmp_path / "theirs")
    restore(importer, target)
    with target.client() as client:
        assert client.long.list_collection_names() == [name]
    shutil.rmtree(importer.path / "snapshots")
    (importer.path / "snapshots").mkdir()
    metadata.write_text(metadata.read_text().replace("end\"", "and\""))
    said = refused(importer, tmp_path / "theirs")
    assert data.name.removesuffix(".bson") in said and "and" in said and "another collection" in said
    assert bson.decode(data.read_bytes()) == {"_id": 1}


PRELUDE = '{"ServerVersion":"%s","ToolVersion":"100.9.0"}'


@pytest.mark.parametrize("places, version", [
    ({"prelude.json": "6.0.5"}, "6.0.5"), ({"shop/prelude.json": "5.0.4"}, "5.0.4"), ({}, None),
    ({"prelude.json": "6.0.5", "shop/prelude.json": "5.0.4"}, "6.0.5"),
    ({"other/prelude.json": "4.2.6", "shop/prelude.json.gz": "5.0.4"}, "4.2.6"), ({"prelude.json": "unknown"}, None)])
def test_preludes_lie_where_tools_left_them(importer, tmp_path, places, version):
    """At the top, in a database's folder, in both, compressed; the first that tells a version counts."""
    import bson
    dump = tmp_path / "dump"
    for database in ("other", "shop"):
        (dump / database).mkdir(parents=True)
        (dump / database / "orders.bson").write_bytes(bson.encode({"_id": 1}))
    for place, told in places.items():
        text = (PRELUDE % told).encode()
        (dump / place).write_bytes(gzip.compress(text) if place.endswith(".gz") else text)
    summary = run_import(importer, dump)
    assert summary["remarks"] == [] or not any("prelude" in remark for remark in summary["remarks"])
    shown = importer("show", "latest").stdout
    assert (f"MongoDB {version}" in shown) == (version is not None), shown
    if "prelude.json" in places:
        run_import(importer, dump / "shop")
        own = places.get("shop/prelude.json", version)
        assert (f"MongoDB {own}" in importer("show", "latest").stdout) == (version is not None)


def test_a_document_that_no_server_takes(importer, target, tmp_path):
    """Over 16 MiB: left out and named, while all others come back; nothing that is there gives way to what lacks it."""
    import bson
    folder = tmp_path / "dump" / "shop"
    folder.mkdir(parents=True)
    large = bson.encode({"_id": "large", "text": "x" * (33 << 19)})
    limit = bson.encode({"_id": "limit", "text": "x" * ((16 << 20) - 31)})
    assert len(limit) == 16 << 20
    rest = [bson.encode({"_id": i}) for i in range(1000)]
    (folder / "orders.bson").write_bytes(b"".join(rest[:500] + [large] + rest[500:] + [limit]))
    (folder / "others.bson").write_bytes(b"".join(rest))
    assert run_import(importer, tmp_path / "dump")["documents"] == 2002
    reasons = [each["reason"] for each in restore(importer, target, code=3)["skipped"]]
    assert len(reasons) == 1 and "shop.orders" in reasons[0] and '"large"' in reasons[0] and str(len(large)) in reasons[0]
    with target.client() as client:
        client.shop.orders.find_one_and_update({"_id": 7}, {"$set": {"newer": True}})
        assert client.shop.orders.count_documents({}) == 1001 and client.shop.others.count_documents({}) == 1000
        assert len(client.shop.orders.find_one({"_id": "limit"})["text"]) == (16 << 20) - 31
    for words in ((), ("--no-verify",)):
        said = importer("restore", "latest", "--to", at(importer, target.uri, "target"), "--drop", "--yes", *words, code=3).stdout
        assert "shop.orders: kept as it was" in said and '"large"' in said
        with target.client() as client:
            assert client.shop.orders.find_one({"_id": 7})["newer"]
    with_more = restore(importer, target, "--merge=replace", code=3)
    assert any('"large"' in each["reason"] for each in with_more["skipped"])
    with target.client() as client:
        assert client.shop.orders.find_one({"_id": 7}) == {"_id": 7}


def refused(varve, *words, **options):
    """It names what is wrong, and no snapshot is made."""
    done = varve("import", "--source", "shop", *words, code=1, **options)
    assert not list((varve.path / "snapshots").iterdir())
    return done.stderr


def test_damage_is_named_and_nothing_is_saved(importer, dumps, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(dumps / "plain", broken)
    file = broken / "shop" / "counted.bson"
    whole = file.read_bytes()
    file.write_bytes(whole[:-3])
    said = refused(importer, broken)
    assert str(file) in said and "ends in the middle of a document" in said and "at byte" in said
    file.write_bytes(b"\xff\xff\xff\x7f" + whole[4:])
    assert str(file) in refused(importer, broken)
    file.unlink()
    said = refused(importer, broken)
    assert "shop.counted" in said and "--ns-exclude" in said
    file.symlink_to(dumps / "plain" / "shop" / "counted.bson")
    assert "is a link" in refused(importer, broken)
    file.unlink()
    file.write_bytes(whole)
    metadata = broken / "shop" / "counted.metadata.json"
    metadata.write_text('{"indexes": [')
    assert "shop.counted" in refused(importer, broken)


def test_damaged_archives(importer, dumps, tmp_path):
    """Cut anywhere, or with a byte changed: never a snapshot."""
    whole = (dumps / "archive").read_bytes()
    at_document = whole.index(b"a user's collection in admin")
    file = tmp_path / "archive"
    file.write_bytes(whole[:at_document] + b"A" + whole[at_document + 1:])
    assert "checksum" in refused(importer, f"--archive={file}")
    for tenth in range(0, 10, 3):
        file.write_bytes(whole[:len(whole) * tenth // 10])
        assert str(file) in refused(importer, f"--archive={file}")
    compressed = gzip.compress(whole, 1)
    file.write_bytes(compressed[:len(compressed) // 2])
    assert "in the middle of what was compressed" in refused(importer, f"--archive={file}")


def test_what_is_no_dump_is_said(importer, dumps, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("hello, this is no archive")
    assert "No such file" in refused(importer, tmp_path / "nowhere")
    shutil.copytree(dumps / "plain" / "shop", tmp_path / "shop-2026.11.21")
    said = refused(importer, tmp_path / "shop-2026.11.21")
    assert "no server has a database called" in said and "rename the folder" in said
    assert "holds nothing that mongodump writes" in refused(importer, tmp_path / "empty")
    assert "no archive" in refused(importer, f"--archive={tmp_path / 'text'}")
    assert "--archive=" in refused(importer, tmp_path / "text")
    assert "not compressed" in refused(importer, dumps / "plain", "--gzip")
    assert "not compressed" in refused(importer, f"--archive={dumps / 'archive'}", "--gzip")
    assert "--source is missing" in importer("import", dumps / "plain", code=1).stderr
    assert "not clear" in refused(importer)
    assert "take nothing" in refused(importer, dumps / "plain", "--ns-include", "nosuch.*")


def test_an_interrupted_import_leaves_nothing(importer):
    """Ctrl-C while standard input is waited for."""
    process = subprocess.Popen([os.environ["VARVE_BIN"], "import", "--source", "shop", "--archive"], env=importer.env, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list((importer.path / "locks").iterdir()):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.wait(60)
    assert process.returncode == 130, process.stderr.read()
    assert not list((importer.path / "locks").iterdir()) and not list((importer.path / "snapshots").iterdir())
