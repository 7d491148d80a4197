"""Servers on which random histories run, as a fixture for tests to import."""
import pytest

from harness.servers import Mongod
from support.hold import HOLDABLE


@pytest.fixture(scope="module")
def servers():
    """A source and a target of each version, started when first asked for."""
    made = {}

    def get(version="6.0.5"):
        if version not in made:
            # A transaction left open pins what others change meanwhile: 4.2 hangs once a fifth of its cache is that.
            made[version] = Mongod(version, replica_set="rs0", extra_args=HOLDABLE, cache_gb=3), Mongod(version, extra_args=HOLDABLE)
        return made[version]
    yield get
    for pair in made.values():
        for server in pair:
            server.stop()


def last_entry(client):
    """The time of the newest entry of the oplog."""
    return client.local["oplog.rs"].find(sort=[("$natural", -1)], limit=1)[0]["ts"]
