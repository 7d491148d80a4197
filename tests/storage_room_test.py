"""The unit tests of src/storage that need a server, on one; with sanitizers."""
import os
from pathlib import Path

import pytest

from harness.stores import Minio, Rclone, RestServer, Sshd
from harness.tools import run

PROGRAM = Path(__file__).parents[1] / "build" / "dev" / "bin" / "varve_storage_test"
FILTER = "--gtest_filter=*Servers*:*Server.*"


def start(kind):
    return {"rest": RestServer, "sftp": Sshd, "rclone": Rclone}.get(kind, lambda: Minio(region="eu-north-1" if "region" in kind else None))()


def names(kind, store):
    """How the tests find it."""
    if kind == "rest":
        return {"VARVE_TEST_REST": store.url}
    if kind == "rclone":
        return {"VARVE_TEST_RCLONE": "shop:tests", **store.env}
    if kind == "sftp":
        return {"VARVE_TEST_SFTP": f"ssh -F {store.config} -p {store.port} {store.user}@127.0.0.1 -s sftp"}
    return {"VARVE_TEST_S3": store.url, "VARVE_TEST_S3_KEY": store.KEY, "VARVE_TEST_S3_SECRET": store.SECRET}


@pytest.mark.all
@pytest.mark.skipif(not PROGRAM.exists(), reason="the dev preset is not built; ./dev test all builds it")
@pytest.mark.parametrize("kind", ["rest", "s3", "s3 in a region", "sftp", "rclone"])
def test_the_room_where_repositories_lie(kind):
    with start(kind) as store:
        done = run(PROGRAM, FILTER, env={**os.environ, **names(kind, store)}, timeout=300)
    assert "[  PASSED  ]" in done.stdout
    assert done.stdout.count("[       OK ]") > 30
