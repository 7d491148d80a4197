"""What is measured, in order; each part is a table of the report."""
from dataclasses import dataclass


@dataclass
class Entry:
    name: str
    title: str
    kind: str  # backup: into an empty store; again: nothing changed since the last one; restore
    peer: str
    options: tuple = ()


@dataclass
class Part:
    title: str
    base: str  # the entry that the others are compared with
    entries: list


def _options(command, option, *values):
    """varve with each value of an option; restores read what the entry `backup` stored."""
    peer = {"backup": "varve-options", "restore": "varve"}[command]
    return [Entry(f"{command}-{option}-{value}", f"`--{option} {value}`", command, peer, (f"--{option}", value))
            for value in values]


PARTS = [
    Part("Backup into an empty store", "backup", [
        Entry("floor", "the server read through one cursor, nothing else done", "backup", "floor"),
        Entry("mongodump", r"`mongodump --gzip --archive`", "backup", "mongodump"),
        Entry("restic", r"`mongodump --archive \| restic backup --stdin`", "backup", "restic"),
        Entry("pbm", "`pbm backup` (s2, file system)", "backup", "pbm"),
        Entry("backup", "**`varve backup`**", "backup", "varve"),
    ]),
    Part("Backup again, nothing changed", "again", [
        Entry("restic-again", r"`mongodump --archive \| restic backup --stdin`", "again", "restic"),
        Entry("again", "**`varve backup`**", "again", "varve"),
    ]),
    Part("`varve backup` into an empty store, by option", "backup", [
        *_options("backup", "compression", "off", "fastest", "auto", "better", "max"),
        *_options("backup", "order", "natural", "id"),
        *_options("backup", "readers", "1", "2", "4"),
    ]),
    Part("Restore", "restore", [
        Entry("mongorestore", "`mongorestore --gzip --archive`", "restore", "mongodump"),
        Entry("restic-restore", r"`restic dump \| mongorestore --archive`", "restore", "restic"),
        Entry("pbm-restore", "`pbm restore`", "restore", "pbm"),
        Entry("restore", "**`varve restore`**", "restore", "varve"),
    ]),
    Part("`varve restore`, by option", "restore", [
        Entry("restore-no-verify", "`--no-verify`", "restore", "varve", ("--no-verify",)),
        *_options("restore", "writers", "1", "2", "4"),
    ]),
]
ENTRIES = [entry for part in PARTS for entry in part.entries]
