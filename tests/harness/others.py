"""Servers that speak MongoDB's protocol and are another one, on loopback, gone when stopped or when the tests end."""
import os
from pathlib import Path

import pymongo

from .process import Server, free_port
from .servers import ServerError, wait_until


class OtherServer(Server):
    """One of them, started."""

    def __init__(self, name, variable, program):
        super().__init__(name)
        self._program = Path(os.environ[variable]) / program
        if not self._program.exists():
            raise ServerError(f"no {name} on this machine; get it:  ./dev setup others")
        (self.folder / "data").mkdir()
        try:
            self._start_on_free_port()
        except BaseException:
            self.stop()
            raise

    def _start_on_free_port(self):
        for _ in range(5):
            self.port = free_port()
            self.start(self._command())
            wait_until(lambda: not self.running or self._ping(), f"{self.name} at port {self.port}")
            if self.running:
                return
        raise ServerError(f"{self.name} does not start:\n{self.log()}")

    def _ping(self):
        with self.client(serverSelectionTimeoutMS=500) as client:
            return client.admin.command("ping")

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    @property
    def uri(self):
        return f"mongodb://{self.host}/"

    def client(self, **options):
        return pymongo.MongoClient(f"{self.uri}?directConnection=true", **{"serverSelectionTimeoutMS": 10_000, **options})


class FerretDB(OtherServer):
    """FerretDB 1 over SQLite: a standalone without views, options, most kinds of indexes and some types."""

    def __init__(self):
        super().__init__("ferretdb", "VARVE_FERRETDB", "ferretdb")

    def _command(self):
        return [self._program, self.host, self.folder / "data"]


class SecantusDB(OtherServer):
    """SecantusDB: calls itself the one member of a set, with an oplog in a dialect of its own."""

    def __init__(self):
        super().__init__("secantusdb", "VARVE_SECANTUS", "bin/python")

    def _command(self):
        return [self._program, "-m", "secantus", "--port", self.port, "--storage-path", self.folder / "data"]
