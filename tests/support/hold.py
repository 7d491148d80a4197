"""Holds a server at a given step, so that a test knows what is under way instead of guessing by time.

Wants a server that was started with `extra_args=HOLDABLE`.
"""
from contextlib import contextmanager

from harness.servers import wait_until
from support.runs import at, new_repository

HOLDABLE = ["--setParameter", "enableTestCommands=1"]


class FailPoint:
    """One of the server's fail points, on until release()."""

    def __init__(self, client, name, data=None, mode="alwaysOn"):
        self.client, self.name = client, name
        self.entered = self._configure(mode, data or {}).get("count")

    def _configure(self, mode, data):
        return self.client.admin.command("configureFailPoint", self.name, mode=mode, data=data)

    def wait(self):
        """Returns when it holds an operation. Before 4.4 the server tells only of some that they do."""
        if self.entered is None:
            wait_until(self._holds, f"something to be held at {self.name}")
            return
        self.client.admin.command("waitForFailPoint", self.name, timesEntered=self.entered + 1, maxTimeMS=60_000)

    def _holds(self):
        return list(self.client.admin.aggregate([{"$currentOp": {}}, {"$match": {"msg": self.name}}]))

    def release(self):
        self._configure("off", {})


@contextmanager
def fail_point(server, name, data=None, mode="alwaysOn"):
    with server.client() as client:
        point = FailPoint(client, name, data, mode)
        try:
            yield point
        finally:
            if server.running:
                point.release()


def reads_held(server, ns):
    """Every find on `ns` waits, while everything else goes on."""
    return fail_point(server, "waitInFindBeforeMakingBatch", {"nss": ns, "shouldCheckForInterrupt": True})


@contextmanager
def commands_held(server, *commands, mode="alwaysOn"):
    """These commands wait before they do anything, and are ended with nothing done when the test lets go."""
    data = {"failCommands": list(commands), "blockConnection": True, "blockTimeMS": 120_000}
    with fail_point(server, "failCommand", data, mode) as point:
        try:
            yield point
        finally:
            if server.running:  # letting go of the fail point would wait for them
                waiting = {"$or": [{f"command.{name}": {"$exists": True}} for name in commands]}
                for held in point.client.admin.aggregate([{"$currentOp": {}}, {"$match": waiting}]):
                    point.client.admin.command("killOp", op=held["opid"])


def finish(process, code=0, seconds=120):
    """Waits for a varve started in the background; its standard output and error."""
    out, err = process.communicate(timeout=seconds)
    accepted = (code,) if isinstance(code, int) else code
    assert accepted is None or process.returncode in accepted, f"exit {process.returncode}, expected {code}\n{out}\n{err}"
    return out, err


def wait_until_idle(server):
    """Returns when nothing that a killed varve asked for is under way any more: the server builds an index to its end all the same."""
    under_way = {"$or": [{"appName": "varve"}, {"desc": {"$regex": "^IndexBuildsCoordinator"}, "active": True}]}
    with server.client() as client:
        wait_until(lambda: not list(client.admin.aggregate([{"$currentOp": {}}, {"$match": under_way}])), "what varve asked for to end")


@contextmanager
def backup_held_at(varve, server, ns, *args, held=None):
    """A backup that has listed the catalog and now waits in its first read of `ns`; ends it if the test does not.

    Yields (process, release). With one reader and `ns` the largest collection nothing else has been read. `held` is the member
    that is read, where `server` is a set.
    """
    with _backup_held_by(varve, server, reads_held(held or server, ns), *args) as held_backup:
        yield held_backup


@contextmanager
def backup_held_amid(varve, server, ns, *args, held=None):
    """The same once it has the first of the replies that hold `ns`, where it waits for the second. Not before MongoDB 5.0."""
    point = fail_point(held or server, "waitWithPinnedCursorDuringGetMoreBatch", {"nss": ns, "shouldCheckForInterrupt": True})
    with _backup_held_by(varve, server, point, *args) as held_backup:
        yield held_backup


@contextmanager
def _backup_held_by(varve, server, point_of, *args):
    if not varve.path.exists():
        new_repository(varve)
    with point_of as point:
        process = varve.start("backup", at(varve, server.uri, "source"), "--source", "shop", "--readers", "1", "--json", *args)
        try:
            point.wait()
            yield process, point.release
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
