"""Stores that answer what they should not: each run succeeds or says why it does not, and what is stored stays whole."""
import os
import re

import pytest

from harness.http_proxy import answers, cuts, flips, loses, shortens
from support.disturbed import A_FILE, REMOVING, disturbed, expect_whole, grow
from support.mixed_folder import content

pytestmark = pytest.mark.all

FAILED, INCOMPLETE = 1, 3
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
MADE_GOOD = {"500": answers(500), "503": answers(503, {"Retry-After": "1"}, SLOW_DOWN), "429": answers(429, {"Retry-After": "1"}),
             "lost": loses, "cut": cuts}
SEEN = {"short": shortens, "another bit": flips}
FOR_GOOD = {"500": answers(500, body=b"<html>an error of something that stands before it</html>"), "503": answers(503, {}, SLOW_DOWN),
            "429": answers(429), "403": answers(403), "short": shortens, "another bit": flips, "reset": lambda request: request.reset()}


def test_what_goes_wrong_now_and_then_is_made_good(disturbed, tmp_path):
    """An answer that was lost is looked for; also of a POST where nothing may be overwritten."""
    varve, through, proxy = disturbed
    for name, fault in MADE_GOOD.items():
        grow(tmp_path / "folder", name)
        proxy.disturb(fault, every=4)
        varve("backup", "files", "folder", "--no-cache", env=through, cwd=tmp_path)
        varve("restore", "latest:/folder", "--target", tmp_path / f"restored {name}", "--no-cache", env=through)
        assert proxy.struck >= 2, name
        proxy.calm()
        assert content(tmp_path / f"restored {name}") == content(tmp_path / "folder"), name
    expect_whole(varve, len(MADE_GOOD))


@pytest.mark.parametrize("name", SEEN)
def test_bytes_that_are_not_those_that_were_stored_are_never_given_out(disturbed, tmp_path, name):
    """It succeeds, or says what it did not get."""
    varve, through, proxy = disturbed
    grow(tmp_path / "folder", "first")
    varve("backup", "files", "folder", cwd=tmp_path)
    saved = 1
    for number in range(4):
        grow(tmp_path / "folder", f"{name} {number}")
        # A name with another letter in a listing is no name, which nobody can tell from one that is not there.
        proxy.disturb(SEEN[name], every=3 + number, when=lambda method, path: name == "short" or re.search(A_FILE, path))
        done = varve("backup", "files", "folder", "--no-cache", "--retry-for", "5s", env=through, cwd=tmp_path, code=None)
        assert done.code == 0 or re.search("error: |warning: ", done.stderr), done
        saved += done.code in (0, INCOMPLETE)
        target = tmp_path / f"restored {number}"
        back = varve("restore", "latest:/folder", "--target", target, "--no-cache", "--retry-for", "5s", env=through, code=None)
        proxy.calm()
        assert back.code == 0 or "error: " in back.stderr, back
        if back.code == 0:
            restored, there = content(target), content(tmp_path / "folder")
            assert restored == there if done.code == 0 else restored.items() <= there.items(), done
    expect_whole(varve, saved)


def test_what_stays_wrong_ends_a_backup_with_a_sentence(disturbed, tmp_path):
    """From the first pack on: nothing that was stored is lost, nothing half done is seen, and the next backup is whole."""
    varve, through, proxy = disturbed
    grow(tmp_path / "folder", "first")
    varve("backup", "files", "folder", cwd=tmp_path)
    saved = 1
    for name, fault in FOR_GOOD.items():
        grow(tmp_path / "folder", name)
        proxy.disturb(fault, when=lambda method, path: method in ("PUT", "POST") and "lock" not in path and "auth" not in path)
        done = varve("backup", "files", "folder", "--no-cache", "--retry-for", "2s", env=through, cwd=tmp_path, code=(0, FAILED))
        proxy.calm()
        assert proxy.struck, name
        saved += done.code == 0
        if name in ("short", "another bit"):  # the answer to what stores a file is none that matters, at most stores
            continue
        assert done.code == FAILED, (name, done)
        assert re.search(r"data/|index/|snapshots/|locks/", done.stderr) and (name in done.stderr or name in ("403", "reset")), done.stderr
        varve("check")
    varve("backup", "files", "folder", cwd=tmp_path)
    expect_whole(varve, saved + 1)
    varve("restore", "latest:/folder", "--target", tmp_path / "restored")
    assert content(tmp_path / "restored") == content(tmp_path / "folder")


@pytest.mark.parametrize("disturbed", REMOVING, indirect=True)
@pytest.mark.parametrize("moment", ["a pack is stored", "a file is removed"])
def test_a_prune_goes_on_when_its_server_comes_back(disturbed, tmp_path, moment):
    """Killed at the first pack that it would store, and at the first file that it would remove."""
    varve, through, proxy = disturbed
    for number in range(6):
        (tmp_path / "folder" / f"{number}").write_bytes(os.urandom(3_000_000))
    varve("backup", "files", "folder", cwd=tmp_path)
    for number in range(3):
        (tmp_path / "folder" / f"{number}").unlink()
    varve("backup", "files", "folder", cwd=tmp_path)
    varve("forget", "--keep-last", "1")
    removes = lambda method, path: method == "DELETE" or "?delete" in path
    stores = lambda method, path: method in ("PUT", "POST") and re.search("data|upload", path) and not removes(method, path)
    google = varve.env["RESTIC_REPOSITORY"].startswith("gs:")  # whose names are in the body; the first is that of the lock

    def kill(request):
        varve.store.kill()
        request.reset()
    proxy.disturb(kill, every=2 if google and moment == "a pack is stored" else 1, when=stores if moment == "a pack is stored" else removes)
    process = varve.start("prune", "--max-unused", "0", "--no-cache", env=through)
    for line in process.stderr:
        if "trying again" in line:
            break
    assert proxy.struck, process.communicate()
    proxy.calm()
    varve.store.start_again()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    varve("restore", "latest:/folder", "--target", tmp_path / "restored")
    assert content(tmp_path / "restored") == content(tmp_path / "folder")
    expect_whole(varve, 1)
