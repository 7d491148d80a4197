"""Nobody needs varve to get their data back: stock restic and the stock MongoDB tools read what it wrote, and it reads what restic wrote."""
import json
import random
import re

import bson
import pymongo
import pytest

from harness.servers import Mongod
from harness.tools import Varve, bsondump, mongodump, mongorestore
from support.data import fill
from support.raw import split
from support.runs import back_up, export, new_repository, restore, state_of
from support.state import differences


@pytest.fixture(scope="module")
def source():
    """A replica set with the rich data set, as all tests here read it."""
    with Mongod(replica_set="rs0") as server:
        with server.client() as client:
            fill(client, tuple(map(int, server.version.split(".")[:2])), replica_set=True)
        yield server


@pytest.fixture(scope="module")
def saved(source, tmp_path_factory):
    """One backup of it: (varve, summary)."""
    varve = Varve(tmp_path_factory.mktemp("saved"))
    return varve, back_up(varve, source)


@pytest.fixture
def empty(mongod):
    return mongod(replica_set="rs1")


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("restic", ["restic", "restic_old"])
def test_restic_checks_lists_and_restores_what_varve_wrote(saved, source, tmp_path, restic):
    """DESIGN 1, 5: the repository is restic's format; stock restic 0.14 and 0.19 read all of it."""
    varve, summary = saved
    stock = getattr(varve, restic)
    assert "no errors were found" in stock("check", "--read-data").stdout
    listed = json.loads(stock("snapshots", "--json").stdout)
    assert [s["id"] for s in listed] == [summary["snapshot_id"]]
    assert listed[0]["paths"] == ["/mongodb/shop"] and listed[0]["hostname"] == "shop"
    assert "/mongodb/shop/rs0/dump/shop/values.bson" in stock("ls", "latest").lines
    stock("restore", "latest", "--target", tmp_path / restic)
    dump = files(tmp_path / restic / "mongodb" / "shop" / "rs0" / "dump")
    assert dump == files(export(varve, f"export-{restic}"))
    assert "oplog.bson" in dump and "shop/weather.metadata.json" in dump and "admin/system.users.bson" in dump


@pytest.mark.parametrize("replay", [("--oplogReplay",), pytest.param((), marks=pytest.mark.all)])
def test_mongorestore_brings_back_what_varve_restore_does(saved, source, empty, tmp_path, replay):
    """RULES 13: the restic-restored folder serves the stock mongorestore; both ways give the same server."""
    varve, _ = saved
    varve.restic("restore", "latest", "--target", tmp_path / "out")
    folder = tmp_path / "out" / "mongodb" / "shop" / "rs0" / "dump"
    if not replay:
        (folder / "oplog.bson").unlink()
    mongorestore("--uri", empty.uri, "--bypassDocumentValidation", *replay, folder)
    assert not differences(state_of(source), state_of(empty))


def test_varve_restores_the_same(saved, source, empty):
    """The other half of the comparison with mongorestore."""
    varve, _ = saved
    restore(varve, empty)
    assert not differences(state_of(source), state_of(empty))


def test_the_folder_is_the_one_that_mongodump_writes(saved, source, tmp_path):
    """RULES 13: the same files; the same documents in them; metadata with the same meaning."""
    varve, _ = saved
    mongodump("--uri", source.uri, "--out", tmp_path / "stock")
    theirs, ours = files(tmp_path / "stock"), files(export(varve, "export-dump"))
    left_out = {"admin/system.version.bson", "admin/system.version.metadata.json"}
    assert theirs.keys() - left_out <= ours.keys() | {"prelude.json"}
    assert ours.keys() - theirs.keys() <= {"oplog.bson", "prelude.json"}
    for name in theirs.keys() & ours.keys():
        if name.endswith(".bson"):
            assert sorted(split(ours[name])) == sorted(split(theirs[name])), name
        elif name.endswith(".metadata.json"):
            assert json.loads(ours[name]) == json.loads(theirs[name]), name
    assert ours["shop/capped.bson"] == theirs["shop/capped.bson"], "a capped collection keeps its order"


def test_bsondump_accepts_every_file(saved, tmp_path):
    """RULES 13, with --objcheck."""
    varve, _ = saved
    for path in export(varve, "export-bsondump").rglob("*.bson"):
        if path.stat().st_size < 10_000_000:
            assert len(bsondump("--objcheck", path).lines) == len(split(path.read_bytes())), path


@pytest.mark.all
@pytest.mark.parametrize("version", [1, 2])
def test_varve_reads_a_repository_that_restic_wrote(varve, tmp_path, version):
    """DESIGN 5: both repository versions, not only our own."""
    folder = tmp_path / "some files"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "text").write_text("hello\n")
    (folder / "noise").write_bytes(random.Random(2).randbytes(3_000_000))
    varve.restic("init", "--repository-version", version)
    varve.restic("backup", folder, "--tag", "by hand")
    snapshot = json.loads(varve.restic("snapshots", "--json").stdout)[0]
    ours = json.loads(varve("snapshots", "--json").stdout)[0]
    assert {key: ours[key] for key in ("id", "short_id", "paths", "hostname", "tags", "tree", "time")} == \
        {key: snapshot[key] for key in ("id", "short_id", "paths", "hostname", "tags", "tree", "time")}
    assert str(folder / "sub" / "text") in varve("ls", "latest").stdout
    assert varve("check", "--read-data").code == 0


