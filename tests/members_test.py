"""Which member of a replica set is read, and which never by itself."""
import time

import pytest

from harness.servers import Mongod, ReplicaSet, wait_until
from support.hold import HOLDABLE, backup_held_at, fail_point, finish
from support.runs import at, back_up, new_repository, restore, state_of

pytestmark = pytest.mark.all


@pytest.fixture(scope="module")
def odd():
    """A primary, an arbiter, a member without indexes, a delayed one."""
    nodes = [Mongod(replica_set="rs0", initiate=False, cache_gb=0.25) for _ in range(4)]
    config = [{"_id": 0, "host": nodes[0].host, "priority": 10}, {"_id": 1, "host": nodes[1].host, "arbiterOnly": True},
              {"_id": 2, "host": nodes[2].host, "priority": 0, "buildIndexes": False, "votes": 0, "hidden": True},
              {"_id": 3, "host": nodes[3].host, "priority": 0, "hidden": True, "votes": 0, "secondaryDelaySecs": 3600}]
    nodes[0].initiate(config)
    nodes[0].wait_for_state("PRIMARY")
    with nodes[0].client() as client:
        client.shop.orders.insert_one({"_id": 1})
        client.shop.orders.create_index("v")
        for node in nodes[2:]:
            node.wait_for_state("SECONDARY")
    yield nodes
    for node in nodes:
        node.stop()


def test_members_that_would_lose_data_are_not_chosen(varve, odd):
    """RULES 6: neither the arbiter nor those without indexes or behind; what is left is the primary, and the index is there."""
    saved = back_up(varve, odd[0])
    assert saved["member"] == odd[0].host and saved["member_role"] == "primary"
    assert "v_1" in varve("show", "latest", "--json").stdout or "v_1" in varve.restic(
        "dump", "latest", "/mongodb/shop/rs0/dump/shop/orders.metadata.json").stdout


@pytest.mark.parametrize("number, words", [(1, "arbiter"), (2, "index"), (3, "delay")])
def test_a_member_that_would_lose_data_is_named_when_asked_for(varve, odd, number, words):
    """RULES 6: --member HOST that names one says what is lost."""
    new_repository(varve)
    asked = varve("backup", at(varve, odd[0].uri), "--source", "shop", "--member", odd[number].host, code=None)
    assert asked.code == {1: 1, 2: 3, 3: 1}[number], f"{asked}"
    assert words in (asked.stdout + asked.stderr).lower()
    if number == 2:
        assert "lacks all but _id_" in varve("show", "latest").stdout, "whoever reads it later must know"


def test_every_way_to_choose_a_member(varve, replica_set):
    """RULES 6: auto takes the hidden one, which is a secondary too; the others are a choice; one that is gone is passed over."""
    rs = replica_set(members=3, hidden=1)
    with rs.client() as client:
        client.shop.orders.insert_one({"_id": 1})
    rs.wait_for_replication()
    hidden, secondary, primary = rs.hidden[0], rs.secondaries[0], rs.primary
    for asked, expected in (("auto", hidden), ("hidden", hidden), ("secondary", hidden), ("primary", primary), (secondary.host, secondary)):
        assert back_up(varve, rs, "--member", asked)["member"] == expected.host
    told = varve("backup", at(varve, rs.uri), "--source", "shop")
    assert hidden.host in told.stdout + told.stderr and "hidden" in told.stdout + told.stderr, "it says which and why"
    assert "nowhere" in varve("backup", at(varve, rs.uri), "--source", "shop", "--member", "nowhere:1", code=1).stderr
    hidden.kill()
    assert back_up(varve, rs)["member"] == secondary.host


def test_hidden_members_need_cluster_monitor(varve, replica_set):
    """RULES 6: without it only visible members are used, and that is said."""
    rs = replica_set(members=2, hidden=1, auth=True)
    with rs.client() as client:
        client.admin.command("createUser", "least", pwd="least", roles=["backup"])
        client.shop.orders.insert_one({"_id": 1})
    rs.wait_for_replication()
    new_repository(varve)
    uri = f"mongodb://least:least@{rs.primary.host}/?replicaSet=rs0&authSource=admin"
    saved = varve.json("backup", at(varve, uri), "--source", "shop")[-1]
    assert saved["member"] == rs.primary.host and "clusterMonitor" in str(saved["remarks"])
    assert back_up(varve, rs)["member"] == rs.hidden[0].host


def test_a_rollback_meanwhile_spoils_nothing(varve, mongod):
    """RULES 5, 8: what was never majority-committed is not in the backup, and nothing else is missing."""
    with ReplicaSet(members=3, hidden=0, extra_args=HOLDABLE) as rs:
        old, others = rs.primary, rs.secondaries
        with old.client(w=1) as client:
            client.shop.orders.insert_many([{"_id": i} for i in range(10)])
            rs.wait_for_replication()
            with backup_held_at(varve, rs, "shop.orders", "--read-at", "window", "--member", old.host, held=old) as (process, release):
                with fail_point(others[0], "stopReplProducer"), fail_point(others[1], "stopReplProducer"):
                    client.shop.orders.insert_one({"_id": "lost"})
                    release()
                    time.sleep(2)  # until it waits for what it has read to be majority-committed
                    old.pause()
                    wait_until(lambda: any(is_primary(other) for other in others), "another primary")
                    new = next(other for other in others if is_primary(other))
                with new.client(w=1) as writer:
                    writer.shop.orders.insert_one({"_id": "kept"})
                old.resume()
                finish(process)
        target = mongod()
        assert restore(varve, target)["verified"]
        with target.client() as client:
            ids = {document["_id"] for document in client.shop.orders.find()}
        assert ids - {"kept"} == set(range(10)), "and its moment may be before that one"


def is_primary(node):
    with node.client() as client:
        return client.admin.command("isMaster")["ismaster"]


def test_a_stalled_majority_is_named_and_not_waited_for(varve):
    """RULES 8: a data member of a primary-secondary-arbiter set is down, so nothing more becomes majority-committed."""
    nodes = [Mongod(replica_set="rs0", initiate=False, cache_gb=0.25) for _ in range(3)]
    try:
        nodes[0].initiate([{"_id": 0, "host": nodes[0].host, "priority": 10}, {"_id": 1, "host": nodes[1].host, "priority": 0},
                           {"_id": 2, "host": nodes[2].host, "arbiterOnly": True}])
        nodes[0].wait_for_state("PRIMARY")
        nodes[1].wait_for_state("SECONDARY")
        with nodes[0].client(w=1) as client:
            client.shop.orders.insert_one({"_id": 0})
            nodes[1].kill()
            client.shop.orders.insert_one({"_id": 1})
            wait_until(lambda: client.admin.command("replSetGetStatus")["members"][1]["health"] == 0, "the loss to be seen")
            client.shop.orders.insert_one({"_id": 2})
        new_repository(varve)
        stalled = varve("backup", at(varve, nodes[0].uri), "--source", "shop", code=1)
        assert "majority" in stalled.stderr and not state_of(nodes[0], "nothing")
        nodes[1].start_again()
        nodes[1].wait_for_state("SECONDARY")
        with nodes[0].client(w=2) as client:
            client.shop.orders.insert_one({"_id": 3})
        assert back_up(varve, nodes[0], "--ns-include", "shop.*")["documents"] == 4
    finally:
        for node in nodes:
            node.stop()
