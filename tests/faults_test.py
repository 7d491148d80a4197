"""The network between varve and a server fails in every way: a sentence, the exit code, nothing left behind, and the next run works."""
import signal

import pytest

from harness.proxy import Proxy
from harness.servers import Mongod, wait_until
from support.hold import HOLDABLE, commands_held, finish, reads_held
from support.runs import at, back_up, new_repository, nothing_is_left, restore, state_of, verify
from support.state import differences

SIZES = [1, 3_000, 400_000, 3_000_000]  # in the handshake, in the listing, in the first and in a later collection


@pytest.fixture(scope="module")
def server():
    with Mongod(extra_args=HOLDABLE) as server:
        with server.client() as client:
            for name in ("orders", "users", "carts"):
                client.shop[name].insert_many([{"_id": i, "x": f"{name} {i} " * 40} for i in range(4000)])
        yield server


@pytest.fixture
def proxy(server):
    with Proxy(server) as proxy:
        yield proxy


@pytest.fixture
def target(mongod):
    return mongod(extra_args=HOLDABLE)


def one_error(stderr, *words):
    """One sentence, not a cascade, that holds each of the words."""
    errors = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, stderr
    for word in words:
        assert word in errors[0], stderr
    return errors[0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fault", ["cut_after", "truncate_after"])
def test_a_backup_whose_connection_breaks(varve, server, proxy, fault, size):
    new_repository(varve)
    getattr(proxy, fault)(size)
    done = varve("backup", at(varve, proxy.uri()), "--source", "shop", code=1)
    assert proxy.struck.is_set()
    one_error(done.stderr, proxy.host)
    nothing_is_left(varve)
    assert back_up(varve, server)["result"] == "complete"
    assert not verify(varve, server)["differences"]


def test_a_server_that_refuses_connections_meanwhile(varve, server, proxy):
    """The readers' connections are refused once the catalog was listed."""
    new_repository(varve)
    with commands_held(server, "listIndexes") as point:
        process = varve.start("backup", at(varve, proxy.uri()), "--source", "shop")
        point.wait()
        proxy.refuse()
    _, err = finish(process, 1)
    one_error(err, proxy.host)
    nothing_is_left(varve)


@pytest.mark.parametrize("size", [3_000, 400_000])
def test_a_server_that_stops_answering(varve, proxy, size):
    """Nobody can tell it from one that is slow, so it is waited for; a stop ends the waiting at once."""
    new_repository(varve)
    proxy.stall_after(size)
    process = varve.start("backup", at(varve, proxy.uri()), "--source", "shop")
    assert proxy.struck.wait(60)
    process.send_signal(signal.SIGINT)
    finish(process, 130)
    nothing_is_left(varve)


def test_a_slow_network_changes_nothing(varve, server, proxy, target):
    new_repository(varve)
    proxy.delay(0.02)
    varve("backup", at(varve, proxy.uri()), "--source", "shop")
    restore(varve, target)
    assert not differences(state_of(server, "shop"), state_of(target, "shop"))


@pytest.mark.parametrize("fault, size", [("cut_after", 1), ("cut_after", 4_000), ("truncate_after", 9_000), ("cut_after", 1_000_000)])
def test_a_restore_whose_connection_breaks(varve, server, target, fault, size):
    """What was written is no collection under a wrong name, and --drop brings the whole back."""
    back_up(varve, server)
    with Proxy(target) as proxy:
        getattr(proxy, fault)(size)
        done = varve("restore", "latest", "--to", at(varve, proxy.uri()), "--yes", code=1)
        assert proxy.struck.is_set()
        one_error(done.stderr, proxy.host)
    assert not list((varve.path / "locks").iterdir())
    assert restore(varve, target, "--drop")["verified"]
    assert not differences(state_of(server, "shop"), state_of(target, "shop"))


def test_a_restore_to_a_server_that_stops_answering(varve, server, target):
    back_up(varve, server)
    with Proxy(target) as proxy:
        proxy.stall_after(9_000)
        process = varve.start("restore", "latest", "--to", at(varve, proxy.uri()), "--yes")
        assert proxy.struck.wait(60)
        process.send_signal(signal.SIGINT)
        finish(process, 130)
    assert not list((varve.path / "locks").iterdir())
    assert restore(varve, target, "--drop")["verified"]


def step_down(server):
    with server.client() as client:
        client.admin.command("replSetStepDown", 600, secondaryCatchUpPeriodSecs=10, force=True)


@pytest.mark.all
def test_a_primary_that_steps_down_while_it_is_read(varve, replica_set, target):
    """It can be read on: what was read is majority-committed, and the oplog goes on."""
    rs = replica_set(members=3, hidden=0, extra_args=HOLDABLE)
    primary = rs.primary
    with rs.client() as client:
        client.shop.orders.insert_many([{"_id": i, "x": "x" * 100} for i in range(4000)])
    new_repository(varve)
    with reads_held(primary, "shop.orders") as point:
        process = varve.start("backup", at(varve, rs.uri), "--source", "shop", "--member", "primary")
        point.wait()
        step_down(primary)
        wait_until(lambda: rs.primary is not primary, "another primary")
        with rs.client() as client:
            client.shop.orders.update_one({"_id": 1}, {"$set": {"late": True}})
        point.release()
        out, err = finish(process, (0, 1))
    if process.returncode == 0:
        restore(varve, target)
        assert state_of(target, "shop")["shop.orders"].documents
    else:
        one_error(err)
    assert not list((varve.path / "locks").iterdir())
    assert varve.json("backup", at(varve, rs.uri), "--source", "shop")[-1]["result"] == "complete"


@pytest.mark.all
def test_a_primary_that_steps_down_while_it_is_restored_to(varve, server, replica_set):
    """What was written may be rolled back, so the restore ends; the next one replaces it."""
    back_up(varve, server)
    rs = replica_set(members=3, hidden=0, extra_args=HOLDABLE)
    primary = rs.primary
    with commands_held(primary, "insert", mode={"skip": 2}) as point:
        process = varve.start("restore", "latest", "--to", at(varve, rs.uri), "--yes")
        point.wait()
        step_down(primary)
    _, err = finish(process, 1)
    one_error(err)
    wait_until(lambda: rs.primary, "a primary")
    done = varve.json("restore", "latest", "--to", at(varve, rs.uri, "target"), "--yes", "--drop")[-1]
    assert done["verified"]
