"""The numbers of `stats` and the bytes of `cat` are stock restic's."""
import hashlib
import json
import subprocess
import sys

import pytest

from harness.tools import Varve, varve_binary
from support.mixed_folder import fill
from support.repositories import damage, largest_pack, locked, snapshots
from support.runs import back_up, new_repository

MODES = ["restore-size", "files-by-contents", "blobs-per-file", "raw-data"]


def fill_with_history(varve):
    folder = varve.folder / "folder"
    fill(folder)
    varve.restic("backup", folder, "--host", "first", "--tag", "t")
    (folder / "text").write_bytes((folder / "text").read_bytes() + b"more")
    (folder / "sub" / "object.o").rename(folder / "moved")
    varve.restic_old("backup", folder, "--host", "second")
    varve.restic("backup", folder / "sub", "--host", "second", "--compression", "off")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Three snapshots by two versions of restic, compressed and not."""
    varve = Varve(tmp_path_factory.mktemp("stats"))
    new_repository(varve)
    fill_with_history(varve)
    return varve


def expect_same_numbers(varve, *args):
    ours = json.loads(varve("stats", "--json", *args).stdout)
    assert ours == varve.restic("stats", "--json", *args).events[-1], args
    older = varve.restic_old("stats", "--json", *args).events[-1]
    assert ours == pytest.approx({key: older.get(key, value) for key, value in ours.items()}), args


@pytest.mark.parametrize("mode", MODES)
def test_stats_are_restics(saved, mode):
    """Of all snapshots."""
    expect_same_numbers(saved, "--mode", mode)


@pytest.mark.all
@pytest.mark.parametrize("mode", MODES)
def test_stats_of_some_snapshots_are_restics(saved, mode):
    """One, selected ones, named ones."""
    expect_same_numbers(saved, "--mode", mode, "latest")
    expect_same_numbers(saved, "--mode", mode, "--host", "second")
    expect_same_numbers(saved, "--mode", mode, *[snapshot["id"] for snapshot in snapshots(saved)[:2]])


def test_the_text_names_what_restic_names(saved):
    """The same lines; sizes are rounded more."""
    ours, theirs = (lines(run("stats", "--mode", "raw-data").lines) for run in (saved, saved.restic))
    assert ours.keys() == theirs.keys() and len(ours) == 7
    for name in ours:
        assert ours[name] == theirs[name] or name.endswith("Size"), name


def lines(text):
    return dict(map(str.strip, line.split(":", 1)) for line in text if ":  " in line)


@pytest.mark.all
@pytest.mark.parametrize("mode", MODES)
def test_stats_of_format_one_and_of_a_server(varve, rs6, database, tmp_path, mode):
    """Format 1 knows no compression; varve's own snapshots have no inodes."""
    varve.restic("init", "--repository-version", 1)
    fill_with_history(varve)
    expect_same_numbers(varve, "--mode", mode)
    (tmp_path / "own").mkdir()
    own = Varve(tmp_path / "own")
    database.items.insert_many([{"_id": number, "text": "x" * 1000} for number in range(500)])
    back_up(own, rs6, "--ns-include", f"{database.name}.*")
    expect_same_numbers(own, "--mode", mode)


def test_stats_without_snapshots_and_with_damage(saved, varve):
    """Nothing is nothing; damage gives no number at all."""
    assert json.loads(saved("stats", "--host", "nobody", "--json").stdout) == {"total_size": 0, "snapshots_count": 0}
    saved("stats", "latest", "--host", "nobody", code=1)
    saved("stats", "--mode", "size", code=1)
    new_repository(varve)
    fill(varve.folder / "folder")
    varve.restic("backup", varve.folder / "folder")
    for pack in (path for path in (varve.path / "data").rglob("*") if path.is_file()):
        damage(pack, 40)
    failed = varve("stats", code=1)
    assert "tree" in failed.stderr and "Total" not in failed.stdout


def names(repository, folder):
    return sorted(path.name for path in (repository.path / folder).rglob("*") if path.is_file())


@pytest.mark.parametrize("restic", ["restic", pytest.param("restic_old", marks=pytest.mark.all)])
def test_cat_prints_what_restic_prints(saved, restic):
    """Byte for byte, whatever is asked for."""
    stock = getattr(saved, restic)
    newest = snapshots(saved)[-1]
    folder = str(saved.folder / "folder" / "sub")
    asked = [("config",), ("key", names(saved, "keys")[0])]
    asked += [("pack", name) for name in names(saved, "data")[:2]]
    asked += [("blob", newest["tree"])]
    if restic == "restic":
        # 0.14 has no trees, knows fewer fields of snapshots, prints the key with its mask and a line more after an index.
        asked += [("snapshot", name) for name in names(saved, "snapshots")]
        asked += [("index", name) for name in names(saved, "index")]
        asked += [("masterkey",), ("tree", newest["id"]), ("tree", f"{newest['id']}:{folder}"), ("tree", newest["short_id"])]
    for words in asked:
        ours = saved("cat", *words, text=False).stdout
        assert ours == stock("cat", *words, text=False).stdout, words
        assert ours
    data = json.loads(saved("cat", "tree", f"latest:{folder}").stdout)["nodes"]
    blob = next(node["content"][0] for node in data if node["name"] == "object.o" or node["name"] == "noise copy")
    assert saved("cat", "blob", blob, text=False).stdout == stock("cat", "blob", blob, text=False).stdout


def test_cat_prints_locks_and_damaged_packs(varve):
    """A lock is there while somebody works; a damaged pack is given as it is, and said to be damaged."""
    new_repository(varve)
    fill(varve.folder / "folder")
    varve.restic("backup", varve.folder / "folder")
    with locked(varve):
        words = ("cat", "lock", names(varve, "locks")[0], "--no-lock")
        assert varve(*words).stdout == varve.restic(*words).stdout
        assert json.loads(varve(*words).stdout)["exclusive"] is True
    pack = largest_pack(varve)
    damage(pack)
    failed = varve("cat", "pack", pack.name, text=False, code=1)
    assert failed.stdout == pack.read_bytes() and "damaged" in failed.stderr


PEAK_OF_CHILD = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_cat_takes_little_memory_for_a_large_pack(varve):
    """Packs of other programs may be of any size."""
    new_repository(varve)
    content = bytes(200_000_000)
    name = hashlib.sha256(content).hexdigest()
    pack = varve.path / "data" / name[:2] / name
    with open(pack, "wb") as file:
        file.truncate(len(content))
    # By way of a small process: what a child of a large one takes, counts from before it became another program.
    asked = subprocess.run([sys.executable, "-c", PEAK_OF_CHILD, varve_binary(), "cat", "pack", name], env=varve.env,
                           stdout=subprocess.PIPE, check=True, text=True)
    code, peak_kb = map(int, asked.stdout.split())
    assert code == 0 and peak_kb < 100_000


def test_cat_names_what_is_wrong(saved):
    """Types, ids, paths."""
    for words, expected in ((("word", "x"), "type"), (("blob",), "id"), (("config", "x"), "no id"),
                            (("blob", "0" * 64), "is in no pack"), (("blob", "00"), "64 hex digits"),
                            (("snapshot", "0" * 64), "there is no snapshot"), (("index", "xyz"), "is no id"),
                            (("tree", "latest:/nowhere"), "there is no"),
                            (("tree", f"latest:{saved.folder}/folder/sub/link"), "no folder")):
        assert expected in saved("cat", *words, code=1).stderr, words
