"""Who may work beside whom, as restic's locks rule it: varve beside varve, and beside stock restic."""
import json
import os
import signal
import subprocess
import time

import pytest

from harness.tools import Varve, restic19, varve_binary
from support.repositories import lock_held_by
from support.runs import new_repository

LOCKED = 11

# What each command asks for. The rest of the words make it a call that would do something.
SHARED = {
    "backup": ["backup", "files", "{source}"],
    "restore": ["restore", "latest", "--target", "{out}"],
    "dump": ["dump", "latest", "{source}/file"],
    "ls": ["ls", "latest"],
    "find": ["find", "file"],
    "diff": ["diff", "latest", "latest"],
    "stats": ["stats"],
    "snapshots": ["snapshots"],
    "cat": ["cat", "config"],
    "key list": ["key", "list"],
    "copy": ["copy", "--from-repo", "{other}", "--from-password-file", "{password}"],
    "rewrite": ["rewrite", "--exclude", "nothing"],
}
EXCLUSIVE = {
    "check": ["check"],
    "prune": ["prune"],
    "forget": ["forget", "--keep-last", "1"],
    "tag": ["tag", "--add", "x"],
    "rewrite --forget": ["rewrite", "--forget", "--exclude", "file"],
    "key passwd": ["key", "passwd", "--new-password-file", "{password}"],
    "repair index": ["repair", "index"],
    "repair snapshots": ["repair", "snapshots", "--forget"],
}
WRITES_NOT = ["restore", "dump", "ls", "find", "diff", "stats", "snapshots", "cat", "key list", "check"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A repository with two snapshots of a folder, and another one to copy from."""
    varve, other = Varve(tmp_path_factory.mktemp("locks")), Varve(tmp_path_factory.mktemp("other"))
    source = varve.folder / "source"
    source.mkdir()
    for one in (varve, other):
        new_repository(one)
        for text in ("first", "second"):
            (source / "file").write_text(text)
            one.restic("backup", source)
    words = {"source": source, "out": varve.folder / "out", "other": other.path, "password": varve.password_file}
    return varve, words


@pytest.fixture
def locks_cleared(saved):
    yield
    saved[0].restic("unlock", "--remove-all")


def call(saved, words, code):
    varve, values = saved
    return varve(*(word.format(**values) for word in words), code=code)


@pytest.mark.parametrize("name", EXCLUSIVE)
def test_a_shared_lock_keeps_out_who_wants_it_alone(saved, name, locks_cleared):
    with lock_held_by(saved[0], restic19(), "backup", "--stdin") as holder:
        before = sorted((saved[0].path / "snapshots").iterdir())
        refused = call(saved, EXCLUSIVE[name], LOCKED)
        assert "locked" in refused.stderr and str(holder.pid) in refused.stderr, refused
        assert sorted((saved[0].path / "snapshots").iterdir()) == before
        assert len(list((saved[0].path / "locks").iterdir())) == 1  # nothing of ours is left


@pytest.mark.parametrize("name", SHARED)
def test_a_shared_lock_lets_others_share(saved, name, locks_cleared):
    with lock_held_by(saved[0], restic19(), "backup", "--stdin"):
        call(saved, SHARED[name], 0)
        assert len(list((saved[0].path / "locks").iterdir())) == 1


@pytest.mark.parametrize("words", [SHARED["rewrite"], EXCLUSIVE["rewrite --forget"], EXCLUSIVE["repair snapshots"]], ids=" ".join)
def test_who_only_says_what_it_would_do_asks_for_no_lock(saved, words, locks_cleared):
    """As in restic."""
    varve, values = saved
    words = [*(word.format(**values) for word in words), "--dry-run"]
    with lock_held_by(varve, restic19(), "check", "--read-data"):
        for program in (varve.restic, varve):
            program(*words)
        assert len(list((varve.path / "locks").iterdir())) == 1


@pytest.mark.parametrize("name", [*SHARED, *EXCLUSIVE])
def test_an_exclusive_lock_keeps_everybody_out(saved, name, locks_cleared):
    with lock_held_by(saved[0], restic19(), "check", "--read-data"):
        call(saved, {**SHARED, **EXCLUSIVE}[name], LOCKED)


@pytest.mark.parametrize("name", WRITES_NOT)
def test_readers_can_go_without(saved, name, locks_cleared):
    with lock_held_by(saved[0], restic19(), "check", "--read-data"):
        call(saved, [*{**SHARED, **EXCLUSIVE}[name], "--no-lock"], 0)


def test_a_lock_can_be_waited_for(saved, locks_cleared):
    varve, _ = saved
    with lock_held_by(varve, restic19(), "check", "--read-data") as holder:
        waiting = varve.start("snapshots", "--retry-lock", "1m")
        time.sleep(1)
        assert waiting.poll() is None
        os.kill(holder.pid, signal.SIGCONT)  # it ends and takes its lock away
        assert waiting.wait(timeout=90) == 0


@pytest.mark.parametrize("held, refused", [
    (["check", "--read-data"], ["backup", "{source}"]),
    (["check", "--read-data"], ["prune"]),
    (["backup", "stdin", "--name", "x"], ["prune"]),
])
def test_restic_is_kept_out_by_varve(saved, held, refused, locks_cleared):
    varve, values = saved
    with lock_held_by(varve, varve_binary(), *held):
        varve.restic(*(word.format(**values) for word in refused), code=LOCKED)


def test_a_backup_that_has_lost_its_lock_saves_nothing(saved, locks_cleared):
    """Somebody took its lock away, so a prune may be removing what it counts on: exit 11 and why, not "interrupted"."""
    varve, _ = saved
    before = sorted((varve.path / "snapshots").iterdir())
    process = subprocess.Popen([varve_binary(), "backup", "stdin", "--json"], env=varve.env, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not any(len(path.name) == 64 for path in (varve.path / "locks").iterdir()):
        assert process.poll() is None and time.monotonic() < deadline, "it took no lock"
    varve.restic("unlock", "--remove-all")
    _, err = process.communicate("something", timeout=60)
    assert process.returncode == LOCKED and "removed by somebody else" in json.loads(err.splitlines()[-1])["message"], err
    assert sorted((varve.path / "snapshots").iterdir()) == before
