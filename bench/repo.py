"""varve beside restic on the same folders and repositories of one kind: seconds, processor time, memory, bytes stored.

Both work on repositories that restic made, so that a password costs both the same to check; what that and the wait for
locks cost is measured by itself, as `snapshots`, and told apart. restic keeps its cache, as it does by default. Each figure
is the best of a few runs.
"""
import argparse
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from harness.tools import Repository, restic19, varve_binary
from support.sealed import Sealer, write_big_index

import files
import measure
import report
from measure import Failed
from report import say

GENERATIONS = 10


@dataclass
class Entry:
    name: str
    title: str
    task: str
    program: str


TASKS = {"open": "Open a repository: `snapshots`", "large": "Back up a large file", "small": "Back up many small files", "again": "Back both up again, unchanged",
         "restore": "Restore both", "check": "`check --read-data` of both", "prune": "`prune` after half was forgotten",
         "index": "`ls` of one file beside a million blobs"}
# varve's restore waits for the disk; restic leaves what it wrote to the kernel.
DURABLE = Entry("restore-durable", "`restic`, then `sync -f`", "durable", "restic")


def entries(task):
    restic, varve = Entry(f"{task}-restic", "`restic`", task, "restic"), Entry(f"{task}-varve", "**`varve`**", task, "varve")
    return [restic, DURABLE, varve] if task == "restore" else [restic, varve]


PARTS = [report.Part(title, f"{task}-varve", entries(task)) for task, title in TASKS.items()]


