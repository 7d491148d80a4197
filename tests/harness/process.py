"""Child processes that never outlive the test run."""
import atexit
import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

_children = {}

# Asks the kernel for the signal first and then looks whether the parent is still there: no moment is left unguarded.
_DIE_WITH = ["setpriv", "--pdeathsig", "KILL", "sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"']


class Server:
    """A child in a temporary folder of its own: `folder` is made before it starts and removed when it is stopped.

    It runs in its own process group, so that Ctrl-C reaches only the tests, which then stop it in order; the kernel kills
    it if they die without doing so. The kernel counts the death of the *thread* that started it, so start servers from
    the main thread.
    """

    def __init__(self, name, within=None):
        """`within`: the folder to make it in; by default that of all temporary files."""
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"varve-{name}-", dir=within))
        self.process = None
        _children[id(self)] = self

    def start(self, command, env=None):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*_DIE_WITH, str(os.getpid()), *map(str, command)], env=env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    @property
    def log_path(self):
        return self.folder / f"{self.name}.log"

    @property
    def pid(self):
        return self.process.pid

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def log(self, lines=30):
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """Ends it as a crash would; the folder stays, for a restart."""
        if self.running:
            self.process.kill()
            self.process.wait()

    def shut_down(self, seconds=30):
        """Ends it as an administrator would; the folder stays, for a restart."""
        if self.running:
            self.resume()
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()

    def stop(self):
        """Ends it and removes its folder. The data goes with it, so nothing is flushed first. Twice is harmless."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        _children.pop(id(self), None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


@atexit.register
def stop_all():
    for child in list(_children.values()):
        child.stop()


# Below those that the kernel hands out; each worker of the tests begins elsewhere.
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_ports = itertools.cycle(range(10_000 + 1_000 * (_worker % 20) + os.getpid() % 500, 31_000))


def free_port():
    """A port that nobody listened on a moment ago."""
    for port in _ports:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
