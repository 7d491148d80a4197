"""What a second backup adds, and the size of chunks that it depends on."""
import json
import random

import pytest

from support.runs import at, back_up, new_repository


def average_chunks(varve):
    entries = varve.json("show", "latest")[-1]["manifest"]["collections"]
    return {entry["collection"]: entry["average_chunk"] for entry in entries}


def test_the_size_of_chunks_can_be_chosen_and_stays(varve, rs6, database):
    """DESIGN 5: the average is asked for, kept by later backups, and another one stores everything anew."""
    noise = random.Random(5)
    database.items.insert_many([{"_id": i, "text": noise.randbytes(500).hex()} for i in range(6_000)])
    only = ("--ns-include", f"{database.name}.*")
    first = back_up(varve, rs6, *only, "--chunk-size", "256K")
    assert average_chunks(varve) == {"items": 256 << 10}
    kept = back_up(varve, rs6, *only)
    assert average_chunks(varve) == {"items": 256 << 10} and kept["data_added"] < first["data_added"] / 100
    assert first["data_blobs"] > 15, "chunks of about 300 KB of 6 MB"
    other = back_up(varve, rs6, *only, "--chunk-size", "2M")
    assert average_chunks(varve) == {"items": 2 << 20} and other["data_added"] > first["data_added"] * 0.9
    assert "no errors were found" in varve.restic("check", "--read-data").stdout


def test_sizes_of_chunks_that_cannot_be_are_refused(varve, rs6):
    new_repository(varve)
    for size in ("255K", "9M", "0", "large"):
        refused = varve("backup", at(varve, rs6.uri), "--chunk-size", size, code=1).stderr
        assert "--chunk-size" in refused, refused
    assert json.loads(varve("snapshots", "--json").stdout) == []


@pytest.mark.all
def test_an_unchanged_backup_of_another_member_adds_almost_nothing(varve, replica_set):
    """RULES 27: what is read by _id has the same chunks whichever member gives it."""
    server, noise = replica_set(members=2, hidden=0), random.Random(6)
    with server.client() as client:
        made = [{"_id": noise.randbytes(12).hex(), "text": noise.randbytes(300).hex()} for _ in range(20_000)]
        for first in range(0, len(made), 1_000):
            client.shop.random.insert_many(made[first:first + 1_000])
        client.shop.counted.insert_many([{"_id": i, "text": noise.randbytes(300).hex()} for i in range(20_000)])
    server.wait_for_replication()
    first = back_up(varve, server, "--member", "primary", "--order", "id")
    again = back_up(varve, server, "--member", "secondary")
    assert first["member"] != again["member"] and first["documents"] == again["documents"] == 40_000
    print(f"first {first['data_added']:,} bytes, again {again['data_added']:,}")
    assert again["data_added"] < first["data_added"] / 100
    entries = varve.json("show", "latest")[-1]["manifest"]["collections"]
    assert {entry["order"] for entry in entries if entry["db"] == "shop"} == {"_id"}
