"""The figures as Markdown, and where they came from."""
import os
import platform
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

COLUMNS = ("", "seconds", "times varve", "after opening", "times varve", "read back", "CPU s", "server CPU s", "peak MiB",
           "stored MB")
PEERS = {"mongo-tools": ("tests/peers/go.mod", "github.com/mongodb/mongo-tools"),
         "restic": ("tests/peers/go.mod", "github.com/restic/restic"),
         "pbm": ("tests/peers/pbm/go.mod", "github.com/percona/percona-backup-mongodb")}


@dataclass
class Part:
    """One table; each of its entries has a name and a title."""

    title: str
    base: str  # the entry that the others are compared with
    entries: list
    data: str = "shop"  # which is used, where there are several


def say(text):
    """What happens meanwhile; the figures alone go to standard output."""
    print(text, file=sys.stderr, flush=True)


def run(main):
    """main(), which ends in order when it is interrupted or asked to."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)


def _machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1]) / 2**20
    return (f"{os.cpu_count()} cores ({model[1] if model else platform.machine()}), {memory:.0f} GiB, "
            f"Linux {platform.release()}")


def _versions(peers, extra):
    """Of varve and of what it is compared with; the tests' peers are pinned in their go.mod."""
    found = list(extra)
    for name in peers:
        file, module = PEERS[name]
        pinned = re.search(re.escape(module) + r" v(\S+)(?: // is (\S+))?", Path(file).read_text())
        found.append(f"{name} {pinned[2] or pinned[1]}")
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    return ", ".join([f"varve {commit or 'of an unknown commit'}", *found])


def align(rows):
    """Columns of one width, so that it can be read before it is rendered."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))) + " |" for row in rows]
    rule = "|" + "|".join("-" * (width + 2) if i == 0 else "-" * (width + 1) + ":" for i, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def seconds(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def origin(bench, data, peers, extra=()):
    """When, where and with what the figures were made."""
    return (f"{datetime.now(timezone.utc):%Y-%m-%d}, {data}, {_machine()}. {_versions(peers, extra)}. "
            f"Made by `{shlex.join(['./dev', 'bench', bench, *sys.argv[1:]])}`.")


def tables(parts, costs, failed):
    """One for each part that has figures; columns that say nothing are left out."""
    return "\n\n".join(filter(None, (_table(part, costs, failed) for part in parts)))


def _table(part, costs, failed):
    rows = [_row(part, entry, costs, failed) for entry in part.entries if entry.name in costs or entry.name in failed]
    if not rows:
        return ""
    shown = [i for i in range(len(COLUMNS)) if i < 2 or any(row[i] for row in rows)]
    return f"**{part.title}**\n\n{align([[row[i] for i in shown] for row in (COLUMNS, *rows)])}"


def _row(part, entry, costs, failed):
    if entry.name in failed:
        return (entry.title, "failed", *[""] * (len(COLUMNS) - 2))
    cost, base = costs[entry.name], costs.get(part.base)
    opened = base and 0 < base.opening < base.seconds
    return (entry.title, seconds(cost.seconds), f"{cost.seconds / base.seconds:.2f}" if base else "",
            seconds(cost.seconds - cost.opening) if opened else "",
            f"{(cost.seconds - cost.opening) / (base.seconds - base.opening):.2f}" if opened else "",
            seconds(cost.read_back) if cost.read_back else "", f"{cost.cpu:.1f}",
            f"{cost.server_cpu:.1f}" if cost.server_cpu else "", f"{cost.rss / 2**20:.0f}",
            f"{cost.stored / 1e6:.1f}" if cost.stored else "")


def finish(bench, sections, path, failed):
    """Prints the figures, the first of the sections; puts all into the page if one is named; fails if anything did."""
    print(sections["figures"])
    if path:
        write(path, bench, sections)
    if failed:
        sys.exit(f"bench: failed: {' '.join(failed)}")


def write(path, bench, sections):
    """Puts each text between its markers."""
    page = path.read_text()
    for marker, text in sections.items():
        begin, end = f"<!-- bench {bench}: {marker} -->", f"<!-- bench {bench}: end of {marker} -->"
        before, _, rest = page.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            sys.exit(f"bench: {path} has no {begin} ... {end}")
        page = f"{before}{begin}\n\n{text}\n\n{end}{after}"
    path.write_text(page)
