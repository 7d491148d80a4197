"""A store behind a proxy that can disturb it, as a fixture for tests to import, and what such tests do again and again."""
import json
import os

import pytest

from harness.http_proxy import HttpProxy
from harness.stores import Azurite
from support.stores import KINDS, at_store, sound

HTTP = ["s3", "rest", "append-only", "swift", "azure", "google"]
REMOVING = [kind for kind in HTTP if kind != "append-only"]
A_FILE = r"[0-9a-f]{64}|config$|config\?"


@pytest.fixture(params=HTTP)
def disturbed(request, authority, tmp_path):
    """(varve, the environment in which it goes through the proxy, the proxy)."""
    with (Azurite() if request.param == "azure" else KINDS[request.param](authority)) as store, HttpProxy(store) as proxy:
        varve = at_store(tmp_path, store, "shop")
        varve("init")
        (tmp_path / "folder").mkdir()
        yield varve, {name: value.replace(store.host, proxy.host) for name, value in varve.env.items()}, proxy


def grow(folder, name):
    (folder / name).write_bytes(os.urandom(300_000))


def expect_whole(varve, count):
    """Stock restic reaches Azurite by TLS only."""
    if varve.env["RESTIC_REPOSITORY"].startswith("azure"):
        varve("check", "--read-data")
    else:
        sound(varve)
        assert not varve.restic("list", "locks").lines
    assert len(json.loads(varve("snapshots", "--json").stdout)) == count
