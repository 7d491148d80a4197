"""The ways in which a backup reads a replica set, and when the changes come that a test makes while it is held; as fixtures, for
tests to import, the server that is read and one to restore to."""
from dataclasses import dataclass

import pytest

from harness.servers import Mongod
from support.hold import HOLDABLE, backup_held_at
from support.state import empty

BIG = "big.first"      # read before everything else but what is capped
CAPPED = "big.capped"  # capped collections are read before the time is chosen at which all else is read


@dataclass(frozen=True)
class Reading:
    name: str
    way: str
    held: str
    contained: bool = True  # what the test does meanwhile is part of the moment, unless something falls back

    def backup(self, varve, server, *args):
        return backup_held_at(varve, server, self.held, "--read-at", self.way, *args)

    def __str__(self):
        return self.name


WINDOW = Reading("window", "window", BIG)
BEFORE = Reading("one-time, changes before", "one-time", CAPPED)
AFTER = Reading("one-time, changes after", "one-time", BIG, contained=False)
READINGS = [WINDOW, BEFORE, AFTER]


def fill_big(client, documents=4000):
    """What backups are held at."""
    client["big"]["first"].insert_many([{"_id": i, "x": "x" * 1000} for i in range(documents)])
    client["big"].create_collection("capped", capped=True, size=1 << 20)
    client["big"]["capped"].insert_many([{"_id": i, "x": "x" * 1000} for i in range(20)])


@pytest.fixture(scope="module")
def server():
    with Mongod(replica_set="rs0", extra_args=HOLDABLE) as server:
        yield server


@pytest.fixture
def client(server):
    """An empty server but for what backups are held at."""
    with server.client() as client:
        empty(client)
        fill_big(client)
        yield client


@pytest.fixture(scope="module")
def target():
    with Mongod() as target:
        yield target
