"""The unit tests of src/storage that need a server, on one; with sanitizers."""
import os
from pathlib import Path

import pytest

from harness.stores import Azurite, FakeGcs, Minio, Rclone, RestServer, Sshd, Swift
from harness.tools import run

PROGRAM = Path(__file__).parents[1] / "build" / "dev" / "bin" / "varve_storage_test"
FILTER = "--gtest_filter=*Servers*:*Server.*"


def s3(store):
    return {"VARVE_TEST_S3": store.url, "VARVE_TEST_S3_KEY": store.KEY, "VARVE_TEST_S3_SECRET": store.SECRET}


def swift(store):
    return {"VARVE_TEST_SWIFT": store.env["ST_AUTH"], "VARVE_TEST_SWIFT_USER": store.USER, "VARVE_TEST_SWIFT_PASSWORD": store.PASSWORD}


def sftp(store):
    return {"VARVE_TEST_SFTP": f"ssh -F {store.config} -p {store.port} {store.user}@127.0.0.1 -s sftp"}


@pytest.mark.all
@pytest.mark.skipif(not PROGRAM.exists(), reason="the dev preset is not built; ./dev test all builds it")
@pytest.mark.parametrize("make, named", [
    (RestServer, lambda store: {"VARVE_TEST_REST": store.url}),
    (Minio, s3),
    (lambda: Minio(region="eu-north-1"), s3),
    (Swift, swift),
    (Azurite, lambda store: {"VARVE_TEST_AZURE": store.connection_string}),
    (FakeGcs, lambda store: {"VARVE_TEST_GOOGLE": store.url}),
    (Sshd, sftp),
    (Rclone, lambda store: {"VARVE_TEST_RCLONE": "shop:tests", **store.env}),
], ids=["rest", "s3", "s3 in a region", "swift", "azure", "google", "sftp", "rclone"])
def test_the_room_where_repositories_lie(make, named):
    with make() as store:
        done = run(PROGRAM, FILTER, env={**os.environ, **named(store)}, timeout=300)
    assert "[  PASSED  ]" in done.stdout
    assert done.stdout.count("[       OK ]") > 30
