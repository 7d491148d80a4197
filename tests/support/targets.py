"""A server to restore to, as fixtures for tests to import: whatever was restored is gone before the next test."""
import pytest

from harness.servers import Mongod
from support.hold import HOLDABLE
from support.state import empty


def clear(client):
    """Users, roles and what tests keep in admin go too."""
    empty(client)
    for name in ("shop", "admin"):
        client[name].command("dropAllUsersFromDatabase")
        client[name].command("dropAllRolesFromDatabase")
    client.admin.drop_collection("user notes")


@pytest.fixture(scope="module")
def shared_target():
    with Mongod(replica_set="rs1", extra_args=HOLDABLE) as target:
        yield target


@pytest.fixture
def target(shared_target):
    with shared_target.client() as client:
        clear(client)
    return shared_target
