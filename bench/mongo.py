"""varve beside what people use today, on one real server: seconds, processor time, memory, bytes stored.

The server is a one-member replica set whose cache holds the data, so that the clients are what is measured. Every backup
goes to an empty store unless it is a repetition; every restore goes to the same server after its databases were dropped.
The server of the many collections has its files in memory: ext4 is slow for minutes to make files where many were just
removed, which would be measured in place of the programs.
"""
import argparse
import itertools
import subprocess
import tempfile
import time
from pathlib import Path

from harness.servers import Mongod

import dataset
import peers
import report
from entries import ENTRIES, PARTS
from measure import Failed
from report import say

MONGOD = "6.0.5"
CACHE_GB = 4
PATIENCE = 20  # once it has taken so many seconds, a measurement is not repeated
KINDS = {"floor": peers.Floor, "mongodump": peers.Mongodump, "restic": peers.Restic, "pbm": peers.Pbm,
         "varve": peers.Varve, "varve-options": peers.Varve, "varve-by-id": peers.Varve,
         "varve-during-updates": peers.VarveDuringUpdates}
CHANGED_SHARE = 0.01
WITHIN = {"tenants": "/dev/shm"}  # where the server of a data set has its files, if not where all temporary files are


class Bench:
    def __init__(self, server, client, folder, megabytes, runs):
        self._server, self._client, self._folder = server, client, Path(folder)
        self._megabytes, self._runs = megabytes, runs
        self._peers, self.costs, self.failed = {}, {}, []  # of the entries that ran
        self._name, self._data, self.sizes = "", None, []

    def use(self, name):
        """Has the data set of that name on the server, and nothing else."""
        if name == self._name:
            return
        self._name, self._data = name, dataset.DATA[name]
        for peer in self._peers.values():
            peer.use(name)
        self._load()
        megabytes = dataset.size(self._client, self._data) / 1e6
        self.sizes.append(f"{name} {megabytes:,.0f} MB of BSON in {len(self._data.collections):,} collections")
        self._state = dataset.state(self._client, self._data)
        self._peer("floor").back_up()  # so that no entry is the first to read

    def _load(self, order="forwards"):
        start = time.monotonic()
        dataset.drop(self._client)
        megabytes = self._megabytes if self._name == "shop" else dataset.FULL_MB
        dataset.load(self._server, self._client, self._name, megabytes, order)
        say(f"{self._name} loaded in {time.monotonic() - start:.1f} s")

    def _peer(self, name):
        if name not in self._peers:
            self._peers[name] = KINDS[name](self._server, self._folder / name)
            self._peers[name].use(self._name)
        return self._peers[name]

    def run(self, entry):
        """Keeps the best of a few runs; what fails is told, left out, and does not stop the others."""
        costs = []
        try:
            while len(costs) < self._runs.get(entry.kind, 1) and sum(cost.seconds for cost in costs) < PATIENCE:
                costs.append(self._run_once(entry))
                costs[-1].opening = self._peer(entry.peer).opening
                say(f"  {entry.name:28}{costs[-1].seconds:8.2f} s")
            self.costs[entry.name] = min(costs, key=lambda cost: cost.seconds)
        except (Failed, AssertionError) as error:
            self.failed.append(entry.name)
            say(f"  {entry.name:28}  FAILED: {error}")
            if entry.kind not in ("backup", "again"):
                self._load()

    def _run_once(self, entry):
        peer = self._peer(entry.peer)
        if entry.kind == "backup":
            peer.empty()
            return peer.back_up(*entry.options)
        peer.ensure_backup(*entry.options[:2] if entry.kind == "reordered" else ())
        if entry.kind == "restore":
            return self._restore(peer, entry.options)
        if entry.kind == "reordered":
            self._load("backwards")
        if entry.kind == "updated":
            dataset.update(self._client, self._data, share=CHANGED_SHARE)
        return peer.back_up(*entry.options)

    def _restore(self, peer, options):
        dataset.drop(self._client)
        cost = peer.restore(*options)
        dataset.settle(self._client)
        found = dataset.state(self._client, self._data)
        if found != self._state:
            raise Failed(f"it brought back {found} instead of {self._state}")
        return cost


def tell_read_back(costs):
    """What of a verified restore is over what it takes without."""
    for name in ("restore", "small-restore"):
        whole, without = costs.get(name), costs.get(f"{name}-no-verify")
        if whole and without:
            whole.read_back = max(0.0, whole.seconds - without.seconds)


def choices(costs):
    """One line for each option, with what each of its values took."""
    lines = {}
    for entry in (entry for part in PARTS if part.data == "shop" for entry in part.entries if entry.name in costs):
        if entry.kind not in ("backup", "restore") or entry.name.startswith("merge"):
            continue
        cost = costs[entry.name]
        figures = f"{report.seconds(cost.seconds)} s" + (f" and {cost.stored / 1e6:.0f} MB" if entry.kind == "backup" else "")
        if len(entry.options) == 2:
            lines.setdefault(entry.options[0], []).append(f"`{entry.options[1]}` {figures}")
        elif entry.options or entry.name == "restore":
            lines.setdefault("--no-verify", []).append(f"{'without' if entry.options else 'verified'} {figures}")
    return "\n".join(f"- `{option}`: {', '.join(figures)}." for option, figures in lines.items())


def arguments():
    names = [entry.name for entry in ENTRIES]
    parser = argparse.ArgumentParser(prog="bench mongo", description=__doc__, epilog=f"names: {' '.join(names)}")
    parser.add_argument("--size", type=int, default=dataset.FULL_MB, metavar="MB", help="bytes of BSON (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help=f"the best of N counts (%(default)s); none is begun "
                        f"after {PATIENCE} s")
    parser.add_argument("--restore-runs", type=int, default=1, metavar="N", help="the same for restores (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", default=names, help="measure only these")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the result between the markers in FILE")
    options = parser.parse_args()
    if options.write and options.only is not names:
        parser.error("--write wants the whole of it, without --only")
    return options


def main():
    options = arguments()
    subprocess.run(["tools/setup", f"mongod-{MONGOD}"], check=True)
    runs = {"backup": options.runs, "again": options.runs, "restore": options.restore_runs}
    start, costs, failed, sizes = time.monotonic(), {}, [], []
    for data, parts in itertools.groupby(PARTS, key=lambda part: part.data):
        entries = [entry for part in parts for entry in part.entries if entry.name in options.only]
        if not entries:
            continue
        with (tempfile.TemporaryDirectory(prefix="varve-bench-") as folder,
              Mongod(MONGOD, replica_set="rs0", cache_gb=CACHE_GB, within=WITHIN.get(data)) as server, server.client() as client):
            bench = Bench(server, client, folder, options.size, runs)
            bench.use(data)
            for entry in entries:
                bench.run(entry)
        costs |= bench.costs
        failed += bench.failed
        sizes += bench.sizes
    tell_read_back(costs)
    say(f"measured in {(time.monotonic() - start) / 60:.1f} minutes")
    text = (report.origin("mongo", "; ".join(sizes), ("mongo-tools", "restic", "pbm"), [f"mongod {MONGOD}"]) + "\n\n" +
            report.tables(PARTS, costs, failed))
    report.finish("mongo", {"figures": text, "choices": choices(costs)}, options.write, failed)


if __name__ == "__main__":
    report.run(main)
