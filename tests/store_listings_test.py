"""Listings that lack what is there, or end in the middle: nothing goes for them, in a store or in the cache."""
import json
import re

import pytest

from harness.http_proxy import cuts, leaves_out, shortens
from support.disturbed import A_FILE, REMOVING, disturbed, expect_whole, grow

pytestmark = pytest.mark.all

FAILED = 1


def a_listing(method, path):
    return method == "GET" and not re.search(A_FILE + "|auth", path)


def names_in_listings(varve, through, proxy, kind):
    """Of all files of a kind, as the store lists them."""
    names = set()

    def note(request):
        answer = request.ask()
        names.update(re.findall(r"[0-9a-f]{64}", answer[2].decode()))
        request.give(*answer)
    proxy.disturb(note, when=lambda method, path: a_listing(method, path) and kind in path)
    varve("check", "--no-lock", env=through)
    proxy.calm()
    return sorted(names)


@pytest.mark.parametrize("disturbed", REMOVING, indirect=True)
@pytest.mark.parametrize("kind, words", [("data", "is missing"), ("index", "in no index")])
def test_nothing_goes_for_a_listing_that_leaves_files_out(disturbed, tmp_path, kind, words):
    """RULES 25: it looks whole, and lacks files that are there."""
    varve, through, proxy = disturbed
    for number in range(4):
        grow(tmp_path / "folder", f"{number}")
        varve("backup", "files", "folder", cwd=tmp_path)
    names = names_in_listings(varve, through, proxy, kind)
    assert len(names) >= 4
    for hidden in (names[:1], names[1:3], names):
        proxy.disturb(leaves_out(hidden), when=a_listing)
        checked = varve("check", env=through, code=FAILED)
        assert proxy.struck and words in checked.stdout, checked
        for command in (["prune"], ["prune", "--max-unused", "0"], ["prune", "--dry-run"]):
            refused = varve(*command, env=through, code=FAILED)
            assert ("is missing" if kind == "data" else "is in no pack") in refused.stderr and "nothing was removed" in refused.stderr, refused
        if kind == "data":
            assert all(name[:8] in checked.stdout + checked.stderr for name in hidden), checked
        proxy.calm()
        assert names_in_listings(varve, through, proxy, kind) == names, "nothing was removed, and nothing added"
    expect_whole(varve, 4)


@pytest.mark.parametrize("disturbed", REMOVING, indirect=True)
def test_what_is_kept_near_stays_for_a_listing_that_leaves_files_out(disturbed, tmp_path):
    """What it lacks is asked for by name before it goes."""
    varve, through, proxy = disturbed
    for number in range(3):
        grow(tmp_path / "folder", f"{number}")
        varve("backup", "files", "folder", cwd=tmp_path)
    listed = varve("ls", "latest").stdout
    kept = lambda: {path for path in (tmp_path / "cache").glob("*/*/*/*") if len(path.name) == 64}
    before = kept()
    assert {path.parents[1].name for path in before} == {"index", "snapshots", "data"}
    proxy.disturb(leaves_out([path.name for path in before]), when=a_listing)
    assert json.loads(varve("snapshots", "--json", env=through).stdout) == []
    varve("ls", "latest", env=through, code=FAILED)
    assert proxy.struck
    proxy.calm()
    assert kept() == before
    assert varve("ls", "latest").stdout == listed


def test_half_a_listing_is_none(disturbed, tmp_path):
    """RULES 25: nothing is missing because a listing was cut, and nothing goes for it."""
    varve, through, proxy = disturbed
    for number in range(3):
        grow(tmp_path / "folder", f"{number}")
        varve("backup", "files", "folder", cwd=tmp_path)
    for fault in (shortens, cuts):
        for words in (["snapshots"], ["check"], ["prune", "--dry-run"], ["forget", "--keep-last", "2", "--dry-run"]):
            proxy.disturb(fault, when=a_listing)
            done = varve(*words, "--no-cache", "--retry-for", "1s", env=through, code=FAILED)
            assert proxy.struck and "list" in done.stderr, (words, done)
    proxy.calm()
    expect_whole(varve, 3)
