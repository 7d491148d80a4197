"""What a run of the program takes in memory."""
import os
import re
import threading
from pathlib import Path

from support.hold import finish


class Watch(threading.Thread):
    """Reads the peak of a process's resident memory until it ends; and what it puts into `folder`, in files with names and,
    `unnamed_mb`, without."""

    def __init__(self, process, folder):
        super().__init__(daemon=True)
        self.process, self.folder, self.peak_mb, self.files, self.unnamed_mb = process, folder, 0, set(), 0
        self.start()

    def run(self):
        while self.process.poll() is None:
            try:
                found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())
            except (FileNotFoundError, ProcessLookupError):
                return
            if found:
                self.peak_mb = int(found[1]) // 1024
            self.files |= set(self.folder.iterdir())
            self._see_unnamed()

    def _see_unnamed(self):
        try:
            for file in Path(f"/proc/{self.process.pid}/fd").iterdir():
                link = os.readlink(file)
                if link.startswith(str(self.folder)) and link.endswith("(deleted)"):
                    self.unnamed_mb = max(self.unnamed_mb, file.stat().st_size >> 20)
        except (FileNotFoundError, ProcessLookupError):
            pass  # closed meanwhile


def measured(varve, *args):
    """Runs it with an empty TMPDIR; its peak memory in MB."""
    folder = varve.folder / "tmp"
    folder.mkdir(exist_ok=True)
    process = varve.start(*args, env={"TMPDIR": str(folder)})
    watch = Watch(process, folder)
    finish(process, seconds=280)
    watch.join()
    assert not watch.files, "temporary files were made"
    return watch.peak_mb
