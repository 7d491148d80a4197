"""Stores that answer what they should not: each run succeeds or says why it does not, and what is stored stays whole."""
import os
import re

import pytest

from harness.http_proxy import HttpProxy, answers, cuts, flips, loses, shortens
from support.mixed_folder import content
from support.repositories import snapshots
from support.stores import KINDS, at_store, sound

pytestmark = pytest.mark.all

FAILED = 1
HTTP = ["s3", "rest", "append-only", "swift", "azure", "google"]
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
NOW_AND_THEN = {"500": answers(500), "503": answers(503, {"Retry-After": "1"}, SLOW_DOWN), "429": answers(429, {"Retry-After": "1"}),
                "lost": loses, "cut": cuts, "short": shortens, "another bit": flips}
FOR_GOOD = {"500": answers(500, body=b"<html>an error of something that stands before it</html>"), "503": answers(503, {}, SLOW_DOWN),
            "429": answers(429), "403": answers(403), "short": shortens, "another bit": flips, "reset": lambda request: request.reset()}


@pytest.fixture(params=HTTP)
def disturbed(request, authority, tmp_path):
    """(varve, the environment in which it goes through the proxy, the proxy)."""
    with KINDS[request.param](authority) as store, HttpProxy(store) as proxy:
        varve = at_store(tmp_path, store, "shop")
        varve.env |= {"RESTIC_CACHE_DIR": str(tmp_path / "no cache")}
        varve("init")
        (tmp_path / "folder").mkdir()
        yield varve, {name: value.replace(store.host, proxy.host) for name, value in varve.env.items()}, proxy


def grow(folder, name):
    (folder / name).write_bytes(os.urandom(300_000))


def test_what_goes_wrong_now_and_then_is_made_good(disturbed, tmp_path):
    """An answer that was lost is looked for, one that is wrong is asked for again; also of a POST where nothing may be overwritten."""
    varve, through, proxy = disturbed
    for name, fault in NOW_AND_THEN.items():
        grow(tmp_path / "folder", name)
        proxy.disturb(fault, every=4)
        varve("backup", "files", "folder", "--no-cache", env=through, cwd=tmp_path)
        varve("restore", f"latest:{tmp_path / 'folder'}", "--target", tmp_path / f"restored {name}", "--no-cache", env=through)
        assert proxy.struck >= 2, name
        proxy.calm()
        assert content(tmp_path / f"restored {name}") == content(tmp_path / "folder"), name
    sound(varve)
    assert len(snapshots(varve)) == len(NOW_AND_THEN)
    assert not varve.restic("list", "locks").lines


def test_what_stays_wrong_ends_a_backup_with_a_sentence(disturbed, tmp_path):
    """From the first pack on: nothing that was stored is lost, nothing half done is seen, and the next backup is whole."""
    varve, through, proxy = disturbed
    grow(tmp_path / "folder", "first")
    varve("backup", "files", "folder", cwd=tmp_path)
    for name, fault in FOR_GOOD.items():
        grow(tmp_path / "folder", name)
        proxy.disturb(fault, when=lambda method, path: method in ("PUT", "POST") and "lock" not in path and "auth" not in path)
        done = varve("backup", "files", "folder", "--no-cache", "--retry-for", "2s", env=through, cwd=tmp_path, code=(0, FAILED))
        proxy.calm()
        assert proxy.struck, name
        if name in ("short", "another bit"):  # the answer to what stores a file is none that matters, at most stores
            continue
        assert done.code == FAILED, (name, done)
        assert re.search(r"data/|index/|snapshots/", done.stderr) and (name in done.stderr or name == "reset"), done.stderr
        varve("check")
    before = len(snapshots(varve))
    varve("backup", "files", "folder", cwd=tmp_path)
    sound(varve)
    assert len(snapshots(varve)) == before + 1
    varve("restore", f"latest:{tmp_path / 'folder'}", "--target", tmp_path / "restored")
    assert content(tmp_path / "restored") == content(tmp_path / "folder")


def test_half_a_listing_is_none(disturbed, tmp_path):
    """RULES 25: nothing is missing because a listing was cut, and nothing goes for it."""
    varve, through, proxy = disturbed
    for number in range(3):
        grow(tmp_path / "folder", f"{number}")
        varve("backup", "files", "folder", cwd=tmp_path)
    listing = lambda method, path: method == "GET" and not re.search(r"[0-9a-f]{64}|config$|auth|config\?", path)
    for fault in (shortens, cuts):
        for words in (["snapshots"], ["check"], ["prune", "--dry-run"], ["forget", "--keep-last", "2", "--dry-run"]):
            proxy.disturb(fault, when=listing)
            done = varve(*words, "--no-cache", "--retry-for", "1s", env=through, code=FAILED)
            assert proxy.struck and "list" in done.stderr, (words, done)
    proxy.calm()
    sound(varve)
    assert len(snapshots(varve)) == 3
