"""The figures as Markdown, and where they came from."""
import os
import platform
import re
import shlex
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

COLUMNS = ("", "seconds", "times varve", "CPU s", "server CPU s", "peak MiB", "stored MB")
PEERS = {"mongo-tools": ("tests/peers/go.mod", "github.com/mongodb/mongo-tools"),
         "restic": ("tests/peers/go.mod", "github.com/restic/restic"),
         "pbm": ("tests/peers/pbm/go.mod", "github.com/percona/percona-backup-mongodb")}


def _machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1]) / 2**20
    return (f"{os.cpu_count()} cores ({model[1] if model else platform.machine()}), {memory:.0f} GiB, "
            f"Linux {platform.release()}")


def _versions(mongod):
    found = [f"mongod {mongod}"]
    for name, (file, module) in PEERS.items():
        pinned = re.search(re.escape(module) + r" v(\S+)(?: // is (\S+))?", Path(file).read_text())
        found.append(f"{name} {pinned[2] or pinned[1]}")
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    return ", ".join([f"varve {commit or 'of an unknown commit'}", *found])


def _seconds(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _align(rows):
    """Columns of one width, so that it can be read before it is rendered."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))) + " |" for row in rows]
    rule = "|" + "|".join("-" * (width + 2) if i == 0 else "-" * (width + 1) + ":" for i, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


class Report:
    def __init__(self, parts, costs, failed, data, mongod):
        self._parts, self._costs, self._failed = parts, costs, failed
        self._origin = (f"{datetime.now(timezone.utc):%Y-%m-%d}, {data}, {_machine()}. {_versions(mongod)}. "
                        f"Made by `{shlex.join(['./dev', 'bench', 'mongo', *sys.argv[1:]])}`.")

    def text(self):
        return "\n\n".join([self._origin, *filter(None, map(self._table, self._parts))])

    def _table(self, part):
        rows = [self._row(part, entry) for entry in part.entries if entry.name in self._costs or entry.name in self._failed]
        if not rows:
            return ""
        shown = len(COLUMNS) if any(row[-1] for row in rows) else -1
        return f"**{part.title}**\n\n{_align([row[:shown] for row in (COLUMNS, *rows)])}"

    def _row(self, part, entry):
        if entry.name in self._failed:
            return (entry.title, "failed", *[""] * (len(COLUMNS) - 2))
        cost, base = self._costs[entry.name], self._costs.get(part.base)
        return (entry.title, _seconds(cost.seconds), f"{cost.seconds / base.seconds:.2f}" if base else "", f"{cost.cpu:.1f}",
                f"{cost.server_cpu:.1f}", f"{cost.rss / 2**20:.0f}",
                f"{cost.stored / 1e6:.1f}" if entry.kind != "restore" and entry.peer != "floor" else "")

    def _choices(self):
        """One line for each option, with what each of its values took."""
        lines = {}
        for entry in (entry for part in self._parts for entry in part.entries if entry.name in self._costs):
            cost = self._costs[entry.name]
            figures = f"{_seconds(cost.seconds)} s" + (f" and {cost.stored / 1e6:.0f} MB" if entry.kind == "backup" else "")
            if len(entry.options) == 2:
                lines.setdefault(entry.options[0], []).append(f"`{entry.options[1]}` {figures}")
            elif entry.options or entry.name == "restore":
                lines.setdefault("--no-verify", []).append(f"{'without' if entry.options else 'verified'} {figures}")
        return "\n".join(f"- `{option}`: {', '.join(figures)}." for option, figures in lines.items())

    def write(self, path):
        page = path.read_text()
        for marker, text in (("figures", self.text()), ("choices", self._choices())):
            begin, end = f"<!-- bench mongo: {marker} -->", f"<!-- bench mongo: end of {marker} -->"
            before, _, rest = page.partition(begin)
            _, found, after = rest.partition(end)
            if not found:
                sys.exit(f"bench: {path} has no {begin} ... {end}")
            page = f"{before}{begin}\n\n{text}\n\n{end}{after}"
        path.write_text(page)
