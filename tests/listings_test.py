"""More files than any store lists with one answer: each is seen, and once."""
import hashlib
import http.client
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.stores import Azurite, Rclone, RestServer, Sshd
from support.azure import with_signature
from support.stores import at_store

pytestmark = pytest.mark.all

MANY = 10_500  # pages of S3's, Swift's and Google's servers are in src/storage/servers_test.cc


def on_disk(store):
    """Where it keeps each file as one of this machine's."""
    def put(name):
        path = store.data / "many/shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return put


def in_azure(store):
    """Each thread by a connection of its own."""
    query, own = with_signature(store, "many", "rcw")[0].partition("SharedAccessSignature=")[2], threading.local()

    def put(name):
        if not hasattr(own, "connection"):
            own.connection = http.client.HTTPConnection(store.host, timeout=60)
        own.connection.request("PUT", f"/{store.ACCOUNT}/many/shop/{name}?{query}", b"x", {"x-ms-blob-type": "BlockBlob"})
        answer = own.connection.getresponse()
        said = answer.read()
        assert answer.status == 201, said
    return put


@pytest.mark.parametrize("make, putter", [(RestServer, on_disk), (Sshd, on_disk), (Rclone, on_disk), (Azurite, in_azure)],
                         ids=["rest", "sftp", "rclone", "azure"])
def test_more_than_ten_thousand_files_are_listed(tmp_path, make, putter):
    """Packs that no index names, which is what a check and a prune count by the listing alone."""
    names = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(MANY)]
    with make() as store:
        varve = at_store(tmp_path, store, "many/shop")
        varve("init")
        put = putter(store)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, [f"data/{name[:2]}/{name}" for name in names]))
        assert f"{MANY} packs are in no index" in varve("check").stdout
        quick = putter is on_disk  # Azurite takes its time to remove
        assert varve.json("prune", *([] if quick else ["--dry-run"]))[-1]["packfiles"]["unreferenced"] == MANY
        assert ("in no index" in varve("check").stdout) == (not quick)
