"""What `export` writes is what stock tools read: folders and archives, compressed or not, as read or merged."""
import datetime
import fcntl
import gzip
import os
import signal
import struct
import subprocess
import termios
import threading

import bson
import pytest

from harness.servers import Mongod, wait_until
from harness.tools import Varve, mongodump, mongorestore
from support.runs import back_up, verify
from support.state import empty
from support.targets import shared_target, target

START = datetime.datetime(2026, 1, 1)
MAGIC = bytes.fromhex("6de29981")


def fill(client):
    shop = client.shop
    shop.orders.insert_many([{"_id": i, "text": f"order {i}" * 30} for i in range(3000)])
    shop.orders.create_index("text")
    shop.create_collection("empty")
    shop.command("create", "few", viewOn="orders", pipeline=[{"$limit": 3}])
    shop.create_collection("heat", timeseries={"timeField": "t", "metaField": "m"})
    shop.heat.insert_many([{"t": START + datetime.timedelta(minutes=i), "m": i % 3} for i in range(200)])
    shop.create_collection("ring", capped=True, size=1 << 16)
    shop.ring.insert_many([{"_id": i} for i in range(50)])
    client["data-base"]["odd/name% é"].insert_one({"_id": 1})
    shop.command("createUser", "anna", pwd="a", roles=["read"])


def write_until(stop, server):
    with server.client() as client:
        number = 10_000
        while not stop.is_set():
            client.shop.orders.insert_one({"_id": number})
            client.shop.orders.update_one({"_id": number % 3000}, {"$set": {"changed": number}})
            number += 1


@pytest.fixture(scope="module")
def source():
    with Mongod(replica_set="rs0") as server:
        with server.client() as client:
            fill(client)
        yield server


@pytest.fixture(scope="module")
def saved(tmp_path_factory, source):
    """A backup with operations in its window."""
    varve = Varve(tmp_path_factory.mktemp("export"))
    stop = threading.Event()
    writer = threading.Thread(target=write_until, args=(stop, source))
    writer.start()
    try:
        back_up(varve, source, "--read-at", "window")
    finally:
        stop.set()
        writer.join()
    return varve


def loaded(saved, target, *words, **options):
    mongorestore("--uri", target.uri, "--oplogReplay", *words, **options)
    found = verify(saved, target)
    assert found["differences"] == [] and found["documents"] > 3000
    with target.client() as client:
        assert client.shop.command("usersInfo", "anna")["users"]


@pytest.mark.parametrize("merged", [(), ("--merged",)], ids=["as read", "merged"])
@pytest.mark.parametrize("compressed", [(), ("--gzip",)], ids=["plain", "gzip"])
def test_an_archive_is_mongorestores(saved, target, merged, compressed):
    """Formats of mongo-tools: every namespace to its end, users first, the oplog last."""
    file = saved.folder / f"{len(merged)}{len(compressed)}.archive"
    said = saved("export", "latest", f"--archive={file}", *merged, *compressed).stdout
    assert f"--archive={file}" in said and "credentials" in said
    assert file.stat().st_mode & 0o777 == 0o600 and not [p for p in saved.folder.iterdir() if "tmp" in p.name]
    content = gzip.decompress(file.read_bytes()) if compressed else file.read_bytes()
    assert content.startswith(MAGIC)
    loaded(saved, target, f"--archive={file}", *compressed)


def test_an_archive_goes_through_a_pipe(saved, target):
    """Nothing else is on standard output; what there is to say goes beside it."""
    done = subprocess.run([os.environ["VARVE_BIN"], "export", "latest", "--archive", "--gzip"], env=saved.env, capture_output=True)
    assert done.returncode == 0 and gzip.decompress(done.stdout).startswith(MAGIC) and b"credentials" in done.stderr
    loaded(saved, target, "--archive", "--gzip", input=done.stdout, text=False)


@pytest.mark.parametrize("merged", [(), ("--merged",)], ids=["as read", "merged"])
def test_a_compressed_folder_is_mongorestores(saved, target, merged):
    out = saved.folder / f"folder{len(merged)}"
    saved("export", "latest", "--out", out, "--gzip", *merged)
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert {"oplog.bson", "prelude.json.gz", "shop/orders.bson.gz", "shop/orders.metadata.json.gz",
            "shop/system.buckets.heat.bson.gz", "data-base/odd%2Fname%25+%C3%A9.bson.gz"} <= names
    loaded(saved, target, "--gzip", out)


def described(archive):
    """The descriptions of its prelude, and the order in which its namespaces end."""
    content, at, found, ends = archive.read_bytes(), 4, {}, []
    def take():
        nonlocal at
        size = int.from_bytes(content[at:at + 4], "little")
        at += size
        return bson.decode(content[at - size:at])
    header = take()
    while content[at:at + 4] != b"\xff" * 4:
        entry = take()
        found[entry["db"], entry["collection"]] = entry
    at += 4
    while at < len(content):
        block = take()
        while content[at:at + 4] != b"\xff" * 4:
            take()
        at += 4
        if block["EOF"]:
            ends.append(((block["db"], block["collection"]), block["CRC"]))
    return header, found, ends


