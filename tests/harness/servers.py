"""Real MongoDB servers on loopback, each in a temporary folder, gone when stopped or when the tests end.

    with Mongod() as server: ...                      a standalone of the default version
    with Mongod("5.0.4", replica_set="rs0") as s:     a one-member replica set
    with ReplicaSet(members=3, hidden=1) as rs:       a primary, a secondary and a hidden member
    with ShardedParts() as cluster:                   a config server and shards, without a mongos

A version is one of VERSIONS, or None for the default: a mongod of 6.0 or later on the PATH, else 6.0.5.
"""
import functools
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import pymongo
from pymongo.errors import PyMongoError

from .process import Server, free_port

VERSIONS = ("6.0.5", "5.0.4", "4.2.6")
USER, PASSWORD = "root", "root's pass/word"
START_SECONDS = 60
FAST_ELECTIONS = {"electionTimeoutMillis": 4000, "heartbeatIntervalMillis": 500}


class ServerError(Exception):
    pass


@functools.cache
def _own_mongod():
    path = shutil.which("mongod")
    if not path:
        return None
    found = re.search(r"db version v(\d+)", subprocess.run([path, "--version"], capture_output=True, text=True).stdout)
    return path if found and int(found[1]) >= 6 else None


def _program(version):
    """The binary and the environment it wants."""
    if version is None and _own_mongod():
        return _own_mongod(), None
    folder = Path(os.environ["VARVE_CACHE"]) / f"mongod-{version or VERSIONS[0]}"
    if not (folder / "mongod").exists():
        raise ServerError(f"no mongod {version} on this machine; get it:  ./dev setup mongod-{version or VERSIONS[0]}")
    library = folder / "lib"
    return folder / "mongod", {**os.environ, "LD_LIBRARY_PATH": str(library)} if library.exists() else None


def wait_until(condition, what, seconds=START_SECONDS, every=0.05):
    """Returns the first true answer of `condition`; driver errors count as not yet."""
    deadline, last = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        try:
            answer = condition()
            if answer:
                return answer
        except PyMongoError as error:
            last = error
        time.sleep(every)
    raise ServerError(f"{what}: not within {seconds} s" + (f" (last error: {last})" if last else ""))


class Mongod(Server):
    """One mongod, started. With `replica_set` it is a one-member set with a primary, with `auth` the user USER exists;
    `initiate=False` leaves both to the caller. `tls`: pymongo's options for a server that wants TLS."""

    def __init__(self, version=None, replica_set=None, auth=False, extra_args=(), *, initiate=True, key_file=None,
                 cache_gb=0.5, tls=None, oplog_mb=256, within=None):
        super().__init__("mongod", within)
        self._tls = {"tls": True, **tls} if tls else {}
        self.replica_set, self.auth = replica_set, auth
        self._binary, self._env = _program(version)
        self._args = ["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", cache_gb,
                      "--setParameter", "diagnosticDataCollectionEnabled=false"]
        if replica_set:
            self._args += ["--replSet", replica_set, "--oplogSize", oplog_mb]
        if auth:
            self._args += ["--keyFile", key_file or self._write_key()] if replica_set else ["--auth"]
        self._args += extra_args
        (self.folder / "data").mkdir()
        self._login = ""
        try:
            self._start_on_free_port()
            if initiate:
                self._initiate()
        except BaseException:
            self.stop()
            raise

    def _write_key(self):
        path = self.folder / "key"
        path.write_text("a key that only these tests know\n".replace(" ", ""))
        path.chmod(0o600)
        return path

    def _start_on_free_port(self):
        for _ in range(5):
            self.port = free_port()
            if self._starts():
                return
            if "Address already in use" not in self.log():
                break
        raise ServerError(f"mongod does not start:\n{self.log()}")

    def start_again(self):
        """Starts it on its port and its data, also after kill() or shut_down()."""
        wait_until(self._starts, f"mongod at port {self.port}", every=1)  # until who has its port meanwhile lets go

    def _starts(self):
        """False if it ends at once."""
        begin = self.log_path.stat().st_size if self.log_path.exists() else 0
        self.start([self._binary, "--dbpath", self.folder / "data", "--port", self.port, *self._args], self._env)

        def listens():
            return "aiting for connections" in self.log_path.read_bytes()[begin:].decode(errors="replace")
        # Its own word first: somebody else may listen on the port, and answer.
        wait_until(lambda: not self.running or listens() and self._ping(), f"mongod at port {self.port}")
        return self.running

    def _ping(self):
        with self.client(login=False, serverSelectionTimeoutMS=500) as client:
            return client.admin.command("ping")

    def _initiate(self):
        if self.replica_set:
            self.initiate([{"_id": 0, "host": self.host}])
            self.wait_for_state("PRIMARY")
        if self.auth:
            self.add_root()

    def initiate(self, members, **config):
        with self.client(login=False) as client:
            client.admin.command("replSetInitiate", {"_id": self.replica_set, "members": members,
                                                     "settings": FAST_ELECTIONS, **config})

    def add_root(self):
        """Uses the exception for a server that has no user yet, which holds on the primary only."""
        with self.client(login=False) as client:
            client.admin.command("createUser", USER, pwd=PASSWORD, roles=["root"])
        self.log_in()

    def log_in(self):
        self._login = f"{USER}:{quote(PASSWORD, safe='')}@"

    def wait_for_state(self, *states):
        """Waits until the member is one of PRIMARY, SECONDARY; asks it without a login."""
        flags = {"PRIMARY": "ismaster", "SECONDARY": "secondary"}

        def reached():
            with self.client(login=False) as client:
                answer = client.admin.command("isMaster")
                return any(answer.get(flags[state]) for state in states)
        wait_until(reached, f"port {self.port} as {' or '.join(states)}")

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    @property
    def uri(self):
        options = [f"replicaSet={self.replica_set}"] if self.replica_set else []
        return self._uri(self._login, options + (["authSource=admin"] if self._login else []))

    @property
    def direct_uri(self):
        """To this member whatever its set says of it."""
        return self._uri(self._login, ["directConnection=true"] + (["authSource=admin"] if self._login else []))

    def uri_as(self, user, password, database="admin"):
        return self._uri(f"{quote(user, safe='')}:{quote(password, safe='')}@", [f"authSource={database}"])

    def _uri(self, login, options):
        return f"mongodb://{login}{self.host}/" + ("?" + "&".join(options) if options else "")

    def client(self, login=True, **options):
        """A new pymongo client of this member alone. No command waits for ever: a test must end though its server hangs."""
        uri = self.direct_uri if login else f"mongodb://{self.host}/?directConnection=true"
        return pymongo.MongoClient(uri, **{"serverSelectionTimeoutMS": 10_000, "socketTimeoutMS": 150_000, **self._tls, **options})

    @functools.cached_property
    def version(self):
        with self.client() as client:
            return client.server_info()["version"]


