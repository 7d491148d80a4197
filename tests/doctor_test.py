"""`doctor` says before a backup what a backup would say, and what may become of it."""


import pytest

from support.runs import at


def doctor(varve, server, *args, code=0, uri=None):
    """The summary, after a look at the text for people."""
    where = at(varve, uri or server.uri, "doctor")
    summary = varve.json("doctor", where, *args, code=code)[-1]
    text = varve("doctor", where, *args, code=code).stdout
    for check in summary["checks"]:
        assert check["about"] in text and check["sentence"].split()[0] in text
    summary["states"] = {check["about"]: check["state"] for check in summary["checks"]}
    return summary


def about(summary, name):
    return next(check for check in summary["checks"] if check["about"] == name and check["state"] != "ok")


def test_a_sound_set(varve, mongod):
    server = mongod(replica_set="rs0")
    with server.client() as client:
        client.shop.orders.insert_many([{"text": "x" * 1000} for _ in range(3000)])
        client.other.things.insert_one({})
    found = doctor(varve, server)
    assert found["result"] == "ok" and set(found["states"].values()) == {"ok"}
    assert {"server", "member", "login", "clock", "collections", "majority", "oplog"} == set(found["states"])
    assert found["role"] == "primary" and found["documents"] >= 3001 and found["bytes"] > 3_000_000
    only = doctor(varve, server, "--ns-include", "other.*")
    assert only["documents"] == 1 and only["collections"] == 1


def test_a_standalone_is_warned_of(varve, mongod):
    found = doctor(varve, mongod(), code=3)
    assert found["result"] == "warning" and found["states"]["oplog"] == "warning"
    assert "replSet" in about(found, "oplog")["hints"][0]


def test_what_a_login_lacks_is_named(varve, mongod):
    server = mongod(replica_set="rs0", auth=True)
    with server.client() as client:
        client.admin.command("createUser", "weak", pwd="weak", roles=["readAnyDatabase"])
        client.admin.command("createUser", "right", pwd="right", roles=["backup", "clusterMonitor"])
    found = doctor(varve, server, uri=server.uri_as("weak", "weak"), code=1)
    assert found["result"] == "problem" and "backup" in " ".join(about(found, "login")["hints"])
    assert doctor(varve, server, uri=server.uri_as("right", "right"))["states"]["login"] == "ok"


@pytest.mark.all
def test_no_majority_is_a_problem(varve, replica_set):
    """A set that has lost its majority: a backup would wait in vain."""
    servers = replica_set(members=3, hidden=0)
    primary, others = servers.primary, servers.secondaries
    for secondary in others:
        secondary.pause()
    try:
        with primary.client(w=1) as client:
            client.shop.orders.insert_one({})
        # The primary still waits for the majority, or has stepped down for want of it.
        found = varve.json("doctor", primary.direct_uri, "--member", "primary", code=1)[-1]
        bad = [check["about"] for check in found["checks"] if check["state"] == "problem"]
        assert found["result"] == "problem" and bad in (["majority"], ["server"])
    finally:
        for secondary in others:
            secondary.resume()


def test_nobody_there(varve):
    found = varve.json("doctor", "mongodb://127.0.0.1:1/", code=1)[-1]
    assert found["checks"][0]["about"] == "server" and found["checks"][0]["state"] == "problem"
    assert "URI" in varve("doctor", code=1).stderr or "mongodb://" in varve("doctor", code=1).stderr