def test_an_archive_is_mongodumps(saved, source, target, tmp_path):
    """The same descriptions and checksums as mongodump gives for the same data."""
    ours = saved.folder / "compare.archive"
    saved("export", "latest", f"--archive={ours}", "--merged")
    mongorestore("--uri", target.uri, "--oplogReplay", f"--archive={ours}")
    mongodump("--uri", target.uri, f"--archive={tmp_path / 'theirs'}")
    header, found, ends = described(ours)
    their_header, their_found, their_ends = described(tmp_path / "theirs")
    assert header["version"] == their_header["version"] and header["server_version"] == their_header["server_version"]
    users = {name for name in their_found if name[0] not in ("admin", "config")}
    assert users == {name for name in found if name[0] not in ("admin", "")}
    for name in users:
        assert found[name]["type"] == their_found[name]["type"]
    ours, theirs = dict(ends), dict(their_ends)
    for name in ("orders", "ring", "empty", "few"):
        assert ours["shop", name] == theirs["shop", name], name
    assert ends[-1][0] == ("", "oplog") and ends[0][0][0] == "admin"


def test_nobody_reads(saved):
    """Ctrl-C ends what waits for a pipe to be read."""
    with subprocess.Popen([os.environ["VARVE_BIN"], "export", "latest", "--archive"], env=saved.env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: waiting_in(process.stdout) >= 60_000, "a full pipe")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130 and "interrupted" in process.stderr.read()


def waiting_in(pipe):
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]


@pytest.mark.parametrize("name, kind, misread", [("x" * 231, {}, False), ("a+b%20" * 35 + "x" * 21, {}, True),
                                                 ("h" * 230, {"timeseries": {"timeField": "t"}}, True)],
                         ids=["long", "long and odd", "a long time-series"])
def test_what_mongorestore_misreads_in_a_folder_is_named(varve, source, target, name, kind, misread):
    """mongodump shortens long names, and its restore takes some for others. As an archive all come back."""
    with source.client() as client:
        client.named.create_collection(name, **kind)
        client.named[name].insert_one({"_id": 1, "t": START})
    try:
        back_up(varve, source, "--ns-include", "named.*")
    finally:
        with source.client() as client:
            client.drop_database("named")
    out = varve.folder / "folder"
    done = varve.json("export", "latest", "--out", out, code=3 if misread else 0)[-1]
    assert [each["reason"].split(":")[0] for each in done["skipped"]] == ([f"named.{name}"] if misread else [])
    mongorestore("--uri", target.uri, "--oplogReplay", out, code=None)
    assert bool(verify(varve, target, code=None)["differences"]) == misread
    with target.client() as client:
        empty(client)
    varve("export", "latest", f"--archive={varve.folder / 'archive'}")
    mongorestore("--uri", target.uri, "--oplogReplay", f"--archive={varve.folder / 'archive'}")
    assert verify(varve, target)["differences"] == []


def test_where_to_must_be_clear(saved):
    for words in ((), ("--out", saved.folder / "both", "--archive")):
        assert "--archive=FILE" in saved("export", "latest", *words, code=1).stderr
    assert "standard output" in saved("export", "latest", "--archive", "--json", code=1).stderr
    assert not (saved.folder / "both").exists()


def test_too_little_room_is_told_before(saved, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "varve-test", small], capture_output=True).returncode:
        pytest.skip("no tmpfs here")
    try:
        for words in (("--out", small / "out"), (f"--archive={small / 'archive'}",)):
            done = saved("export", "latest", *words, code=1)
            assert "nothing was written" in done.stderr and "--gzip" in done.stderr
            assert not list(small.iterdir())
        done = saved("export", "latest", "--out", small / "out", "--merged", code=1)
        assert "at least" in done.stderr and "nothing was written" in done.stderr and not list(small.iterdir())
        # How far gzip gets is not known before: said, and tried.
        for words in ((f"--archive={small / 'archive'}",), ("--out", small / "out")):
            done = saved("export", "latest", *words, "--gzip", code=(0, 1))
            assert "it may not fit" in done.stderr
            assert bool(list(small.iterdir())) == (done.code == 0), "what is not whole has no name"
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.parametrize("there", [False, True], ids=["new folder", "empty folder"])
def test_a_folder_that_fills_its_disk_leaves_nothing(varve, source, tmp_path, there):
    """Half a dump looks like a whole one to mongorestore."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "varve-test", small], capture_output=True).returncode:
        pytest.skip("no tmpfs here")
    try:
        if there:
            (small / "out").mkdir()
        done = varve("export", incompressible(varve, source), "--out", small / "out", "--gzip", code=1)
        assert "No space left" in done.stderr
        assert [path.name for path in small.rglob("*")] == (["out"] if there else [])
    finally:
        subprocess.run(["umount", small], check=True)


def incompressible(varve, source):
    """A backup with small collections and then more than a disk takes."""
    with source.client() as client:
        client.noise.small.insert_many([{"_id": i} for i in range(100)])
        client.noise.large.insert_many([{"_id": i, "noise": os.urandom(1 << 18)} for i in range(12)])
    try:
        return back_up(varve, source, "--ns-include", "noise.*")["snapshot_id"]
    finally:
        with source.client() as client:
            client.drop_database("noise")


def test_full_while_it_is_written(saved):
    """The device says so late: not done, and not told to be."""
    done = saved("export", "latest", "--archive=/dev/full", code=1)
    assert "No space left" in done.stderr and "exported" not in done.stdout
