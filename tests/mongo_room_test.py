"""The unit tests of src/mongo that need a server, on one; with sanitizers."""
import os
import re
from pathlib import Path

import pytest

from harness.servers import Mongod
from harness.tools import run

PROGRAM = Path(__file__).parents[1] / "build" / "dev" / "bin" / "varve_mongo_test"
ALWAYS = {"a sanitizer's allocator is in place"}
EXPECTED_SKIPS = {"replica set": ALWAYS, "standalone": {*ALWAYS, "standalone has no oplog"}}


@pytest.mark.all
@pytest.mark.timeout(700)
@pytest.mark.skipif(not PROGRAM.exists(), reason="the dev preset is not built; ./dev test all builds it")
@pytest.mark.parametrize("kind", ["replica set", "standalone"])
def test_the_room_that_talks_to_servers(kind):
    with Mongod(replica_set="rs0" if kind == "replica set" else None, extra_args=("--setParameter", "enableTestCommands=1")) as server:
        done = run(PROGRAM, env={**os.environ, "VARVE_TEST_MONGODB": server.uri}, timeout=600)
    skipped = set(re.findall(r": Skipped\n(.*)", done.stdout))
    assert all(any(word in why for word in EXPECTED_SKIPS[kind]) for why in skipped), skipped
    assert "[  PASSED  ]" in done.stdout