@pytest.mark.all
def test_varve_and_restic_share_a_repository(varve, source, tmp_path):
    """DESIGN 5: a repository made by restic takes varve's backups, and restic's own go on beside them."""
    (tmp_path / "file").write_text("a file\n")
    varve.restic("init")
    varve.restic("backup", tmp_path / "file")
    varve("backup", source.uri, "--source", "shop", "--ns-include", "shop.counted")
    varve.restic("backup", tmp_path / "file")
    assert "no errors were found" in varve.restic("check", "--read-data").stdout
    assert len(json.loads(varve("snapshots", "--json").stdout)) == 3
    varve.restic("forget", "--keep-last", 1, "--prune")
    assert varve("check", "--read-data").code == 0


def test_check_finds_damage(varve, source):
    """DESIGN 8: `check` that finds damage exits 1 and names it; without --read-data it promises less."""
    new_repository(varve)
    varve("backup", source.uri, "--source", "shop", "--ns-include", "shop.counted")
    pack = max((p for p in (varve.path / "data").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    damaged = varve("check", "--read-data", code=1)
    assert pack.name[:8] in damaged.stdout + damaged.stderr
    pack.unlink()
    missing = varve("check", code=1)
    assert pack.name[:8] in missing.stdout + missing.stderr


def test_unchanged_data_adds_almost_nothing(saved, source):
    """DESIGN 5: deterministic trees and chunks; a second backup of the same data stores only its own description."""
    varve, first = saved
    again = back_up(varve, source)
    print(f"first {first['data_added']:,} bytes, again {again['data_added']:,}")
    assert again["data_added"] < first["data_added"] / 100
    assert again["documents"] == first["documents"]


@pytest.mark.parametrize("ids", ["random", pytest.param("counted", marks=pytest.mark.all)])
def test_one_changed_percent_adds_little(varve, rs6, database, ids, record_property):
    """DESIGN 5, RULES 27: key-cut chunks. One percent changed in one place, as applications that append do, adds a few percent."""
    noise = random.Random(3)
    made = [{"_id": i if ids == "counted" else noise.randbytes(12).hex(), "text": noise.randbytes(500).hex()} for i in range(24_000)]
    database.items.insert_many(made)
    first = back_up(varve, rs6, "--ns-include", f"{database.name}.*")
    for document in made[12_000:12_240]:
        database.items.update_one({"_id": document["_id"]}, {"$set": {"text": noise.randbytes(520).hex()}})
    again = back_up(varve, rs6, "--ns-include", f"{database.name}.*")
    share = again["data_added"] / first["data_added"]
    record_property("share", share)
    print(f"{ids}: {share:.1%} of {first['data_added']:,} bytes added")
    assert share < 0.25
    assert "no errors were found" in varve.restic("check", "--read-data").stdout


@pytest.mark.all
def test_repositories_with_the_same_chunker_share_their_data(saved, source, tmp_path):
    """DESIGN 5: init --from-repo --copy-chunker-params makes the same cuts, so restic copy moves only what is not there."""
    varve, first = saved
    (tmp_path / "second").mkdir()
    second = Varve(tmp_path / "second", password="another")
    second("init", "--from-repo", varve.path, "--copy-chunker-params", "--from-password-file", varve.password_file)
    back_up(second, source)
    size = sum(path.stat().st_size for path in (second.path / "data").rglob("*") if path.is_file())
    second.restic("copy", "--from-repo", varve.path, "--from-password-file", varve.password_file, first["snapshot_id"])
    grown = sum(path.stat().st_size for path in (second.path / "data").rglob("*") if path.is_file()) - size
    assert grown < size / 100
    listed = json.loads(second("snapshots", "--json").stdout)
    assert len(listed) == 2
    assert second("check", "--read-data").code == 0


@pytest.mark.parametrize("level", ["off", "fastest", "auto", "better", "max"])
@pytest.mark.all
def test_every_compression_is_restics(varve, source, level):
    """DESIGN 5: restic reads all of them."""
    summary = back_up(varve, source, "--compression", level)
    assert "no errors were found" in varve.restic("check", "--read-data").stdout
    assert summary["data_added"] > 0


def test_listing_and_showing(saved):
    """ux.md: ls with a path, show with the collections; --json is one object or restic's array."""
    varve, summary = saved
    under = varve("ls", summary["snapshot_id"][:8], "/mongodb/shop/rs0/dump/admin").stdout
    assert "system.users.bson" in under and "values.bson" not in under
    shown = varve("show", "latest", "--source", "shop").stdout
    assert re.search(r"shop\.values", shown) and "6.0.5" in shown
    facts = varve.json("show", summary["snapshot_id"])[-1]
    assert facts["message_type"] == "summary" and facts["snapshot_id"] == summary["snapshot_id"]


def test_the_oplog_of_the_window_is_bson(saved):
    """RULES 13: what the folder holds as oplog is entries of an oplog, in order."""
    varve, _ = saved
    entries = [bson.decode(d) for d in split((export(varve, "export-oplog") / "oplog.bson").read_bytes())]
    assert [e["ts"] for e in entries] == sorted(e["ts"] for e in entries)


@pytest.mark.all
def test_a_login_through_the_stock_tools_works(saved, empty, tmp_path):
    """RULES 13: users and roles are in the folder as mongorestore wants them."""
    varve, _ = saved
    mongorestore("--uri", empty.uri, "--nsInclude", "admin.*", export(varve, "export-users"))
    with empty.client() as client:
        assert {u["_id"] for u in client.admin.system.users.find()} == {"shop.clerk", "admin.chief"}
    with pytest.raises(pymongo.errors.OperationFailure), pymongo.MongoClient(empty.uri_as("clerk", "wrong", "shop")) as client:
        client.shop.command("ping")
