"""Folders with everything that a file system has, and what can be said of a folder to compare it with another."""
import hashlib
import os
import random
import stat

ROOT = os.geteuid() == 0
AT = 981173106_123456789


def fill(folder, seed=1):
    """Makes `folder`, with one of everything that a snapshot keeps."""
    noise = random.Random(seed)
    (folder / "sub" / "deeper").mkdir(parents=True)
    (folder / "empty folder").mkdir()
    (folder / "a").write_bytes(b"hello\n")
    (folder / "empty").touch()
    (folder / "sub" / "noise").write_bytes(noise.randbytes(3_000_000))
    (folder / "sub" / "twice").write_bytes((folder / "sub" / "noise").read_bytes())
    (folder / "sub" / "deeper" / "text.txt").write_text("".join(f"line {i}\n" for i in range(100_000)))
    with open(folder / "sparse", "wb") as file:
        file.write(b"begin")
        file.truncate(7_000_000)
        file.seek(5_000_000)
        file.write(b"end")
    (folder / "link").symlink_to("a")
    (folder / "dangling").symlink_to("/no/such/place")
    os.link(folder / "a", folder / "hard")
    os.link(folder / "a", folder / "sub" / "hard too")
    os.mkfifo(folder / "fifo")
    for name in (b"bytes \xff\xfe", b"line\nbreak", b"tab\t", b'quote" and \\', b"\xc3\xa9t\xc3\xa9 <&>", b"[brackets]*?"):
        (folder / os.fsdecode(name)).write_bytes(name)
    (folder / "sub" / "non-utf8 link").symlink_to(os.fsdecode(b"to \xff"))
    for name, value in (("user.note", b"a value"), ("user.bytes", b"\x00\xff\x80")):
        os.setxattr(folder / "sub" / "noise", name, value)
        os.setxattr(folder / "sub", name, value)
    if ROOT:
        os.mknod(folder / "device", stat.S_IFCHR | 0o640, os.makedev(1, 3))
        os.mknod(folder / "block device", stat.S_IFBLK | 0o600, os.makedev(7, 200))
        os.chown(folder / "sub" / "noise", 1234, 4321)
        os.chown(folder / "link", 1234, 4321, follow_symlinks=False)
    (folder / "sub" / "twice").chmod(0o4751)
    (folder / "sub" / "deeper").chmod(0o2711)
    (folder / "empty folder").chmod(0o1777)
    (folder / "sub" / "deeper" / "text.txt").chmod(0o400)
    for name in ("sub/noise", "link", "sub/deeper", "fifo", "empty folder"):
        os.utime(folder / name, ns=(AT, AT), follow_symlinks=False)
    return folder


def facts(path):
    """Everything that a restore brings back of one entry."""
    info = os.lstat(path)
    found = {"mode": oct(info.st_mode), "owner": (info.st_uid, info.st_gid), "mtime": info.st_mtime_ns,
             "xattrs": {name: os.getxattr(path, name, follow_symlinks=False)
                        for name in os.listxattr(path, follow_symlinks=False)}}
    if stat.S_ISREG(info.st_mode):
        found["content"] = hashlib.sha256(open(path, "rb").read()).hexdigest()
        found["size"] = info.st_size
    elif stat.S_ISLNK(info.st_mode):
        found["target"] = os.fsencode(os.readlink(path))
    elif stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
        found["device"] = info.st_rdev
    return found


def contents(folder):
    """Every path below `folder` with its facts; hard links are named by the first name of their file."""
    found, first = {}, {}
    for parent, folders, files in os.walk(os.fsencode(folder)):
        folders.sort()
        for name in sorted(folders + files):
            path = os.path.join(parent, name)
            relative = os.path.relpath(path, os.fsencode(folder))
            found[relative] = facts(path)
            info = os.lstat(path)
            if stat.S_ISREG(info.st_mode) and info.st_nlink > 1:
                found[relative]["same as"] = first.setdefault((info.st_dev, info.st_ino), relative)
    return found


def differences(one, other):
    """What is not the same in two `contents`, for a failed assertion to show."""
    return {path: (one.get(path), other.get(path)) for path in one.keys() | other.keys() if one.get(path) != other.get(path)}


def holes(path):
    """How many bytes of a file take no room."""
    info = os.lstat(path)
    return max(0, info.st_size - info.st_blocks * 512)
