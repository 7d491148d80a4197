"""Disks that are full where a restore needs them: what it says, and that it goes on once there is room."""
import random
import subprocess

import pytest
from bson import Binary

from harness.servers import Mongod
from support.runs import at, new_repository, restore
from support.small_disk import small_disk
from support.windowed import dump_with_a_window

DOCUMENTS = 20_000


@pytest.fixture(scope="module")
def standalone():
    with Mongod() as server:
        yield server


@pytest.fixture
def windowed(varve, tmp_path):
    new_repository(varve)
    dump_with_a_window(tmp_path / "dump", DOCUMENTS)
    summary = varve.json("import", "--source", "shop", tmp_path / "dump")[-1]
    assert summary["oplog_operations"] == DOCUMENTS
    return varve


def holds_all(server):
    with server.client() as client:
        found = {document["_id"]: document["text"] for document in client.shop.orders.find()}
        client.drop_database("shop")
    assert len(found) == DOCUMENTS and all(text.startswith(f"{i:06}") for i, text in found.items())


def test_a_spill_folder_that_is_full_or_not_there(windowed, standalone, tmp_path):
    """RULES 10: a sentence before the first write; with room, or memory enough, all comes back."""
    def refused(*words):
        done = windowed("restore", "latest", "--to", at(windowed, standalone.uri, "target"), "--yes", *words, code=1)
        with standalone.client() as client:
            assert "shop" not in client.list_database_names() and "varve_restore" not in client.list_database_names()
        return done.stderr

    missing = refused("--memory", "1M", "--spill-dir", tmp_path / "nowhere")
    assert "nowhere" in missing and "No such file" in missing
    (tmp_path / "file").touch()
    assert "Not a directory" in refused("--memory", "1M", "--spill-dir", tmp_path / "file")
    with small_disk(tmp_path / "small", "1m") as small:
        full = refused("--memory", "1M", "--spill-dir", small)
        assert str(small) in full and "No space left" in full and "--spill-dir" in full
    (tmp_path / "large").mkdir()
    assert restore(windowed, standalone, "--memory", "1M", "--spill-dir", tmp_path / "large")["verified"]
    assert not list((tmp_path / "large").iterdir())
    holds_all(standalone)


@pytest.mark.all
def test_a_target_whose_disk_fills(varve, mongod):
    """The server dies of it: told as a loss of the server, with what is left there, and --resume goes on once there is room."""
    with Mongod() as source:
        with source.client() as client:
            for start in range(0, 60, 10):
                client.shop.noise.insert_many([{"_id": i, "noise": Binary(random.Random(i).randbytes(1 << 20))} for i in range(start, start + 10)])
            client.shop.orders.insert_many([{"_id": i} for i in range(100)])
        new_repository(varve)
        varve("backup", at(varve, source.uri, "source"), "--source", "shop")
    target = mongod(extra_args=["--wiredTigerEngineConfigString", "log=(prealloc=false,file_max=5MB)"])
    target.shut_down()
    data = target.folder / "data"
    with small_disk(data, "40m"):
        target.start_again()
        failed = varve("restore", "latest", "--to", at(varve, target.uri, "target"), "--yes", code=1)
        assert target.host in failed.stderr and "restored" not in failed.stdout, failed.stderr
        assert "--resume" in failed.stderr
        target.kill()
        subprocess.run(["mount", "-o", "remount,size=1g", data], check=True)
        target.start_again()
        done = restore(varve, target, "--resume")
        assert done["verified"] and done["resumed"]
        with target.client() as client:
            assert client.shop.noise.count_documents({}) == 60 and client.shop.orders.count_documents({}) == 100
        target.kill()
