"""What is measured, in order; each part is a table of the report."""
from dataclasses import dataclass

from report import Part


@dataclass
class Entry:
    name: str
    title: str
    kind: str  # backup: into an empty store; again: after another; reordered, updated: the same with data changed; restore
    peer: str
    options: tuple = ()


def _options(command, option, *values):
    """varve with each value of an option; restores read what the entry `backup` stored."""
    peer = {"backup": "varve-options", "restore": "varve"}[command]
    return [Entry(f"{command}-{option}-{value}", f"`--{option} {value}`", command, peer, (f"--{option}", value))
            for value in values]


READ_FLOOR = "the server read through one cursor, nothing else done"
WRITE_FLOOR = "the documents inserted through two connections, nothing else done, then the indexes"
NO_VERIFY = ("--no-verify",)

PARTS = [
    Part("Backup into an empty store", "backup", [
        Entry("floor", READ_FLOOR, "backup", "floor"),
        Entry("mongodump", r"`mongodump --gzip --archive`", "backup", "mongodump"),
        Entry("restic", r"`mongodump --archive \| restic backup --stdin`", "backup", "restic"),
        Entry("pbm", "`pbm backup` (s2, file system)", "backup", "pbm"),
        Entry("backup", "**`varve backup`**", "backup", "varve"),
    ]),
    Part("Backup again", "again", [
        Entry("restic-again", r"nothing changed: `mongodump --archive \| restic backup --stdin`", "again", "restic"),
        Entry("again", "**nothing changed: `varve backup`**", "again", "varve"),
    ]),
    Part("`varve backup` into an empty store, by option", "backup", [
        *_options("backup", "compression", "off", "fastest", "auto", "better", "max"),
        *_options("backup", "order", "natural", "id"),
        *_options("backup", "readers", "1", "2", "4"),
    ]),
    Part("Restore", "restore-no-verify", [
        Entry("restore-floor", WRITE_FLOOR, "restore", "floor"),
        Entry("mongorestore", "`mongorestore --gzip --archive`", "restore", "mongodump"),
        Entry("restic-restore", r"`restic dump \| mongorestore --archive`", "restore", "restic"),
        Entry("pbm-restore", "`pbm restore`", "restore", "pbm"),
        Entry("restore-no-verify", "**`varve restore --no-verify`**", "restore", "varve", NO_VERIFY),
        Entry("restore", "**`varve restore`**, which reads it all back", "restore", "varve"),
    ]),
    Part("`varve restore`, by option", "restore", [
        *_options("restore", "writers", "1", "2", "4"),
    ]),
    Part("`varve restore --no-verify` of a backup during which documents were updated", "merge-none", [
        Entry("merge-none", "none", "restore", "varve", NO_VERIFY),
        Entry("merge", "one field of each of 200,000, merged", "restore", "varve-during-updates", NO_VERIFY),
    ]),
    Part("What a second `varve backup` adds", "", [
        Entry("reordered", "the same documents, inserted in another order, as other members hold them (`--order id`)",
              "reordered", "varve-by-id", ("--order", "id")),
        Entry("updated", "one field of 1 % of the documents updated, taken at random", "updated", "varve-by-id"),
    ]),
    Part("2,000 collections of 20 documents: backup into an empty store", "small-backup", [
        Entry("small-floor", READ_FLOOR, "backup", "floor"),
        Entry("small-mongodump", r"`mongodump --gzip --archive`", "backup", "mongodump"),
        Entry("small-restic", r"`mongodump --archive \| restic backup --stdin`", "backup", "restic"),
        Entry("small-pbm", "`pbm backup` (s2, file system)", "backup", "pbm"),
        Entry("small-backup", "**`varve backup`**", "backup", "varve"),
    ], "tenants"),
    Part("2,000 collections of 20 documents: restore", "small-restore-no-verify", [
        Entry("small-restore-floor", WRITE_FLOOR, "restore", "floor"),
        Entry("small-mongorestore", "`mongorestore --gzip --archive`", "restore", "mongodump"),
        Entry("small-pbm-restore", "`pbm restore`", "restore", "pbm"),
        Entry("small-restore-no-verify", "**`varve restore --no-verify`**", "restore", "varve", NO_VERIFY),
        Entry("small-restore", "**`varve restore`**, which reads it all back", "restore", "varve"),
    ], "tenants"),
]
ENTRIES = [entry for part in PARTS for entry in part.entries]
