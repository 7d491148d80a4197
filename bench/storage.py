"""varve beside restic with the repository on a MinIO of this machine, near and with a wait added to every request, and in a local
folder: seconds, processor time, memory, bytes stored.

Each works on a repository of its own, with its cache, as by default. Each figure is the best of a few runs. At the end both list
a repository of many packs.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from harness.stores import Minio
from harness.tools import Repository, restic19, varve_binary

import files
import measure
import report
from measure import Failed
from report import say

BUCKET = "bench"
PLACES = {"minio": "on MinIO", "far": "on MinIO, each request {} ms later", "local": "in a local folder"}
TASKS = {"backup": "Back up", "restore": "Restore", "check": "`check --read-data`"}


@dataclass
class Entry:
    name: str
    title: str
    task: str
    program: str
    place: str


def entry(task, program, place, title):
    return Entry(f"{task}-{place}-{program}", title, task, program, place)


def parts(wait):
    found = []
    for task, what in TASKS.items():
        for place in ("minio", "far"):
            rows = [entry(task, "restic", place, "`restic`"), entry(task, "varve", place, "**`varve`**")]
            if place == "minio":
                rows += [entry(task, "restic", "local", "`restic`, a local folder"), entry(task, "varve", "local", "`varve`, a local folder")]
            found.append(report.Part(f"{what}, {PLACES[place].format(wait)}", f"{task}-{place}-varve", rows))
    return found


def listing(packs):
    rows = [entry("list", "restic", "minio", "`restic`"), entry("list", "varve", "minio", "**`varve`**")]
    return report.Part(f"List {packs:,} packs on MinIO: `prune --dry-run`", "list-minio-varve", rows)


class Far:
    """A way to the server on which each request takes so many milliseconds more."""

    def __init__(self, server, wait):
        self._process = subprocess.Popen([sys.executable, "-I", Path(__file__).with_name("far.py"), server.host, str(wait / 1000)],
                                         stdout=subprocess.PIPE, text=True)
        self.port = int(self._process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()


class Program:
    """One of the two at one of the places."""

    def __init__(self, name, folder, place, server, port):
        self.name = name
        self.folder = folder / f"{name}-{place}"
        self.folder.mkdir()
        self.repository = Repository(self.folder)
        self.binary = varve_binary() if name == "varve" else restic19()
        self._server, self._port, self._number = (server if place != "local" else None), port, 0
        self.repository.env |= server.env

    @property
    def stored(self):
        """The folder that grows."""
        return self._server.folder / "data" / BUCKET / self._prefix if self._server else self.repository.path

    @property
    def _prefix(self):
        return f"{self.folder.name}-{self._number}"

    def begin(self):
        """An empty repository; what was in the last one is gone."""
        shutil.rmtree(self.stored, ignore_errors=True)
        self._number += 1
        if self._server:
            self.repository.env["RESTIC_REPOSITORY"] = f"s3:http://127.0.0.1:{self._port}/{BUCKET}/{self._prefix}"
        self.repository.restic("init")

    def run(self, *words, grows=False):
        os.sync()  # of what came before
        return measure.measure([[self.binary, *words]], self.repository.env, self.folder / "output", storage=self.stored if grows else None)


class Bench:
    def __init__(self, folder, options, server, far):
        self._runs, self._source = options.runs, folder / "source"
        say("making the data")
        files.make_large(self._source / "large", options.size)
        self.data = f"one file of {options.size:,} MB"
        ports = {"minio": server.port, "far": far.port, "local": 0}
        self._programs = {(name, place): Program(name, folder, place, server, port) for name in ("restic", "varve") for place, port in ports.items()}
        self._server, self._restored = server, 0
        self.costs, self.failed = {}, []

    def run(self, wanted):
        program, costs = self._programs[wanted.program, wanted.place], []
        try:
            for _ in range(self._runs):
                costs.append(getattr(self, f"_{wanted.task}")(program))
                say(f"  {wanted.name:24}{costs[-1].seconds:8.2f} s  {costs[-1].rss / 2**20:6.0f} MiB")
            self.costs[wanted.name] = min(costs, key=lambda cost: cost.seconds)
        except (Failed, AssertionError) as error:
            self.failed.append(wanted.name)
            say(f"  {wanted.name:24}  FAILED: {error}")

    def _backup(self, program):
        program.begin()
        return program.run("backup", *(["files"] if program.name == "varve" else []), self._source, grows=True)

    def _restore(self, program):
        self._restored += 1
        target = program.folder / f"restored-{self._restored}"
        cost = program.run("restore", "latest", "--target", target)
        back = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
        shutil.rmtree(target)
        if back != sum(path.stat().st_size for path in self._source.rglob("*") if path.is_file()):
            raise Failed(f"{back} bytes came back")
        return cost

    def _check(self, program):
        return program.run("check", "--read-data")

    def _list(self, program):
        return program.run("prune", "--dry-run")

    def fill(self, packs):
        """Puts so many packs into both repositories on MinIO; none of them is in an index."""
        for name in ("restic", "varve"):
            program = self._programs[name, "minio"]
            program.begin()
            folder = program.folder / "many"
            for number in range(packs):
                pack = os.urandom(32).hex()
                path = folder / "data" / pack[:2] / pack
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"x")
            say(f"  putting {packs:,} packs there")
            env = {**program.repository.env, "RCLONE_CONFIG_MINIO_TYPE": "s3", "RCLONE_CONFIG_MINIO_PROVIDER": "Minio",
                   "RCLONE_CONFIG_MINIO_ENV_AUTH": "true", "RCLONE_CONFIG_MINIO_ENDPOINT": self._server.url}
            place = program.repository.env["RESTIC_REPOSITORY"].rsplit(f"/{BUCKET}/", 1)[1]
            subprocess.run(["rclone", "copy", "--transfers", "16", "--no-check-dest", folder, f"minio:{BUCKET}/{place}"], env=env, check=True)
            shutil.rmtree(folder)


def arguments():
    parser = argparse.ArgumentParser(prog="bench storage", description=__doc__)
    parser.add_argument("--size", type=int, default=1000, metavar="MB", help="of what is backed up (%(default)s)")
    parser.add_argument("--wait", type=int, default=50, metavar="MS", help="added to each request of a far server (%(default)s)")
    parser.add_argument("--packs", type=int, default=100_000, metavar="N", help="packs that are listed (%(default)s)")
    parser.add_argument("--runs", type=int, default=2, metavar="N", help="the best of N counts (%(default)s)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the result between the markers in FILE")
    return parser.parse_args()


def main():
    options = arguments()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="varve-bench-") as folder, Minio() as server, Far(server, options.wait) as far:
        bench = Bench(Path(folder), options, server, far)
        measured = parts(options.wait)
        for part in measured:
            for wanted in part.entries:
                bench.run(wanted)
        if options.packs:
            bench.fill(options.packs)
            measured.append(listing(options.packs))
            for wanted in measured[-1].entries:
                bench.run(wanted)
    say(f"measured in {(time.monotonic() - start) / 60:.1f} minutes")
    text = report.origin("storage", bench.data, ("restic",)) + "\n\n" + report.tables(measured, bench.costs, bench.failed)
    report.finish("storage", {"figures": text}, options.write, bench.failed)


if __name__ == "__main__":
    report.run(main)
