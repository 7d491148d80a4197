"""The harness itself: servers start and go, peers run."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import tools
from harness.servers import wait_until


def alive(pid):
    """A zombie is dead: in a container, process 1 may leave them."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_a_standalone_starts_and_leaves_nothing(mongod):
    server = mongod()
    with server.client() as client:
        client.shop.orders.insert_one({"_id": 1})
        assert "setName" not in client.admin.command("isMaster")
    pid, folder = server.pid, server.folder
    server.stop()
    assert not alive(pid) and not folder.exists()


def test_a_killed_server_comes_back_with_its_data(mongod):
    server = mongod(replica_set="rs0")
    with server.client(w=1, journal=True) as client:
        client.shop.orders.insert_one({"_id": 1})
    server.kill()
    server.start_again()
    server.wait_for_state("PRIMARY")
    with server.client() as client:
        assert client.shop.orders.count_documents({}) == 1


def test_a_set_with_a_hidden_member_and_logins(replica_set):
    rs = replica_set(members=3, hidden=1, auth=True)
    with rs.client() as client:
        client.shop.orders.insert_one({"_id": 1})
        hello = client.admin.command("isMaster")
    assert sorted(hello["hosts"]) == sorted(node.host for node in rs.nodes[:2])
    rs.wait_for_replication()
    with rs.hidden[0].client(readPreference="secondary") as client:
        assert client.shop.orders.count_documents({}) == 1
        assert client.admin.command("isMaster")["hidden"]
    assert rs.primary is rs.nodes[0] and rs.secondaries == [rs.nodes[1]]


def test_the_shared_server_is_of_the_default_version(rs6, database):
    database.orders.insert_one({"_id": 1})
    assert int(rs6.version.split(".")[0]) >= 6


def test_servers_die_with_the_process_that_started_them(tmp_path):
    script = ("import os, signal; from harness.process import Server; s = Server('sleep'); s.start(['sleep', '300']);"
              "print(s.pid, s.folder, flush=True); os.kill(os.getpid(), signal.SIGKILL)")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path,
                          env={**os.environ, "TMPDIR": str(tmp_path)})
    pid = int(done.stdout.split()[0])
    wait_until(lambda: not alive(pid), f"the end of {pid}", seconds=10)


def test_a_server_that_does_not_start_shows_its_log(mongod):
    with pytest.raises(Exception, match="no-such-option"):
        mongod(extra_args=["--no-such-option"])


@pytest.mark.all
@pytest.mark.parametrize("version", ["5.0.4", "4.2.6"])
def test_older_servers_start(mongod, version):
    assert mongod(version, replica_set="rs0").version == version


@pytest.mark.all
def test_the_parts_of_a_sharded_cluster_know_each_other(sharded_parts):
    cluster = sharded_parts()
    cluster.create_database("shop")
    with cluster.config.client() as client:
        assert [shard["_id"] for shard in client.config.shards.find()] == ["shard0"]
        assert client.config.databases.find_one({"_id": "shop"})["primary"] == "shard0"


def test_peers_run(varve, database, rs6, tmp_path):
    varve.restic("init")
    assert "restic 0.19.0" in varve.restic("version").stdout
    assert "restic 0.14" in varve.restic_old("version").stdout
    varve.restic_old("cat", "config")

    database.orders.insert_one({"_id": 1, "name": "chair"})
    tools.mongodump("--uri", rs6.uri, "--db", database.name, "--out", tmp_path / "dump")
    dumped = tmp_path / "dump" / database.name / "orders.bson"
    assert tools.bsondump(dumped).lines == ['{"_id":{"$numberInt":"1"},"name":"chair"}']
    database.orders.drop()
    tools.mongorestore("--uri", rs6.uri, tmp_path / "dump")
    assert database.orders.find_one() == {"_id": 1, "name": "chair"}


CTEST_REPORT = """<testsuite><testcase classname="base" name="Bytes.Join" status="run"/>
<testcase classname="base" name="Bytes.Cut" status="fail"><failure/><system-out>expected 3
got 4</system-out></testcase><testcase classname="mongo" name="Server.Stops" status="notrun"><skipped/></testcase></testsuite>"""
PYTEST_REPORT = """<testsuites><testsuite><testcase classname="a_test" name="test_b"><failure message="m">E  assert 1 == 2</failure>
</testcase><testcase classname="a_test" name="test_c"/></testsuite></testsuites>"""


def test_failed_tests_are_named_at_the_end(tmp_path):
    (tmp_path / "ctest.xml").write_text(CTEST_REPORT)
    (tmp_path / "pytest.xml").write_text(PYTEST_REPORT)
    tally = [sys.executable, Path(__file__).parent.parent / "tools/tally.py"]
    told = subprocess.run([*tally, "--broken", "1", tmp_path / "ctest.xml", tmp_path / "pytest.xml", tmp_path / "none.xml"],
                          capture_output=True, text=True)
    assert told.returncode == 1
    assert told.stdout.splitlines() == ["== FAILED: base Bytes.Cut", "expected 3", "got 4", "",
                                        "== FAILED: a_test test_b", "E  assert 1 == 2", "", "2 passed, 3 failed, 1 skipped"]
