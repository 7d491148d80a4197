"""An archiver beside a server, and what it has stored."""
import contextlib
import json
import signal

from harness.servers import wait_until
from support.runs import at


def words(varve, server, *args, source="shop"):
    return ["archive", at(varve, server.uri, "source"), "--source", source, *args]


def archive_once(varve, server, *args, code=0, **options):
    """The summary of `archive --once`."""
    return varve.json(*words(varve, server, "--once", *args), code=code, **options)[-1]


def window(varve, code=0, source="shop"):
    return varve.json("window", "--source", source, code=code)[-1]


def number(time):
    """"s:i" as a pair that compares."""
    return tuple(map(int, time.split(":")))


def text(time):
    """A bson Timestamp as varve writes it."""
    return f"{time.time}:{time.inc}"


def wait_for(varve, time, source="shop"):
    """Until the archive holds the entry of that time."""
    def has_it():
        events = varve.json("window", "--source", source, code=None)  # none before there is anything
        spans = events[-1]["oplog"] if events else []
        return spans and number(spans[-1]["to"]) >= number(text(time))
    wait_until(has_it, f"the archive to reach {text(time)}", every=0.3)


@contextlib.contextmanager
def archiver(varve, server, *args, source="shop", every="1s"):
    """One that runs meanwhile; its process, which the test may kill. It must not have ended by itself."""
    process = varve.start(*words(varve, server, "--every", every, *args, source=source))
    try:
        yield process
        if process.returncode is None:
            assert process.poll() is None, process.communicate()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def restore_at(varve, target, time, *args, code=0, source="shop", **options):
    """The summary of a restore as of a time."""
    return varve.json("restore", "--source", source, "--at", time, "--to", at(varve, target.uri, "target"), "--yes", *args, code=code,
                      **options)[-1]


def slices(varve, source="shop"):
    """Their descriptions, in order, read by stock restic."""
    listed = [json.loads(line) for line in varve.restic("ls", "--json", "latest", "--path", f"/mongodb-oplog/{source}").lines]
    names = sorted(node["path"] for node in listed if node.get("path", "").endswith(".json"))
    return [json.loads(varve.restic("dump", "--path", f"/mongodb-oplog/{source}", "latest", name).stdout) for name in names]
