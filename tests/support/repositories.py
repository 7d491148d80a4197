"""What tests of two programs at work on one repository ask it."""
import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from datetime import datetime

from harness.tools import restic19


def snapshots(repository):
    """As stock restic lists them, oldest first."""
    listed = json.loads(repository.restic("snapshots", "--json").stdout)
    return sorted(listed, key=lambda snapshot: datetime.fromisoformat(snapshot["time"]))  # which may be in any zone


def fields(snapshot, *left_out):
    """A snapshot without its names, which differ wherever it is saved anew."""
    return {key: value for key, value in snapshot.items() if key not in {"id", "short_id", *left_out}}


def expect_sound(repository):
    """Both stock restics read every byte and find nothing wrong."""
    for stock in (repository.restic, repository.restic_old):
        assert "no errors were found" in stock("check", "--read-data").stdout


def damage(path, offset=None):
    """Flips a bit of a stored file."""
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if offset is None else offset] ^= 1
    path.write_bytes(content)


def place_of(repository, blob):
    """(path of the pack, offset) of a blob."""
    for index in (repository.path / "index").iterdir():
        for pack in json.loads(repository.restic("cat", "index", index.name).stdout)["packs"]:
            for entry in pack["blobs"]:
                if entry["id"] == blob:
                    return repository.path / "data" / pack["id"][:2] / pack["id"], entry["offset"]
    raise AssertionError(f"no index names blob {blob}")


def damage_blob(repository, blob):
    pack, offset = place_of(repository, blob)
    damage(pack, offset + 20)


def tree_of(repository, snapshot, path):
    """The id of a folder's tree."""
    parent, name = str(path).rsplit("/", 1)
    nodes = json.loads(repository.restic("cat", "tree", f"{snapshot}:{parent}").stdout)["nodes"]
    return next(node["subtree"] for node in nodes if node["name"] == name)


def largest_pack(repository):
    return max((path for path in (repository.path / "data").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def holds_lock(repository):
    """Whether a lock is there; one that is being written does not count."""
    return any(len(path.name) == 64 for path in (repository.path / "locks").iterdir())


def _stopped_with_lock(repository, command):
    """A program that holds a lock and stands still; None if it was faster than we are."""
    process = subprocess.Popen(list(map(str, command)), env=repository.env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not holds_lock(repository) and process.poll() is None:
        assert time.monotonic() < deadline, "it took no lock"
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    if process.poll() is None and holds_lock(repository):
        return process
    process.kill()
    process.wait()
    return None


@contextmanager
def lock_held_by(repository, *command):
    """While a program, which stands still meanwhile, holds a lock. The lock stays behind."""
    found = (_stopped_with_lock(repository, command) for _ in range(10))
    process = next((process for process in found if process), None)
    assert process, "it had finished each time"
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def locked(repository):
    """While another program, which stands still, holds an exclusive lock."""
    try:
        with lock_held_by(repository, restic19(), "check", "--read-data") as holder:
            yield holder
    finally:
        for path in (repository.path / "locks").iterdir():
            path.unlink()
