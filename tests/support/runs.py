"""Shorter ways to run varve in the tests."""
import hashlib
import json
import shutil
from pathlib import Path

from support.state import state

CHEAP = Path(__file__).with_name("cheap_repository")


def new_repository(varve):
    """An empty repository as `init` makes it, for the harness's usual password, but with a key that opens in no time: a real
    one costs half a second at every run. Every repository from here has the same master key."""
    shutil.copytree(CHEAP, varve.path)
    key = varve.path / "key.json"
    for number in range(256):
        (varve.path / "data" / f"{number:02x}").mkdir(parents=True)
    for name in ("keys", "index", "locks", "snapshots"):
        (varve.path / name).mkdir()
    key.rename(varve.path / "keys" / hashlib.sha256(key.read_bytes()).hexdigest())


def at(varve, uri, name="uri"):
    """`uri` as an @FILE argument, as the documentation tells users to do it."""
    path = varve.folder / f"{name}.uri"
    path.write_text(uri + "\n")
    path.chmod(0o600)
    return f"@{path}"


def back_up(varve, server, *args, code=0, source="shop", **options):
    """Backs it up, making the repository first if there is none; the summary."""
    if not varve.path.exists():
        new_repository(varve)
    return varve.json("backup", at(varve, server.uri, "source"), "--source", source, *args, code=code, **options)[-1]


def restore(varve, server, *args, code=0, snapshot="latest", **options):
    """The summary."""
    return varve.json("restore", snapshot, "--to", at(varve, server.uri, "target"), "--yes", *args, code=code, **options)[-1]


def verify(varve, server, *args, code=0, snapshot="latest"):
    """The summary."""
    return varve.json("verify", snapshot, "--against", at(varve, server.uri, "target"), *args, code=code)[-1]


def export(varve, name="export", snapshot="latest", *args, code=0):
    """Exports and returns the folder that mongorestore takes; where that would not bring all back, `code` is 3."""
    out = varve.folder / name
    varve("export", snapshot, "--out", out, *args, code=code)
    return out


def state_of(server, *databases, auth=True):
    with server.client() as client:
        return state(client, list(databases) or None, auth)


def nothing_is_left(varve):
    """No lock, and no snapshot: what was uploaded is garbage for prune at most."""
    assert not list((varve.path / "locks").iterdir()) and json.loads(varve("snapshots", "--json").stdout) == []
