"""What the system knows of running programs."""
import contextlib
from pathlib import Path


def running(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    return False


def children(pid, name):
    """Of all its threads."""
    found = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in listing.read_text().split()
                      if Path(f"/proc/{child}/comm").read_text().strip() == name]
    return found
