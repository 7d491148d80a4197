"""Stock restic mounts what varve wrote, where the machine lets anybody mount."""
import filecmp
import os
import subprocess
import time

import pytest

from harness.tools import Varve, restic14, restic19
from support.runs import new_repository

pytestmark = pytest.mark.all


def opens_fuse():
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
        return True
    except OSError:
        return False


def same(left, right):
    """Every name, kind and byte."""
    compared = filecmp.dircmp(left, right)
    assert not (compared.left_only or compared.right_only or compared.funny_files)
    _, differ, unreadable = filecmp.cmpfiles(left, right, compared.common_files, shallow=False)
    assert not (differ or unreadable)
    for name in compared.common_dirs:
        same(left / name, right / name)


@pytest.mark.skipif(not opens_fuse(), reason="/dev/fuse does not open here")
@pytest.mark.parametrize("restic", [restic19, restic14])
def test_restic_mounts_it(tmp_path, restic):
    varve = Varve(tmp_path)
    new_repository(varve)
    source, mountpoint = tmp_path / "source", tmp_path / "mount"
    (source / "folder").mkdir(parents=True)
    mountpoint.mkdir()
    (source / "large").write_bytes(os.urandom(3_000_000))
    (source / "folder" / "small").write_text("small")
    varve("backup", "files", source)
    mount = subprocess.Popen([restic(), "mount", mountpoint], env=varve.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        seen = mountpoint / "snapshots" / "latest" / source.relative_to("/")
        deadline = time.monotonic() + 30
        while not seen.exists():
            assert mount.poll() is None and time.monotonic() < deadline, mount.stderr.read().decode()
            time.sleep(0.05)
        same(source, seen)
    finally:
        subprocess.run(["umount", mountpoint], check=False)
        mount.terminate()
        mount.wait(timeout=30)
