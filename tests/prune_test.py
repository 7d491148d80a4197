"""`prune` removes what no snapshot needs and nothing else: in repositories that restic wrote, beside restic, and when it is killed."""
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time

import pytest

from support.hold import finish
from support.memory import measured
from support.runs import back_up, export, new_repository
from support.sealed import Sealer, write_big_index


def write_state(folder, number, size=300_000):
    """A folder that changes: some files stay, some change, each state has one of its own."""
    noise = random.Random(number)
    (folder / "sub" / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "same").write_bytes(random.Random(99).randbytes(size))
    (folder / "text").write_text("".join(f"line {i} of {number}\n" for i in range(size // 20)))
    (folder / "sub" / "often").write_bytes(noise.randbytes(size))
    for old in (folder / "sub" / "deep").iterdir():
        old.unlink()
    for i in range(5):
        (folder / "sub" / "deep" / f"own-{number}-{i}").write_bytes(noise.randbytes(size // 30))


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class History:
    """Backups of a changing folder by restic, and what each must restore to."""

    def __init__(self, varve, states=4, version=2, size=300_000, stock="restic"):
        self.varve, self.folder, self.expected = varve, varve.folder / "source", {}
        if version == 2:
            new_repository(varve)
        else:
            varve.restic("init", "--repository-version", version)
        for number in range(states):
            self.add(number, size, stock)

    def add(self, number, size=300_000, stock="restic"):
        self.folder.mkdir(exist_ok=True)
        write_state(self.folder, number, size)
        getattr(self.varve, stock)("backup", "--quiet", "--no-cache", ".", "--tag", f"n{number}", cwd=self.folder)
        newest = max(self.snapshots(), key=lambda s: s["time"])
        self.expected[newest["id"]] = contents(self.folder)

    def snapshots(self):
        return json.loads(self.varve("snapshots", "--json").stdout)

    def expect_whole(self, stock="restic"):
        """restic finds no errors, and every snapshot that is left restores byte for byte."""
        restic = getattr(self.varve, stock)
        checked = restic("check", "--read-data", "--no-cache")
        assert "no errors were found" in checked.stdout
        for snapshot in self.snapshots():
            target = self.varve.folder / "restored"
            restic("restore", snapshot["id"], "--target", target, "--no-cache", "--quiet")
            assert contents(target) == self.expected[snapshot["id"]]
            shutil.rmtree(target)
        return checked

    def expect_clean(self):
        """Nothing is left that could be pruned, in either program's opinion."""
        planned = self.varve.json("prune", "--dry-run", "--max-unused", 0)[-1]
        assert planned["bytes"]["unused"] == planned["bytes"]["duplicate"] == planned["bytes"]["unreferenced"] == 0
        checked = self.varve.restic("check", "--no-cache")
        for word in ("duplicate", "not referenced", "mixed"):
            assert word not in checked.stdout + checked.stderr, checked


def size_of(varve):
    return sum(path.stat().st_size for path in (varve.path / "data").rglob("*") if path.is_file())


@pytest.mark.parametrize("version", [2, pytest.param(1, marks=pytest.mark.all)])
def test_varve_prunes_what_restic_wrote(varve, version):
    """Both formats; what is left is whole and has no garbage."""
    history = History(varve, version=version)
    before = size_of(varve)
    summary = varve.json("forget", "--keep-last", 2, "--prune", "--max-unused", 0)[-1]
    assert summary["message_type"] == "summary" and summary["result"] == "complete" and summary["snapshots"] == 2
    assert summary["bytes"]["remaining_unused"] == 0 and summary["bytes"]["remove_total"] > 300_000
    assert size_of(varve) < before - 300_000
    history.expect_whole()
    history.expect_clean()
    assert len(history.snapshots()) == 2


@pytest.mark.all
@pytest.mark.parametrize("stock", ["restic", "restic_old"])
@pytest.mark.parametrize("version", [1, 2])
def test_varve_and_restic_prune_in_turn(varve, stock, version):
    """Each goes on with what the other left: packs, index files, snapshots."""
    history = History(varve, version=version, stock=stock)
    restic = getattr(varve, stock)
    for number in range(10, 16):
        history.add(number, stock=stock)
        if number % 2:
            varve("forget", "--keep-last", 3, "--prune", "--max-unused", 0)
        else:
            restic("forget", "--keep-last", 3, "--prune", "--max-unused", 0, "--no-cache")
        history.expect_whole(stock)
    history.expect_clean()


@pytest.mark.all
def test_restic_prunes_what_varve_wrote(varve, rs6, database):
    """And varve goes on with it."""
    database.items.insert_many([{"_id": i, "x": random.Random(i).randbytes(600)} for i in range(5000)])
    new_repository(varve)
    for number in range(4):
        database.items.update_many({"_id": {"$gte": 1000 * number, "$lt": 1000 * number + 500}}, {"$set": {"n": number}})
        back_up(varve, rs6, "--ns-include", f"{database.name}.*")
    before = {path.name: path.read_bytes() for path in export(varve).rglob("*.bson")}
    varve.restic("forget", "--keep-last", 2, "--prune", "--max-unused", 0)
    assert "no errors were found" in varve.restic("check", "--read-data").stdout
    varve("check", "--read-data")
    varve("forget", "--keep-last", 1, "--prune", "--max-unused", 0)
    assert "no errors were found" in varve.restic("check", "--read-data").stdout
    after = {path.name: path.read_bytes() for path in export(varve, "again").rglob("*.bson")}
    assert after == before


@pytest.mark.all
def test_uncompressed_data_is_compressed_when_asked(varve):
    """A repository of old data: restic sees the work as done."""
    varve.restic("init")
    folder = varve.folder / "source"
    folder.mkdir()
    write_state(folder, 1)
    varve.restic("backup", "--compression", "off", "--no-cache", ".", cwd=folder)
    before = size_of(varve)
    varve("prune")
    assert size_of(varve) == before
    varve("prune", "--repack-uncompressed")
    assert size_of(varve) < before - 100_000
    assert "to repack:             0 blobs" in varve.restic("prune", "--repack-uncompressed", "--dry-run", "--no-cache").stdout
    assert "no errors were found" in varve.restic("check", "--read-data", "--no-cache").stdout


def test_a_dry_run_tells_and_does_nothing(varve):
    history = History(varve, states=2)
    before = sorted(path.name for path in varve.path.rglob("*"))
    planned = varve.json("forget", "--keep-last", 1, "--prune", "--dry-run")[-1]
    assert planned["dry_run"] and planned["snapshots"] == 1
    assert sorted(path.name for path in varve.path.rglob("*")) == before
    varve("forget", "--keep-last", 1)
    done = varve.json("prune")[-1]
    assert done["bytes"] == planned["bytes"] and done["blobs"] == planned["blobs"] and done["packfiles"] == planned["packfiles"]
    assert "left" in varve("prune").stdout
    history.expect_whole()


@pytest.mark.all
def test_the_plan_is_restics(varve):
    """The same blobs and packs are used, unused, repacked and removed as restic says, whatever the limit."""
    history = History(varve, states=6)
    varve("forget", *[s["id"] for s in history.snapshots()[:3]])
    for args in (["--max-unused", 0], ["--max-unused", "50%"], ["--max-unused", "unlimited"], ["--max-repack-size", 0],
                 ["--repack-cacheable-only"], ["--max-unused", "400k"]):
        theirs = varve.restic("prune", "--dry-run", "--no-cache", "-v", *args).stdout
        ours = varve.json("prune", "--dry-run", *args)[-1]
        said = {line.split(":")[0].strip(): line.split(":")[1].split() for line in theirs.splitlines() if ":" in line}
        blobs, packs = ours["blobs"], ours["packfiles"]
        for theirs_name, number in {"used": blobs["used"], "unused": blobs["unused"], "to repack": blobs["repack"],
                                    "this removes": blobs["repack_remove"], "total prune": blobs["remove_total"],
                                    "remaining": blobs["remaining"], "totally used packs": packs["used"],
                                    "partly used packs": packs["partly_used"], "unused packs": packs["unused"]}.items():
            lines = [line for line in theirs.splitlines() if line.strip().startswith(theirs_name + ":")]
            assert any(line.split(":")[1].split()[0] == str(number) for line in lines), f"{args} {theirs_name} {number}\n{theirs}\n{ours}"
        assert said


def test_what_is_needed_but_missing_stops_it(varve):
    """Nothing is removed then, and it says what to do."""
    history = History(varve, states=2)
    varve("forget", history.snapshots()[0]["id"])
    biggest = max((p for p in (varve.path / "data").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    biggest.rename(varve.folder / "away")
    before = sorted(path.name for path in varve.path.rglob("*"))
    result = varve("prune", code=1)
    assert biggest.name[:8] in result.stderr and "repair" in result.stderr
    assert sorted(path.name for path in varve.path.rglob("*")) == before
    (varve.folder / "away").rename(biggest)
    varve("prune")
    history.expect_whole()


def test_a_repository_that_is_not_all_there_has_no_garbage(varve):
    """Without its folder of snapshots (not mounted, not copied yet) nothing is removed; forgetting all of them is another thing."""
    history = History(varve, states=2)
    before = names(varve.path / "data")
    (varve.path / "snapshots").rename(varve.folder / "away")
    assert str(varve.path / "snapshots") in varve("prune", code=1).stderr
    varve("prune", "--dry-run", code=1)
    (varve.folder / "away").rename(varve.path / "snapshots")
    assert names(varve.path / "data") == before
    varve("forget", *[s["id"] for s in history.snapshots()])
    assert varve.json("prune")[-1]["packfiles"]["remove"] == len(before)
    assert not names(varve.path / "data")


def test_prune_and_others_exclude_each_other(varve):
    """restic's backup at work keeps varve's prune out, and varve's lock restic: exit 11."""
    history = History(varve, states=2)
    with subprocess.Popen([shutil.which("restic"), "backup", "--stdin", "--no-cache", "--quiet"], env=varve.env,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as backup:
        locks = varve.path / "locks"
        while not any(len(path.name) == 64 for path in locks.iterdir()):  # not the one that is being written
            time.sleep(0.02)
            assert backup.poll() is None
        assert "locked" in varve("prune", code=11).stderr
        assert "locked" in varve("forget", "--keep-last", 1, code=11).stderr
        varve("prune", "--dry-run", "--no-lock")
        backup.communicate(b"something")
    assert len(history.snapshots()) == 3
    held = Sealer(varve).lock(socket.gethostname(), exclusive=True)
    varve("prune", code=11)
    assert "already locked" in varve.restic("prune", "--no-cache", code=11).stderr
    held.unlink()
    varve("prune", "--no-lock", code=1)
    varve("prune")


def seen(process, condition):
    """Waits for it; false if the process ended first."""
    while process.poll() is None:
        if condition():
            return True
    return False


def names(folder):
    return {path.name for path in folder.rglob("*") if path.is_file()}


def signalled_at(varve, moment, number, code):
    """Prunes, and sends it a signal once it is so far, which must end it with `code`; false if it was done before that."""
    data, index = varve.path / "data", varve.path / "index"
    packs, files = names(data), names(index)
    old_packs = [path for path in data.rglob("*") if path.is_file()]
    reached = {"new packs": lambda: names(data) - packs, "new index": lambda: names(index) - files,
               "old index gone": lambda: files - names(index),
               "old packs gone": lambda: not all(os.path.exists(path) for path in old_packs)}[moment]
    process = varve.start("prune", "--max-unused", 0)
    seen(process, reached)
    process.send_signal(number)
    finish(process, code=(code, 0))
    return process.returncode != 0


def end_at(varve, moment, number, code):
    """The same, again and again from the same state until it was in time."""
    template = varve.folder / "template"
    shutil.copytree(varve.path, template)
    for attempt in range(10):
        if signalled_at(varve, moment, number, code):
            return
        shutil.rmtree(varve.path)
        shutil.copytree(template, varve.path)
    pytest.fail("it could not be ended in time")


@pytest.mark.parametrize("moment", ["new packs", pytest.param("new index", marks=pytest.mark.all),
                                    pytest.param("old index gone", marks=pytest.mark.all),
                                    pytest.param("old packs gone", marks=pytest.mark.all)])
def test_a_killed_prune_loses_nothing(varve, moment):
    """kill -9 at work: restic finds everything, the next prune does the rest."""
    history = History(varve, states=4, size=3_000_000)
    if moment == "old packs gone":
        for number in range(4, 24):  # many packs, whose removal takes a while
            history.add(number, 300_000)
    varve("forget", "--keep-last", 2)
    end_at(varve, moment, signal.SIGKILL, -signal.SIGKILL)
    varve.restic("unlock", "--no-cache")
    history.expect_whole()
    assert varve.json("prune", "--max-unused", 0)[-1]["result"] == "complete"
    history.expect_whole()
    history.expect_clean()


@pytest.mark.all
def test_an_interrupted_prune_leaves_no_lock(varve):
    """Exit 130, and what was done so far is no harm."""
    history = History(varve, states=4, size=4_000_000)
    varve("forget", "--keep-last", 2)
    end_at(varve, "new packs", signal.SIGINT, 130)
    assert not list((varve.path / "locks").iterdir())
    history.expect_whole()
    varve("prune", "--max-unused", 0)
    history.expect_clean()


@pytest.mark.all
def test_a_million_blobs_take_a_hundred_megabytes(varve, tmp_path):
    """What every command holds that needs the index; and prune, a byte or so more for each blob."""
    new_repository(varve)
    (tmp_path / "file").write_text("a file\n")
    varve.restic("backup", "--no-cache", tmp_path / "file")
    write_big_index(Sealer(varve), 1_000_000)
    listed = measured(varve, "ls", "latest")
    planned = measured(varve, "prune", "--dry-run")
    print(f"ls {listed} MiB, prune {planned} MiB")
    assert 0 < listed < 95
    assert planned < 115
