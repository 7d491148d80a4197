"""Fixtures, tiers and time limits of the tests that need real servers. Run them with ./dev test."""
import os
import signal
import time

import pytest

from harness.others import FerretDB, SecantusDB
from harness.servers import Mongod, ReplicaSet, ShardedParts
from harness.tools import Varve
from support.certificates import Authority

SECONDS_PER_TEST = 300
SECONDS_PER_SOAK_TEST = 4 * 3600
LEFT_OUT = "left out: the time for this run is used up"


def pytest_configure(config):
    config.addinivalue_line("markers", "all: slow or wanting other servers; left out of a push's tests")
    config.addinivalue_line("markers", "soak: hours long")
    # Leaves as Ctrl-C does, so that servers and folders go.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    for item in items:
        if not item.get_closest_marker("timeout"):
            soak = item.get_closest_marker("soak")
            item.add_marker(pytest.mark.timeout(SECONDS_PER_SOAK_TEST if soak else SECONDS_PER_TEST))


def pytest_runtest_setup(item):
    deadline = os.environ.get("VARVE_TEST_DEADLINE")
    if deadline and item.get_closest_marker("all") and time.time() > float(deadline):
        pytest.skip(LEFT_OUT)


def pytest_terminal_summary(terminalreporter):
    left_out = [report.nodeid for report in terminalreporter.stats.get("skipped", ()) if LEFT_OUT in str(report.longrepr)]
    if left_out:
        terminalreporter.section("left out for want of time")
        for name in left_out:
            terminalreporter.line(name)


@pytest.fixture(scope="session")
def rs6():
    """A one-member replica set of the default version, shared by all tests: use databases of your own."""
    with Mongod(replica_set="rs0") as server:
        yield server


def _factory(kind):
    def fixture():
        made = []

        def make(*args, **options):
            made.append(kind(*args, **options))
            return made[-1]
        yield make
        for server in made:
            server.stop()
    return fixture


mongod = pytest.fixture(_factory(Mongod), name="mongod")
replica_set = pytest.fixture(_factory(ReplicaSet), name="replica_set")
sharded_parts = pytest.fixture(_factory(ShardedParts), name="sharded_parts")
ferretdb = pytest.fixture(_factory(FerretDB), name="ferretdb")
secantusdb = pytest.fixture(_factory(SecantusDB), name="secantusdb")


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Certificates that nobody knows who was not told."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def varve(tmp_path):
    """varve with an empty place for a repository; `varve("init")` makes it."""
    return Varve(tmp_path)


@pytest.fixture
def database(request, rs6):
    """A pymongo database on rs6, named after the test and dropped at its end."""
    name = "t_" + "".join(c if c.isalnum() else "_" for c in request.node.name)[:50]
    with rs6.client() as client:
        client.drop_database(name)
        yield client[name]
        client.drop_database(name)