class Program:
    """One of the two, with a repository of its own; the commands that differ are told apart here and nowhere else."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder / name
        self.folder.mkdir()
        self.repository = Repository(self.folder)
        self.binary = varve_binary() if name == "varve" else restic19()
        self.restores = 0
        self.opening = 0

    def reset(self, template=None):
        """An empty repository, or a copy of one."""
        shutil.rmtree(self.repository.path, ignore_errors=True)
        if template:
            shutil.copytree(template, self.repository.path)
        else:
            self.repository.restic("init")

    def run(self, *args, storage=False):
        return measure.measure([[self.binary, *args]], self.repository.env, self.folder / "output",
                               storage=self.repository.path if storage else None)

    def back_up(self, *folders):
        return self.run("backup", *(["files"] if self.name == "varve" else []), *folders, storage=True)

    def restore(self, durable=False):
        self.restores += 1  # into a new folder: ext4 is slow to give away again what was just removed
        target = self.folder / f"restored-{self.restores}"
        words = [self.binary, "restore", "latest", "--target", target]
        if durable:
            words = ["/bin/sh", "-c", '"$@" && sync -f "$0"', target, *words]
        os.sync()  # of what came before
        return measure.measure([words], self.repository.env, self.folder / "output"), target


class Bench:
    def __init__(self, folder, options):
        self.folder, self.runs = Path(folder), options.runs
        self.large, self.small = self.folder / "source" / "large", self.folder / "source" / "small"
        say("making the data")
        files.make_large(self.large, options.size)
        files.make_small(self.small, options.files)
        self.data = f"one file of {options.size:,} MB and {options.files:,} of 1 to 8 KiB"
        self.programs = {name: Program(name, self.folder) for name in ("restic", "varve")}
        self.costs, self.failed, self._generations = {}, [], None

    def run(self, entry):
        program, costs = self.programs[entry.program], []
        try:
            for _ in range(self.runs):
                costs.append(getattr(self, f"_{entry.task}")(program))
                costs[-1].opening = program.opening
                say(f"  {entry.name:20}{costs[-1].seconds:8.2f} s  {costs[-1].rss / 2**20:6.0f} MiB")
            self.costs[entry.name] = min(costs, key=lambda cost: cost.seconds)
            if entry.task == "open":
                program.opening = self.costs[entry.name].seconds
        except (Failed, AssertionError) as error:
            self.failed.append(entry.name)
            say(f"  {entry.name:20}  FAILED: {error}")

    def _open(self, program):
        self._both(program)
        return program.run("snapshots")

    def _large(self, program):
        program.holds = None
        program.reset()
        return program.back_up(self.large)

    def _small(self, program):
        program.holds = None
        program.reset()
        return program.back_up(self.small)

    def _both(self, program):
        """A repository that holds both folders."""
        template = self.folder / "both"
        if not template.exists():
            self.programs["restic"].reset()
            self.programs["restic"].back_up(self.large, self.small)
            shutil.copytree(self.programs["restic"].repository.path, template)
        if getattr(program, "holds", None) != "both":
            program.reset(template)
            program.run("snapshots")
        program.holds = "both"

    def _again(self, program):
        self._both(program)
        return program.back_up(self.large, self.small)

    def _durable(self, program):
        return self._restore(program, durable=True)

    def _restore(self, program, durable=False):
        self._both(program)
        cost, target = program.restore(durable)
        restored = sum(1 for path in target.rglob("*") if path.is_file())
        expected = sum(1 for path in self.folder.joinpath("source").rglob("*") if path.is_file())
        if restored != expected:
            raise Failed(f"{restored} files came back instead of {expected}")
        return cost

    def _check(self, program):
        self._both(program)
        return program.run("check", "--read-data")

    def _prune(self, program):
        program.holds = None
        program.reset(self._history())
        program.run("forget", "--keep-last", str(GENERATIONS // 2))
        before = measure.bytes_in(program.repository.path)
        cost = program.run("prune")
        if measure.bytes_in(program.repository.path) >= before:
            raise Failed("nothing was freed")
        return cost

    def _history(self):
        """A repository of ten snapshots, half of a folder new in each."""
        if self._generations is None:
            maker = self.programs["restic"]
            maker.holds = None
            maker.reset()
            for number in range(GENERATIONS):
                files.make_generation(self.folder / "changing", number)
                maker.back_up(self.folder / "changing")
            self._generations = self.folder / "history"
            shutil.copytree(maker.repository.path, self._generations)
        return self._generations

    def _index(self, program):
        """The index is what takes the time."""
        if getattr(program, "holds", None) != "million":
            program.reset(self._million())
            program.run("snapshots")
        program.holds = "million"
        return program.run("ls", "latest")

    def _million(self):
        """A repository of one small file and a million blobs that are only in the index."""
        template = self.folder / "million"
        if not template.exists():
            maker = self.programs["restic"]
            maker.reset()
            (self.folder / "tiny").write_text("a file\n")
            maker.back_up(self.folder / "tiny")
            write_big_index(Sealer(maker.repository), 1_000_000)
            shutil.copytree(maker.repository.path, template)
            maker.holds = None
        return template


def arguments():
    parser = argparse.ArgumentParser(prog="bench repo", description=__doc__, epilog=f"tasks: {' '.join(TASKS)}")
    parser.add_argument("--size", type=int, default=files.LARGE_MB, metavar="MB", help="of the large file (%(default)s)")
    parser.add_argument("--files", type=int, default=files.SMALL_FILES, metavar="N", help="small files (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="the best of N counts (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=TASKS, metavar="TASK", default=list(TASKS), help="measure only these")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the result between the markers in FILE")
    options = parser.parse_args()
    if options.write and set(options.only) != set(TASKS):
        parser.error("--write wants the whole of it, without --only")
    return options


def main():
    options = arguments()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="varve-bench-") as folder:
        bench = Bench(folder, options)
        for task, part in zip(TASKS, PARTS):
            for entry in part.entries if task in options.only else ():
                bench.run(entry)
    say(f"measured in {(time.monotonic() - start) / 60:.1f} minutes")
    text = (report.origin("repo", bench.data, ("restic",)) + "\n\n" + report.tables(PARTS, bench.costs, bench.failed))
    report.finish("repo", {"figures": text}, options.write, bench.failed)


if __name__ == "__main__":
    report.run(main)
