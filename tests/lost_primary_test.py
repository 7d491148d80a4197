"""The primary is killed during a restore, with what only it had: whatever varve says then, it never says restored of what is not there."""
import itertools
import json
import time

import pytest

from harness.servers import Mongod, wait_until
from support.hold import HOLDABLE, fail_point, finish
from support.runs import at, back_up, state_of, verify
from support.state import differences

pytestmark = pytest.mark.all

PATIENT = 20_000  # ms until a primary that hears of no other member steps down


@pytest.fixture(scope="module")
def source():
    with Mongod(replica_set="rs0") as source:
        with source.client() as client:
            for name in ("orders", "users", "carts"):
                client.shop[name].insert_many([{"_id": i, "x": f"{name} {i} " * 40} for i in range(4000)])
                client.shop[name].create_index("x")
        yield source


def be_patient(rs):
    with rs.primary.client() as client:
        config = client.admin.command("replSetGetConfig")["config"]
        config["settings"]["electionTimeoutMillis"] = PATIENT
        client.admin.command("replSetReconfig", {**config, "version": config["version"] + 1})


def elect(rs, old):
    """Another primary, which does not wait for the old one's silence."""
    def try_it():
        for node in rs.nodes:
            if node is not old:
                with node.client() as client:
                    client.admin.command("replSetStepUp")
                    return True
        return False
    wait_until(try_it, "an election")
    return rs.primary


def lose_the_primary(rs, start, at_command):
    """From that command on the secondaries stand still, so that nothing later is theirs, and then the primary is gone. What was
    started, the lost primary and the new one."""
    old, others = rs.primary, rs.secondaries
    slow = {"failCommands": [at_command], "blockConnection": True, "blockTimeMS": 500}
    with fail_point(old, "failCommand", slow, mode={"times": 1}) as point:
        process = start()
        point.wait()
        for node in others:
            node.pause()
    time.sleep(1)  # for what the primary still takes alone
    old.kill()
    for node in others:
        node.resume()
    return process, old, elect(rs, old)


@pytest.mark.parametrize("concern, at_command", itertools.product(
    ["majority", "1"], ["insert", "createIndexes", "appendOplogNote", "delete"]))
def test_no_false_success(varve, source, replica_set, concern, at_command):
    """RULES 14: what was acknowledged by the lost primary alone is sent again, or the restore has failed and says so."""
    back_up(varve, source)
    rs = replica_set(members=3, hidden=0, extra_args=HOLDABLE)
    be_patient(rs)
    words = ["restore", "latest", "--to", at(varve, rs.uri, "target"), "--yes", "--json", "--write-concern", concern]
    process, old, new = lose_the_primary(rs, lambda: varve.start(*words), at_command)
    out, err = finish(process, (0, 1, 3), seconds=200)
    wanted = state_of(source, "shop")
    if process.returncode == 0:
        assert json.loads(out.splitlines()[-1])["verified"]
        assert not differences(wanted, state_of(new, "shop"))
    else:
        assert '"verified":true' not in out.replace(" ", "") and "--resume" in err, out + err
        assert varve.json("restore", "latest", "--to", at(varve, rs.uri, "target"), "--yes", "--resume")[-1]["verified"]
    old.start_again()
    rs.wait_for_replication()
    for node in rs.nodes:
        assert not differences(wanted, state_of(node, "shop")), node.host
    assert not verify(varve, rs)["differences"]
