"""Peak memory is a stated constant, whatever the size of the data, and nothing is staged on disk."""
import random

import pytest

from harness.servers import Mongod
from support.data import insert
from support.hold import finish
from support.memory import Watch, measured
from support.raw import binary, doc, int32
from support.runs import at, new_repository

pytestmark = pytest.mark.all

LIMIT_MB = 300
DOCUMENT, DOCUMENTS = 10_000, 100_000


@pytest.fixture(scope="module")
def gigabyte():
    with Mongod(replica_set="rs0", cache_gb=1) as server:
        noise = random.Random(5)
        with server.client(w=1) as client:
            for start in range(0, DOCUMENTS, 1000):
                insert(client.shop, "large" if start % 4000 else "larger",
                       [doc(int32("_id", i), binary("b", noise.randbytes(DOCUMENT - 30))) for i in range(start, start + 1000)])
        yield server


@pytest.mark.timeout(600)
def test_a_gigabyte_in_bounded_memory(varve, gigabyte, record_property):
    """DESIGN 5, RULES 10: peak memory under 300 MB for a backup, a second one and a restore of 1 GB; no temporary files."""
    new_repository(varve)
    backup = ("backup", at(varve, gigabyte.uri), "--source", "shop")
    peaks = {"backup": measured(varve, *backup), "again": measured(varve, *backup)}
    with Mongod(replica_set="rs1", cache_gb=1) as target:
        peaks["restore"] = measured(varve, "restore", "latest", "--to", at(varve, target.uri, "target"), "--yes")
        peaks["verify"] = measured(varve, "verify", "latest", "--against", at(varve, target.uri, "target"))
        with target.client() as client:
            client.shop.large.delete_many({"_id": {"$gt": 500, "$lt": 90_000}})
        process = varve.start("verify", "latest", "--against", at(varve, target.uri, "target"))
        watch = Watch(process, varve.folder / "tmp")
        finish(process, code=3, seconds=280)
        peaks["verify with differences"] = watch.peak_mb
    peaks["check"] = measured(varve, "check", "--read-data")
    print(peaks)
    for name, peak in peaks.items():
        record_property(name, peak)
        assert 0 < peak < LIMIT_MB, peaks
