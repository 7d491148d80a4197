"""Peak memory is a stated constant, whatever the size of the data, and nothing is staged on disk."""
import random
import subprocess

import pytest

from harness.proxy import Proxy
from harness.servers import Mongod
from harness.stores import Minio
from harness.tools import Varve
from support.data import insert
from support.hold import finish
from support.memory import Watch, measured
from support.raw import binary, doc, int32
from support.runs import at, new_repository
from support.stores import at_store
from support.windowed import dump_with_a_window

pytestmark = pytest.mark.all

LIMIT_MB, ALSO_MB = 300, 130
DOCUMENT, DOCUMENTS = 10_000, 100_000
WINDOW_DOCUMENTS, WINDOW_MB = 200_000, 32


@pytest.fixture(scope="module")
def gigabyte():
    with Mongod(replica_set="rs0", cache_gb=1) as server:
        noise = random.Random(5)
        with server.client(w=1) as client:
            for start in range(0, DOCUMENTS, 1000):
                insert(client.shop, "large" if start % 4000 else "larger",
                       [doc(int32("_id", i), binary("b", noise.randbytes(DOCUMENT - 30))) for i in range(start, start + 1000)])
        yield server


@pytest.mark.timeout(600)
def test_a_gigabyte_in_bounded_memory(varve, gigabyte, record_property):
    """DESIGN 5, RULES 10: peak memory under 300 MB for a backup, a second one and a restore of 1 GB; no temporary files."""
    new_repository(varve)
    backup = ("backup", at(varve, gigabyte.uri), "--source", "shop")
    peaks = {"backup": measured(varve, *backup), "again": measured(varve, *backup)}
    with Mongod(replica_set="rs1", cache_gb=1) as target:
        peaks["restore"] = measured(varve, "restore", "latest", "--to", at(varve, target.uri, "target"), "--yes")
        peaks["verify"] = measured(varve, "verify", "latest", "--against", at(varve, target.uri, "target"))
        with target.client() as client:
            client.shop.large.delete_many({"_id": {"$gt": 500, "$lt": 90_000}})
        process = varve.start("verify", "latest", "--against", at(varve, target.uri, "target"))
        watch = Watch(process, varve.folder / "tmp")
        finish(process, code=3, seconds=280)
        peaks["verify with differences"] = watch.peak_mb
    peaks["check"] = measured(varve, "check", "--read-data")
    print(peaks)
    for name, peak in peaks.items():
        record_property(name, peak)
        assert 0 < peak < LIMIT_MB, peaks


@pytest.mark.timeout(600)
def test_a_store_that_stands_still(tmp_path, gigabyte):
    """What was read waits; nothing more is read than fits. When the store goes on, so does the backup."""
    with Minio() as store, Proxy(store) as proxy:
        varve = at_store(tmp_path, store, "shop")
        varve("init")
        proxy.stall_after(60_000_000, sent=True)
        through = {name: value.replace(store.host, proxy.host) for name, value in varve.env.items()}
        process = varve.start("backup", at(varve, gigabyte.uri), "--source", "shop", env=through)
        (varve.folder / "tmp").mkdir()
        watch = Watch(process, varve.folder / "tmp")
        assert proxy.struck.wait(120)
        with pytest.raises(subprocess.TimeoutExpired):  # on the contrary, it would be over by then
            process.wait(15)
        standing = watch.peak_mb
        proxy.healed.set()
        finish(process, seconds=280)
        watch.join()
        print(standing, watch.peak_mb)
        assert 0 < standing <= watch.peak_mb < LIMIT_MB
        varve("check")


@pytest.mark.timeout(600)
def test_a_window_larger_than_its_memory(varve, tmp_path):
    """RULES 10: what changed is held up to --memory and then spilled, encrypted, into a file without a name."""
    new_repository(varve)
    dump_with_a_window(tmp_path / "dump", WINDOW_DOCUMENTS, text=1000)
    assert varve.json("import", "--source", "shop", tmp_path / "dump")[-1]["oplog_operations"] == WINDOW_DOCUMENTS
    spill = tmp_path / "spill"
    spill.mkdir()
    with Mongod(cache_gb=0.5) as target:
        process = varve.start("restore", "latest", "--to", at(varve, target.uri, "target"), "--yes", "--memory", f"{WINDOW_MB}M",
                              "--spill-dir", spill, env={"TMPDIR": str(spill)})
        watch = Watch(process, spill)
        finish(process, seconds=500)
        with target.client() as client:
            assert client.shop.orders.count_documents({"text": {"$gt": ""}}) == WINDOW_DOCUMENTS
    watch.join()
    print(watch.peak_mb, watch.unnamed_mb)
    assert not watch.files and watch.unnamed_mb > 2 * WINDOW_MB, "it spilled, and left no name"
    assert 0 < watch.peak_mb < LIMIT_MB + WINDOW_MB


def test_half_a_gigabyte_of_files_in_bounded_memory(varve):
    """The same for files: what a writer is given is let go, a second run, a copy and a restore included."""
    new_repository(varve)
    with open(varve.folder / "large", "wb") as file:
        for _ in range(40):
            file.write(random.randbytes(16 << 20))
    (varve.folder / "copy").mkdir()
    copy = Varve(varve.folder / "copy")
    new_repository(copy)
    saving = ("backup", "files", varve.folder / "large")
    peaks = {"backup": measured(varve, *saving), "forced": measured(varve, *saving, "--force"),
             "copy": measured(copy, "copy", "--from-repo", varve.path, "--from-password-file", varve.password_file),
             "restore": measured(varve, "restore", "latest", "--target", varve.folder / "there")}
    (varve.folder / "other").mkdir()
    other = Varve(varve.folder / "other")
    other("init")
    both = measured(varve, *saving, "--force", "--also", other.path, "--also-password-file", other.password_file)
    print(peaks, both)
    assert 0 < max(peaks.values()) < LIMIT_MB, peaks
    assert 0 < both < LIMIT_MB + ALSO_MB, "each further repository has packs of its own"
