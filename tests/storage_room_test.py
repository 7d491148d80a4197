"""The unit tests of src/storage that need a server, on one; with sanitizers."""
import os
from pathlib import Path

import pytest

from harness.stores import Minio, RestServer, Swift
from harness.tools import run

PROGRAM = Path(__file__).parents[1] / "build" / "dev" / "bin" / "varve_storage_test"
FILTER = "--gtest_filter=*Servers*:*Server.*"


def names_of(store):
    """What the tests are told of it."""
    if isinstance(store, RestServer):
        return {"VARVE_TEST_REST": store.url}
    if isinstance(store, Swift):
        return {"VARVE_TEST_SWIFT": store.env["ST_AUTH"], "VARVE_TEST_SWIFT_USER": store.USER, "VARVE_TEST_SWIFT_PASSWORD": store.PASSWORD}
    return {"VARVE_TEST_S3": store.url, "VARVE_TEST_S3_KEY": store.KEY, "VARVE_TEST_S3_SECRET": store.SECRET}


@pytest.mark.all
@pytest.mark.skipif(not PROGRAM.exists(), reason="the dev preset is not built; ./dev test all builds it")
@pytest.mark.parametrize("make", [RestServer, Minio, lambda: Minio(region="eu-north-1"), Swift],
                         ids=["rest", "s3", "s3 in a region", "swift"])
def test_the_room_where_repositories_lie(make):
    with make() as store:
        named = names_of(store)
        done = run(PROGRAM, FILTER, env={**os.environ, **named}, timeout=300)
    assert "[  PASSED  ]" in done.stdout
    assert done.stdout.count("[       OK ]") > 30