class ReplicaSet:
    """A set of several members: `nodes`, of them the last `hidden` ones hidden with priority 0. Only the first can
    become primary at the start; any visible one can later."""

    def __init__(self, version=None, members=3, hidden=1, auth=False, name="rs0", extra_args=()):
        assert 0 <= hidden < members
        self.name, self.auth, self.nodes = name, auth, []
        try:
            self._start(version, members, extra_args)
            self._initiate(members - hidden)
        except BaseException:
            self.stop()
            raise

    def _start(self, version, members, extra_args):
        key_file = None
        for _ in range(members):
            node = Mongod(version, self.name, self.auth, extra_args, initiate=False, key_file=key_file, cache_gb=0.25)
            self.nodes.append(node)
            key_file = self.nodes[0].folder / "key"

    def _initiate(self, visible):
        first = self.nodes[0]
        first.initiate([{"_id": i, "host": node.host, "priority": 10 if i == 0 else int(i < visible), "hidden": i >= visible}
                        for i, node in enumerate(self.nodes)])
        self._visible = self.nodes[:visible]
        first.wait_for_state("PRIMARY")
        if self.auth:
            first.add_root()
        for node in self.nodes[1:]:
            node.wait_for_state("SECONDARY")
            if self.auth:
                node.log_in()

    @property
    def hidden(self):
        return self.nodes[len(self._visible):]

    @property
    def primary(self):
        def find():
            for node in self._visible:
                if node.running:
                    with node.client(login=False, serverSelectionTimeoutMS=1000, socketTimeoutMS=2000) as client:
                        try:
                            if client.admin.command("isMaster")["ismaster"]:
                                return node
                        except PyMongoError:
                            continue
            return None
        return wait_until(find, f"a primary of {self.name}")

    @property
    def secondaries(self):
        """The visible ones."""
        primary = self.primary
        return [node for node in self._visible if node is not primary]

    @property
    def uri(self):
        login, source = self.nodes[0]._login, "&authSource=admin" if self.auth else ""
        hosts = ",".join(node.host for node in self._visible)
        return f"mongodb://{login}{hosts}/?replicaSet={self.name}{source}"

    def client(self, **options):
        """A new pymongo client that finds the primary and writes with majority."""
        return pymongo.MongoClient(self.uri, **{"serverSelectionTimeoutMS": 30_000, "w": "majority", **options})

    def wait_for_replication(self):
        """Returns when every member, hidden ones too, has all that was written so far."""
        with self.primary.client() as client:
            client.admin.command("appendOplogNote", 1, data={"test": "wait for replication"},
                                 writeConcern={"w": len(self.nodes), "wtimeout": START_SECONDS * 1000})

    def stop(self):
        for node in self.nodes:
            node.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class ShardedParts:
    """The parts of a sharded cluster that know of each other: `config` and `shards`, each a one-member set. Data is
    written to the shards directly; there is no mongos."""

    def __init__(self, version=None, shards=1):
        self.sets = []
        try:
            self.config = self._add(version, "config", "--configsvr")
            self.shards = [self._add(version, f"shard{i}", "--shardsvr") for i in range(shards)]
            with self.config.client() as client:
                for shard in self.shards:
                    client.admin.command("_configsvrAddShard", f"{shard.replica_set}/{shard.host}", name=shard.replica_set,
                                         writeConcern={"w": "majority"})
        except BaseException:
            self.stop()
            raise

    def _add(self, version, name, role):
        self.sets.append(Mongod(version, name, extra_args=[role], cache_gb=0.25))
        return self.sets[-1]

    def create_database(self, name, shard=0):
        with self.config.client() as client:
            client.admin.command("_configsvrCreateDatabase", name, primaryShardId=self.shards[shard].replica_set,
                                 writeConcern={"w": "majority"})

    def stop(self):
        for part in self.sets:
            part.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
