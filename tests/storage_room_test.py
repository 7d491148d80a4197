"""The unit tests of src/storage that need a server, on one; with sanitizers."""
import contextlib
import os
import tempfile
from pathlib import Path

import pytest

from harness.stores import Azurite, FakeGcs, Keystone, Minio, Rclone, RestServer, Sshd, Swift
from harness.tools import run
from support.certificates import Authority
from support.stores import LOGIN

PROGRAM = Path(__file__).parents[1] / "build" / "dev" / "bin" / "varve_storage_test"
FILTER = "--gtest_filter=*Servers*:*Server.*"


def s3(store):
    return {"VARVE_TEST_S3": store.url, "VARVE_TEST_S3_KEY": store.KEY, "VARVE_TEST_S3_SECRET": store.SECRET}


def swift(store):
    return {"VARVE_TEST_SWIFT_VERSION": "1", "VARVE_TEST_SWIFT": store.env["ST_AUTH"], "VARVE_TEST_SWIFT_USER": store.USER,
            "VARVE_TEST_SWIFT_PASSWORD": store.PASSWORD}


@contextlib.contextmanager
def swift_of_a_keystone():
    with Keystone() as identity, Swift(identity) as store:
        identity.register({Keystone.REGION: store.host})
        yield store


def keystone(store):
    return {"VARVE_TEST_SWIFT_VERSION": "3", "VARVE_TEST_SWIFT": store.env["OS_AUTH_URL"], "VARVE_TEST_SWIFT_USER": store.env["OS_USERNAME"],
            "VARVE_TEST_SWIFT_PASSWORD": store.env["OS_PASSWORD"], "VARVE_TEST_SWIFT_PROJECT": store.env["OS_PROJECT_NAME"]}


@contextlib.contextmanager
def private_rest():
    """Over TLS, with a login, to whom a folder of his name belongs."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(folder)
        with RestServer("--private-repos", users=LOGIN, certificate=authority.issue("store")) as store:
            store.authority = authority.certificate
            yield store


def private(store):
    return {"VARVE_TEST_REST": f"https://me:secret@{store.host}/me", "VARVE_TEST_CACERT": str(store.authority)}


def sftp(store):
    return {"VARVE_TEST_SFTP": f"ssh -F {store.config} -p {store.port} {store.user}@127.0.0.1 -s sftp"}


@pytest.mark.all
@pytest.mark.timeout(700)
@pytest.mark.skipif(not PROGRAM.exists(), reason="the dev preset is not built; ./dev test all builds it")
@pytest.mark.parametrize("make, named", [
    (RestServer, lambda store: {"VARVE_TEST_REST": store.url}),
    (private_rest, private),
    (Minio, s3),
    (lambda: Minio(region="eu-north-1"), s3),
    (Swift, swift),
    (swift_of_a_keystone, keystone),
    (Azurite, lambda store: {"VARVE_TEST_AZURE": store.connection_string}),
    (FakeGcs, lambda store: {"VARVE_TEST_GOOGLE": store.url}),
    (Sshd, sftp),
    (Rclone, lambda store: {"VARVE_TEST_RCLONE": "shop:tests", **store.env}),
], ids=["rest", "rest, private", "s3", "s3 in a region", "swift", "swift of a keystone", "azure", "google", "sftp", "rclone"])
def test_the_room_where_repositories_lie(make, named):
    with make() as store:
        done = run(PROGRAM, FILTER, env={**os.environ, **named(store)}, timeout=600)
    assert "[  PASSED  ]" in done.stdout
    assert done.stdout.count("[       OK ]") > 30
