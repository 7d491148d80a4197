"""`doctor` says before a backup what a backup would say, and what may become of it."""
import json
import struct
import threading

import pytest

from harness.proxy import Proxy
from harness.servers import wait_until
from support.hold import HOLDABLE, fail_point
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


def test_a_lock_on_a_standalone_is_told(varve, mongod):
    server = mongod()
    found = doctor(varve, server, "--lock")
    assert found["states"]["lock"] == "ok" and "--lock" in str(found["checks"]) and "oplog" not in found["states"]
    with server.client() as client:
        client.admin.command("fsync", lock=True)
        found = doctor(varve, server, "--lock", code=3)
        assert "nobody can write" in about(found, "lock")["sentence"]
        assert "fsync" in about(doctor(varve, server, code=3), "lock")["sentence"]
        assert client.admin.command("fsyncUnlock")["lockCount"] == 0, "it was left as it was"


def test_a_lock_of_a_backup_that_died_is_told(varve, mongod):
    """From its journal; the backup that comes next undoes it, the doctor does nothing."""
    server = mongod()
    with server.client() as client:
        process = client.admin.command("hello")["topologyVersion"]["processId"]
    folder = varve.folder / "state" / "varve" / "locks"
    folder.mkdir(parents=True)
    (folder / "left.json").write_text(json.dumps({
        "run": "left", "time": "2026-01-02T03:04:05Z", "host": "backup-host", "pid": 7, "pid_began": "2026-01-02T03:00:00Z",
        "server": server.host, "server_process": str(process), "server_pid": 1, "server_started": 1}) + "\n")
    warned = about(doctor(varve, server, code=3), "lock")
    assert "that died" in warned["sentence"] and "next backup" in warned["hints"][0]
    other = mongod()
    warned = about(doctor(varve, other, code=3), "lock")
    assert server.host in warned["sentence"] and "fsyncUnlock" in warned["hints"][0]


def test_lock_needs_rights_and_a_standalone(varve, mongod):
    server = mongod(auth=True)
    with server.client() as client:
        client.admin.command("createUser", "right", pwd="right", roles=["backup", "clusterMonitor"])
    as_right = server.uri_as("right", "right")
    assert doctor(varve, server, uri=as_right, code=3)["states"]["login"] == "ok"
    assert "hostManager" in " ".join(about(doctor(varve, server, "--lock", uri=as_right, code=1), "login")["hints"])
    found = doctor(varve, mongod(replica_set="rs0"), "--lock", code=1)
    assert found["states"]["lock"] == "problem" and "standalone" in about(found, "lock")["sentence"]


def test_every_member_is_told_of(varve, replica_set):
    """Which would be read and which not, why, and how far each is behind."""
    rs = replica_set(members=3, hidden=1, extra_args=HOLDABLE)
    with rs.client() as client:
        client.shop.orders.insert_one({"_id": 0})
    rs.wait_for_replication()
    primary, secondary, hidden = rs.primary, rs.secondaries[0], rs.hidden[0]
    members = {member["host"]: member for member in doctor(varve, rs)["members"]}
    assert members.keys() == {node.host for node in rs.nodes}
    assert members[hidden.host]["read"] and members[hidden.host]["role"] == "hidden secondary"
    assert not members[primary.host]["read"] and members[primary.host]["state"] == "primary"
    assert "hidden secondary goes before" in members[secondary.host]["why"] and members[secondary.host]["lag_seconds"] is not None
    text = varve("doctor", at(varve, rs.uri)).stdout
    assert all(f"{node.host} (" in text for node in rs.nodes) and "behind" in text

    def behind():
        with rs.client(w=1) as client:
            client.shop.orders.insert_one({})
        found = varve.json("doctor", at(varve, rs.uri), "--max-lag", "2s", code=None)[-1]
        seen = {m["host"]: m for m in found["members"]}
        return seen[hidden.host]["lag_seconds"] > 2 and seen[secondary.host]["read"] and found

    with fail_point(hidden, "stopReplProducer"):
        found = wait_until(behind, "the hidden member to be behind", every=0.5)
    members = {member["host"]: member for member in found["members"]}
    assert "--max-lag" in members[hidden.host]["why"] and members[secondary.host]["read"]
    assert any(hidden.host in check["sentence"] and check["state"] == "warning" for check in found["checks"])
    hidden.kill()
    found = varve.json("doctor", at(varve, rs.uri), code=3)[-1]
    gone = next(member for member in found["members"] if member["host"] == hidden.host)
    assert gone["state"] == "unreachable" and gone["lag_seconds"] is None and "cannot be reached" in gone["why"]


def test_unfinished_index_builds_are_told(varve, mongod):
    server = mongod(replica_set="rs0", extra_args=HOLDABLE)
    with server.client() as client:
        client.shop.orders.insert_many([{"_id": i, "v": i} for i in range(10)])
        with fail_point(server, "hangAfterSettingUpIndexBuild") as build:
            thread = threading.Thread(target=lambda: client.shop.orders.create_index("v"))
            thread.start()
            build.wait()
            found = doctor(varve, server, code=3)
        thread.join()
    assert "being built" in about(found, "indexes")["sentence"]
    assert "indexes" not in doctor(varve, server)["states"]


@pytest.mark.all
def test_an_oplog_that_is_too_short(varve, mongod):
    """Reading is slow, writing was not: it has rolled over before a backup ends three times."""
    server = mongod(extra_args=["--replSet", "rs0", "--oplogSize", 1], initiate=False)
    server.replica_set = "rs0"
    server.initiate([{"_id": 0, "host": server.host}])
    server.wait_for_state("PRIMARY")
    with server.client() as client, Proxy(server) as proxy:
        client.shop.orders.insert_many([{"text": "x" * 1000} for _ in range(12_000)])
        wait_until(lambda: client.local["oplog.rs"].find_one({"op": "i", "ns": "shop.orders"}), "an insert in the oplog")
        proxy.delay(0.1)
        found = varve.json("doctor", at(varve, proxy.uri(), "doctor"), code=3)[-1]
    short = about(found, "oplog")
    assert "it should hold 3 of them" in short["sentence"] and "replSetResizeOplog" in short["hints"][0], found
    assert found["expected_seconds"] * 3 > found["oplog_seconds"] and found["expected_seconds"] > 1


def test_a_clock_that_is_off(varve, mongod):
    server = mongod(replica_set="rs0")
    key = b"\x09localTime\x00"

    def an_hour_ahead(piece):
        at = piece.find(key)
        if at < 0:
            return piece
        at += len(key)
        (time,) = struct.unpack_from("<q", piece, at)
        return piece[:at] + struct.pack("<q", time + 3_600_000) + piece[at + 8:]

    with Proxy(server) as proxy:
        proxy.mangle(an_hour_ahead)
        found = doctor(varve, server, uri=proxy.uri(), code=3)
    assert "ahead of this machine's" in about(found, "clock")["sentence"] and found["states"]["clock"] == "warning"


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
