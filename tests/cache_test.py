"""What is kept near of a repository on a network: shared with stock restic, asked for once, and never believed."""
import hashlib
import json
import os
import re
import time

import pytest

from harness.stores import RestServer
from harness.tools import Varve
from support.mixed_folder import content, fill

pytestmark = pytest.mark.all


@pytest.fixture
def far(tmp_path):
    """varve with a repository on a server that writes down what is asked of it."""
    log = tmp_path / "requests"
    with RestServer("--log", log) as store:
        varve = Varve(tmp_path)
        varve.env |= {"RESTIC_REPOSITORY": store.place("shop"), "RESTIC_CACHE_DIR": str(tmp_path / "near")}
        varve.requests = log
        fill(tmp_path / "folder")
        varve("init")
        varve("backup", "files", tmp_path / "folder")
        yield varve


def read(varve, action):
    """Which kinds of files the server was asked for meanwhile."""
    before = len(varve.requests.read_text())
    action()
    return re.findall(r"GET /shop/(\w+)/[0-9a-f]{64}", varve.requests.read_text()[before:])


def kept(varve, kind):
    return [path for path in (varve.folder / "near").glob(f"*/{kind}/*/*") if len(path.name) == 64]


def test_index_snapshots_and_trees_are_asked_for_once(far):
    assert kept(far, "index") and kept(far, "snapshots") and kept(far, "data")  # by the backup itself
    listed = far("ls", "latest").stdout
    assert set(read(far, lambda: far("ls", "latest"))) == {"keys"}
    elsewhere = ("--cache-dir", far.folder / "other")
    assert {"index", "snapshots", "data"} <= set(read(far, lambda: far("ls", "latest", *elsewhere)))
    assert set(read(far, lambda: far("ls", "latest", *elsewhere))) == {"keys"}
    assert {"index", "snapshots", "data"} <= set(read(far, lambda: far("ls", "latest", "--no-cache")))
    assert far("ls", "latest", *elsewhere).stdout == listed


def test_stock_restic_uses_the_same(far):
    near = ("--cache-dir", far.folder / "near")
    assert set(read(far, lambda: far.restic(*near, "ls", "latest"))) == {"keys"}
    far.restic(*near, "backup", far.folder / "folder" / "text")
    assert set(read(far, lambda: far("ls", "latest"))) == {"keys"}
    assert "no errors were found" in far.restic(*near, "check", "--with-cache").stdout


@pytest.mark.parametrize("kind", ["index", "snapshots", "data"])
def test_what_is_damaged_here_is_fetched_again(far, kind):
    listed = far("ls", "latest").stdout
    for path in kept(far, kind):
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        path.chmod(0o600)
        path.write_bytes(damaged)
    assert kind in read(far, lambda: far("ls", "latest"))
    assert far("ls", "latest").stdout == listed
    assert set(read(far, lambda: far("ls", "latest"))) == {"keys"}


def test_a_check_reads_the_repository_itself(far):
    assert {"index", "snapshots", "data"} <= set(read(far, lambda: far("check")))
    assert not {"index", "snapshots"} & set(read(far, lambda: far("check", "--with-cache")))


def test_who_removes_sees_the_repository_itself(far):
    assert {"index", "snapshots", "data"} <= set(read(far, lambda: far("prune")))
    assert {"index", "snapshots", "data"} <= set(read(far, lambda: far("repair", "snapshots")))
    assert "index" in read(far, lambda: far("repair", "index"))
    far("ls", "latest")


def test_what_is_forgotten_is_not_kept(far):
    far("forget", "latest", "--prune")
    far("snapshots")
    assert not kept(far, "snapshots")
    far("check", "--read-data")


def test_old_ones_are_listed_and_removed(far):
    [folder] = [path for path in (far.folder / "near").iterdir() if path.is_dir()]
    assert folder.name[:10] in far("cache").stdout and "today" in far("cache").stdout
    long_ago = time.time() - 40 * 86400
    os.utime(folder, (long_ago, long_ago))
    [one, _] = far("cache", "--json").events
    assert one["repository_id"] == folder.name and one["old"] and one["size"] > 0
    [summary] = far("cache", "--cleanup", "--json").events
    assert summary["removed"] == 1 and summary["repositories"] == 0 and not folder.exists()
    assert json.loads(far("snapshots", "--json").stdout)


def test_a_folder_that_cannot_be_used_is_said_and_done_without(far):
    (far.folder / "no folder").write_text("")
    done = far("ls", "latest", "--cache-dir", far.folder / "no folder")
    assert done.stdout and "nothing of the repository is kept on this machine" in done.stderr


def test_two_fill_one_folder_at_once(far):
    """Both get all, and what they leave there is whole."""
    new = ("--cache-dir", far.folder / "new")
    runs = [far.start("restore", "latest", "--target", far.folder / f"back {number}", *new) for number in range(2)]
    runs += [far.start("check", "--with-cache", "--no-lock", *new) for _ in range(2)]
    for run in runs:
        _, err = run.communicate(timeout=60)
        assert run.returncode == 0, err
    for number in range(2):
        assert content(f"{far.folder}/back {number}/{far.folder}/folder") == content(far.folder / "folder")
    files = [path for path in (far.folder / "new").glob("*/*/*/*") if path.is_file()]
    assert {path.parents[1].name for path in files} == {"index", "snapshots", "data"}
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in files)
    assert set(read(far, lambda: far("ls", "latest", *new))) == {"keys"}
