"""What a backup costs a server that is written to at full speed, by each way of reading.

A writer updates random orders as fast as it can while nothing else happens, while a backup reads at one time, and while
one reads over a window, in turns; each figure is the median of the rounds.
"""
import argparse
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import pymongo
from harness.servers import Mongod
from harness.tools import Varve

import dataset
import report
from measure import cpu_of
from support.runs import at, new_repository

MONGOD = "6.0.5"
CACHE_GB = 1
BATCH = 200
COLUMNS = ("", "seconds", "updates/s", "server CPU s/s", "updates per server CPU s", "dirty cache MB", "cache written MB/s",
           "history MB", "oplog operations kept", "stored MB")
WAYS = ("none", "one-time", "window")


def write(host, stop):
    """The writer, a process of its own."""
    noise = random.Random(1)
    with pymongo.MongoClient(host, directConnection=True, w=1) as client:
        orders = client.shop.orders
        ids = [d["_id"] for d in orders.aggregate([{"$sample": {"size": 50_000}}, {"$project": {"_id": 1}}])]
        while not stop.is_set():
            orders.bulk_write([pymongo.UpdateOne({"_id": noise.choice(ids)}, {"$set": {"touched": noise.random()}})
                               for _ in range(BATCH)], ordered=False)


@dataclass
class Figures:
    seconds: float
    updates: float
    cpu: float
    work: float
    dirty: float
    written: float
    history: float
    operations: float
    stored: float


class Server:
    def __init__(self, mongod, client):
        self.mongod, self.client = mongod, client

    def counters(self):
        status = self.client.admin.command("serverStatus")
        return time.monotonic(), status["opcounters"]["update"], cpu_of(self.mongod.pid), status["wiredTiger"]["cache"]


def during(server, work):
    """Figures of the server while `work` is done; it gives (operations kept, bytes stored)."""
    begin = server.counters()
    kept, stored = work()
    end = server.counters()
    took = end[0] - begin[0]
    cache = end[3]
    written = cache["bytes written from cache"] - begin[3]["bytes written from cache"]
    updates, cpu = end[1] - begin[1], end[2] - begin[2]
    return Figures(took, updates / took, cpu / took, updates / cpu, cache["tracked dirty bytes in the cache"] / 1e6,
                   written / 1e6 / took, cache["history store table on-disk size"] / 1e6, kept, stored / 1e6)


def backup(varve, server, way):
    saved = varve.json("backup", at(varve, server.mongod.uri), "--source", way, "--read-at", way, timeout=900)[-1]
    assert saved["consistency"] == way, saved
    return saved["oplog_operations"], saved["data_added_packed"]


def nothing(seconds):
    time.sleep(seconds)
    return 0, 0


def rounds(server, folder, count, idle):
    found = {way: [] for way in WAYS}
    for number in range(count):
        for way in WAYS:
            place = Path(folder) / f"{way}-{number}"
            place.mkdir()
            varve = Varve(place)
            new_repository(varve)
            found[way].append(during(server, lambda: nothing(idle) if way == "none" else backup(varve, server, way)))
            print(f"  {way:10}", found[way][-1], file=sys.stderr, flush=True)
    return {way: Figures(*(statistics.median(column) for column in zip(*map(astuple, all)))) for way, all in found.items()}


def table(found):
    titles = {"none": "no backup", "one-time": "`backup --read-at one-time`", "window": "`backup --read-at window`"}
    rows = [COLUMNS]
    for way in WAYS:
        f = found[way]
        rows.append((titles[way], report.seconds(f.seconds), f"{f.updates:,.0f}", f"{f.cpu:.2f}", f"{f.work:,.0f}",
                     f"{f.dirty:.0f}", f"{f.written:.1f}", f"{f.history:.0f}", f"{f.operations:,.0f}", f"{f.stored:.0f}"))
    return report.align(rows)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench busy", description=__doc__)
    parser.add_argument("--mb", type=int, default=400, help="size of the data")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=float, default=8, help="seconds of each round without a backup")
    parser.add_argument("--write", type=Path, help="put the figures into this page")
    options = parser.parse_args()
    with (Mongod(MONGOD, replica_set="rs0", cache_gb=CACHE_GB) as mongod, mongod.client() as client,
          tempfile.TemporaryDirectory() as folder):
        dataset.load(mongod, client, "shop", options.mb)
        stop = multiprocessing.Event()
        writer = multiprocessing.Process(target=write, args=(mongod.host, stop), daemon=True)
        writer.start()
        time.sleep(3)
        found = rounds(Server(mongod, client), folder, options.rounds, options.idle)
        stop.set()
        writer.join()
        data = f"{dataset.size(client, dataset.SHOP) / 1e6:,.0f} MB of BSON, a cache of {CACHE_GB} GB"
    figures = f"{report.origin('busy', data, (), (f'mongod {MONGOD}',))}\n\n{table(found)}"
    report.finish("busy", {"figures": figures}, options.write, [])


if __name__ == "__main__":
    main()
