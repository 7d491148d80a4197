"""Repositories on servers that keep them (harness.stores)."""
from harness.tools import Varve


def at_store(folder, store, name, **env):
    """varve with its repository there."""
    varve = Varve(folder)
    varve.env |= {**store.env, "RESTIC_REPOSITORY": store.place(name), "RESTIC_CACHE_DIR": str(varve.folder / "cache"), **env}
    return varve


def sound(varve):
    """Stock restic reads every byte there, and so does varve."""
    assert "no errors were found" in varve.restic("check", "--read-data").stdout
    varve("check", "--read-data")
