"""Shorter ways to run varve in the tests."""
from support.state import state


def at(varve, uri, name="uri"):
    """`uri` as an @FILE argument, as the documentation tells users to do it."""
    path = varve.folder / f"{name}.uri"
    path.write_text(uri + "\n")
    path.chmod(0o600)
    return f"@{path}"


def back_up(varve, server, *args, code=0, source="shop", **options):
    """Backs it up, making the repository first if there is none; the summary."""
    if not varve.path.exists():
        varve("init")
    return varve.json("backup", at(varve, server.uri, "source"), "--source", source, *args, code=code, **options)[-1]


def restore(varve, server, *args, code=0, snapshot="latest", **options):
    """The summary."""
    return varve.json("restore", snapshot, "--to", at(varve, server.uri, "target"), "--yes", *args, code=code, **options)[-1]


def verify(varve, server, *args, code=0, snapshot="latest"):
    """The summary."""
    return varve.json("verify", snapshot, "--against", at(varve, server.uri, "target"), *args, code=code)[-1]


def export(varve, name="export", snapshot="latest"):
    """Exports and returns the folder that mongorestore takes."""
    out = varve.folder / name
    varve("export", snapshot, "--out", out)
    return out


def state_of(server, *databases, auth=True):
    with server.client() as client:
        return state(client, list(databases) or None, auth)
