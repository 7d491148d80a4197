"""Repositories on servers that keep them (harness.stores)."""
from harness.stores import Azurite, FakeGcs, Minio, RestServer, Sshd, Swift
from harness.tools import Varve

LOGIN = "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="  # of a rest-server's user; the password is: secret
# How a server of each kind is made, some of them with a certificate of the authority's.
KINDS = {"s3": lambda _: Minio(), "rest": lambda _: RestServer(), "append-only": lambda _: RestServer("--append-only"),
         "swift": lambda _: Swift(), "azure": Azurite, "google": lambda _: FakeGcs(), "sftp": lambda _: Sshd()}


class AtStore(Varve):
    """Stock restic is told what it wants to know of the server besides."""

    def __init__(self, folder, store):
        super().__init__(folder)
        self.store = store

    def restic(self, *args, env=None, **options):
        return super().restic(*self.store.restic_args, *args, env={**self.store.restic_env, **(env or {})}, **options)


def at_store(folder, store, name, **env):
    """varve with its repository there."""
    varve = AtStore(folder, store)
    varve.env |= {**store.env, "RESTIC_REPOSITORY": store.place(name), "RESTIC_CACHE_DIR": str(varve.folder / "cache"), **env}
    return varve


def sound(varve):
    """Stock restic reads every byte there, and so does varve."""
    assert "no errors were found" in varve.restic("check", "--read-data").stdout
    varve("check", "--read-data")
