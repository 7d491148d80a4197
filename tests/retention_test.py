"""`forget` keeps the same snapshots as restic does, for the same reasons, and removes nothing by accident."""
import json
import random
import socket
import subprocess

import pytest

from support.histories import ZONES, decisions, history, policy
from support.runs import new_repository
from support.sealed import Sealer

HOSTS = 20


@pytest.fixture
def repository(varve):
    new_repository(varve)
    return varve


def snapshots(varve, *args):
    return json.loads(varve("snapshots", "--json", *args).stdout)


def compare(varve, seed, stock):
    """One repository with twenty histories, one policy; how many histories were compared."""
    noise = random.Random(seed)
    for path in (varve.path / "snapshots").iterdir():
        path.unlink()
    sealer = Sealer(varve)
    for number in range(HOSTS):
        for fields in history(noise, f"host-{number}"):
            sealer.snapshot(**fields)
    args = ["forget", "--dry-run", "--no-lock", "--json", *policy(noise)]
    env = {"TZ": noise.choice(ZONES)}
    most = "unlimited" if stock == "restic" else 100_000  # restic 0.14 does not know the word
    theirs = getattr(varve, stock)(*(most if arg == "unlimited" else arg for arg in args), "--no-cache", env=env, code=(0, 1))
    ours = varve(*args, env=env, code=(0, 1))
    if stock == "restic_old" and ours.code == 1:  # it would remove the last snapshot of a group
        assert "keeps no snapshot of" in ours.stderr
        return 0
    assert ours.code == theirs.code, f"seed {seed}\n{ours}\n{theirs}"
    if theirs.code == 1:
        assert "refusing to delete last snapshot" in theirs.stderr and "keeps no snapshot of" in ours.stderr
        return 0
    # restic 0.14 does not keep the oldest snapshot for counts that are left.
    known = (lambda words: not words.startswith("oldest")) if stock == "restic_old" else (lambda words: True)
    wanted, got = decisions(theirs.stdout, known), decisions(ours.stdout, known)
    assert got == wanted, f"seed {seed}: TZ={env['TZ']} {' '.join(map(str, args))}"
    return HOSTS


@pytest.mark.parametrize("seed", range(2))
def test_the_same_snapshots_are_kept_as_by_restic(repository, seed):
    """Forty random histories of a push's tests; groups, reasons, and what is removed."""
    assert compare(repository, seed, "restic") == HOSTS


@pytest.mark.all
@pytest.mark.parametrize("stock", ["restic", "restic_old"])
def test_the_same_snapshots_are_kept_on_a_thousand_histories(repository, stock):
    """Both versions of restic, in many time zones."""
    compared, seed = 0, 100
    while compared < 1000:
        compared += compare(repository, seed, stock)
        seed += 1
    assert seed < 100 + 60, "most policies keep something"


def make(varve, *moments, **fields):
    sealer = Sealer(varve)
    return [sealer.snapshot(time=moment, hostname="shop", **fields) for moment in moments]


DAYS = [f"2026-05-{day:02}T10:00:00Z" for day in range(1, 11)]


def test_forget_removes_what_the_policy_does_not_keep(repository):
    make(repository, *DAYS)
    result = repository("forget", "--keep-daily", 3)
    assert "3 kept, 7 removed" in result.stdout and "daily snapshot" in result.stdout
    assert [s["time"] for s in snapshots(repository)] == DAYS[-3:]
    assert repository.restic("snapshots", "--json").stdout.count('"id"') == 3
    repository("forget", "-l", 2, "-H", 1, "-d", 1, "-w", 1, "-m", 1, "-y", 1)
    assert [s["time"] for s in snapshots(repository)] == DAYS[-2:]
    assert not list((repository.path / "locks").iterdir())


def test_forget_removes_the_snapshots_that_are_named(repository):
    ids = make(repository, *DAYS)
    repository("forget", ids[0], ids[3][:10], ids[0])
    result = repository("forget", "latest", "--json")
    assert result.events[-1]["removed_snapshots"] == [ids[9]] and result.events[-1]["exit_code"] == 0
    assert {s["id"] for s in snapshots(repository)} == set(ids) - {ids[0], ids[3], ids[9]}
    assert "there is no snapshot" in repository("forget", ids[1], ids[0], code=1).stderr
    repository("forget", ids[1], "--host", "shop", code=1)
    assert len(snapshots(repository)) == 7, "where one word is wrong, nothing is removed"


def test_forget_chooses_by_host_path_and_tag(repository):
    make(repository, *DAYS[:3], tags=["a"])
    make(repository, *DAYS[3:6], tags=["b"], paths=["/other"])
    repository("forget", "--keep-last", 1, "--tag", "a")
    assert len(snapshots(repository)) == 4
    repository("forget", "--keep-last", 1, "--path", "/other", "--dry-run")
    assert len(snapshots(repository)) == 4
    repository("forget", "--keep-last", 1, "--host", "nobody")
    assert len(snapshots(repository)) == 4
    repository("forget", "--keep-last", 1, "--group-by", "")
    assert [s["time"] for s in snapshots(repository)] == [DAYS[5]]


def test_nothing_is_removed_without_a_policy(repository):
    make(repository, *DAYS)
    assert "no policy was given" in repository("forget", code=1).stderr
    repository("forget", "--unsafe-allow-remove-all", code=1)
    repository("forget", "--keep-tag", "nobody-has-it", code=1)
    repository("forget", "--keep-daily", 0, code=1)
    for wrong in (["--keep-last", "two"], ["--keep-last=-2"], ["--keep-within", "1w"], ["--group-by", "user"], ["--max-unused", "x"],
                  ["--keep-last", 1, "--no-lock"]):
        repository("forget", *wrong, code=1)
    assert len(snapshots(repository)) == 10
    repository("forget", "--keep-last=-1")
    assert len(snapshots(repository)) == 10
    repository("forget", "--unsafe-allow-remove-all", "--host", "shop")
    assert snapshots(repository) == []


def test_a_snapshot_that_cannot_be_removed_is_named(repository):
    """Exit 3: the others are gone, and the data is not pruned."""
    ids = make(repository, *DAYS[:3])
    stuck = repository.path / "snapshots" / ids[0]
    if subprocess.run(["chattr", "+i", stuck], capture_output=True, check=False).returncode != 0:
        pytest.skip("files cannot be made immutable here")
    try:
        result = repository("forget", "--keep-last", 1, "--prune", code=3)
    finally:
        subprocess.run(["chattr", "-i", stuck], check=True)
    assert ids[0][:8] in result.stderr
    assert {s["id"] for s in snapshots(repository)} == {ids[0], ids[2]}


@pytest.mark.parametrize("args", [["--keep-last", 1], ["latest"]])
def test_forget_waits_for_nobody(repository, args):
    """A shared lock of anybody who lives keeps it out: exit 11."""
    ids = make(repository, *DAYS)
    lock = Sealer(repository).lock(socket.gethostname(), exclusive=False)
    assert "locked" in repository("forget", *args, code=11).stderr
    assert len(snapshots(repository)) == len(ids)
    repository("forget", *args, "--dry-run", "--no-lock")
    lock.unlink()
    repository("forget", *args)
