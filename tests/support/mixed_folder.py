"""A folder to back up, and how to compare what came back."""
import os
import random
from pathlib import Path


def fill(folder):
    """Files of every kind that restic keeps without root's rights, names that need quoting, and two that share content."""
    noise = random.Random(5).randbytes(2_500_000)
    text = "".join(f"line {number} of a text\n" for number in range(20_000)).encode()
    files = {
        "noise": noise, "sub/noise copy": noise, "text": text, "empty": b"", "sub/empty": b"", "small": b"12345",
        "sub/object.o": b"object", "deep/er/OBJECT.O": b"upper", "deep/er/caf\u00e9 \"x\" <&>": b"quoted",
        "secret/key": b"secret", "deep/secret/other": b"secret too", "cache/one": b"1", "cache/two": b"2",
    }
    for name, content in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    os.link(Path(folder) / "text", Path(folder) / "sub" / "link")
    os.symlink("text", Path(folder) / "symlink")
    os.mkfifo(Path(folder) / "fifo")
    (Path(folder) / "small").chmod(0o4711)
    os.utime(Path(folder) / "empty", ns=(10**18, 10**18 + 1))


def content(folder):
    """Path to bytes, of every regular file below it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(Path(folder).rglob("*"))
            if path.is_file() and not path.is_symlink()}
