"""The programs that are measured, each with a store of its own: what to run for a backup and for a restore."""
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from harness.process import Server
from harness.servers import wait_until
from harness.tools import Repository, run, varve_binary

import measure
from dataset import DATA, update
from measure import Failed

PEERS = Path(os.environ["VARVE_PEERS"])


class Peer:
    """`storage` is the file or folder that backups go to, `env` what the commands run in: nothing of the user's."""

    opens = None  # what opens the repository and does nothing else, for programs that have one

    def __init__(self, server, folder):
        self.server, self.folder = server, Path(folder)
        self.folder.mkdir()
        self.data = "shop"
        self._opening = None
        self.repository = Repository(self.folder)
        self.env, self.storage = self.repository.env, self.repository.path
        self.backed_up = False

    def measure(self, stages, **options):
        return measure.measure(stages, self.env, self.folder / "output", self.server.pid, storage=self.storage, **options)

    @property
    def opening(self):
        """Seconds; half a second of it checks the password on purpose."""
        if self.opens and self._opening is None:
            self._opening = min(self.measure([self.opens]).seconds for _ in range(3))
        return self._opening or 0

    def use(self, data):
        """What is backed up from now on."""
        self.data, self.backed_up = data, False

    def empty(self):
        """Begins with an empty store."""
        shutil.rmtree(self.storage, ignore_errors=True)
        self.backed_up = False

    def back_up(self, *options):
        cost = self.measure(self.backup_stages(*options))
        self.backed_up = True
        return cost

    def ensure_backup(self, *options):
        if not self.backed_up:
            self.empty()
            self.back_up(*options)

    def restore(self, *options):
        return self.measure(self.restore_stages(*options))


class Floor(Peer):
    """The server's documents through one cursor, and nothing done with them; and the other way through two connections."""

    def empty(self):
        super().empty()
        self.storage.mkdir()

    def backup_stages(self):
        return [self._wire("read", *DATA[self.data].collections)]

    def ensure_backup(self):
        self.empty()
        run(*self._wire("keep", self.storage, *DATA[self.data].collections))

    def restore_stages(self):
        return [self._wire("write", self.storage, self.data)]

    def _wire(self, what, *args):
        return [sys.executable, "bench/wire.py", what, self.server.host, *args]


class Mongodump(Peer):
    def empty(self):
        """A dump replaces the one before."""
        self.storage.unlink(missing_ok=True)

    def backup_stages(self):
        return [[PEERS / "mongodump", "--uri", self.server.uri, "--gzip", f"--archive={self.storage}"]]

    def restore_stages(self):
        return [[PEERS / "mongorestore", "--uri", self.server.uri, "--gzip", f"--archive={self.storage}"]]


class Restic(Peer):
    opens = [PEERS / "restic", "snapshots"]

    def empty(self):
        super().empty()
        self.repository.restic("init")

    def backup_stages(self):
        return [[PEERS / "mongodump", "--uri", self.server.uri, "--archive"],
                [PEERS / "restic", "backup", "--stdin", "--stdin-filename", "dump.archive"]]

    def restore_stages(self):
        return [[PEERS / "restic", "dump", "latest", "dump.archive"],
                [PEERS / "mongorestore", "--uri", self.server.uri, "--archive"]]


class Pbm(Peer):
    """Its agent, which does the work, runs only while something is measured and is counted with the command."""

    def __init__(self, server, folder):
        super().__init__(server, folder)
        self.env = {**self.env, "PBM_MONGODB_URI": server.uri}
        made = subprocess.run(["tools/setup", "pbm"], check=True, stdout=subprocess.PIPE, text=True)
        self._pbm, self._agent = (Path(made.stdout.strip(), name) for name in ("pbm", "pbm-agent"))
        self.storage.mkdir()
        config = self.folder / "pbm.yaml"
        config.write_text(f"storage:\n  type: filesystem\n  filesystem:\n    path: {self.storage}\n")
        self._ask("config", "--file", config)

    def empty(self):
        """Every backup is a full one, in a folder of its own."""

    def measure(self, stages):
        with Server("pbm-agent") as agent:
            agent.start([self._agent], self.env)
            wait_until(self._ready, "pbm-agent")
            cost = super().measure(stages, helper_pid=agent.pid)
            wait_until(lambda: not self._ask("status", "--sections", "running")["running"], "the end of pbm's work")
            agent.shut_down()
            return cost

    def _ready(self):
        return all(node["ok"] for part in self._ask("status", "--sections", "cluster")["cluster"] for node in part["nodes"])

    def _ask(self, *args):
        return json.loads(run(self._pbm, *args, "--out", "json", env=self.env).stdout)

    def backup_stages(self):
        return [[self._pbm, "backup", "--wait"]]

    def restore_stages(self):
        name = max(backup["name"] for backup in self._ask("list")["snapshots"] if backup["status"] == "done")
        return [[self._pbm, "restore", name, "--wait"]]


class Varve(Peer):
    opens = [varve_binary(), "snapshots"]

    def empty(self):
        super().empty()
        self.repository.run(varve_binary(), "init")

    def backup_stages(self, *options):
        return [[varve_binary(), "backup", self.server.uri, "--source", "bench", *options]]

    def restore_stages(self, *options):
        return [[varve_binary(), "restore", "latest", "--to", self.server.uri, "--yes", *options]]

    def restore(self, *options):
        """Without verification it ends with 3: usable, but something was left out."""
        return self.measure(self.restore_stages(*options), accepted=(0, 3) if "--no-verify" in options else (0,))


class VarveDuringUpdates(Varve):
    """Its backup is held up while documents are updated, so that a restore has to merge all of the updates."""

    UPDATES = 200_000

    def ensure_backup(self):
        if self.backed_up:
            return
        self.empty()
        words = [varve_binary(), "backup", self.server.uri, "--source", "bench", "--readers", "1", "--read-at", "window",
                 "--json"]
        with subprocess.Popen(words, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as backup:
            events = map(json.loads, backup.stdout)
            event = next(event for event in events if event["message_type"] in ("status", "summary", "exit_error"))
            if event["message_type"] != "status":
                raise Failed(f"the backup ended before it could be held up: {event}")
            backup.send_signal(signal.SIGSTOP)  # it reads by now
            try:
                with self.server.client() as client:
                    updates = update(client, DATA[self.data], most=self.UPDATES)
            finally:
                backup.send_signal(signal.SIGCONT)
            summary = list(events)[-1]
        if summary.get("oplog_operations", 0) < updates:
            raise Failed(f"the updates were not made during the backup: {summary}")
        self.backed_up = True
