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


@contextmanager
def locked(repository):
    """While another program, which stands still, holds an exclusive lock."""
    holder = subprocess.Popen([str(restic19()), "check", "--read-data"], env=repository.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not any(len(path.name) == 64 for path in (repository.path / "locks").iterdir()):
            assert holder.poll() is None and time.monotonic() < deadline, "it took no lock"
        os.kill(holder.pid, signal.SIGSTOP)
        assert any(len(path.name) == 64 for path in (repository.path / "locks").iterdir()), "it had finished already"
        yield
    finally:
        holder.kill()
        holder.wait()
        for path in (repository.path / "locks").iterdir():
            path.unlink()
