"""The network to a member of a replica set fails while it is read, written to or compared: a clear error, or all of it and verified."""
import signal

import pytest

from harness.proxy import Proxy
from harness.servers import Mongod, ReplicaSet, wait_until
from support.hold import HOLDABLE, commands_held, fail_point, finish, reads_held
from support.runs import at, back_up, new_repository, nothing_is_left, state_of, verify
from support.state import differences
from support.targets import shared_target, target

pytestmark = pytest.mark.all

SIZES = [1, 3_000, 30_000, 400_000, 3_000_000]  # in the handshake, in the configuration, in the listing, in collections
FAULTS = ["cut_after", "truncate_after"]


def fill(client):
    for name in ("orders", "users", "carts"):
        client.shop[name].insert_many([{"_id": i, "x": f"{name} {i} " * 40} for i in range(4000)])
        client.shop[name].create_index("x")


@pytest.fixture(scope="module")
def rs():
    """A primary and two secondaries."""
    with ReplicaSet(members=3, hidden=0, extra_args=HOLDABLE) as rs:
        with rs.client() as client:
            fill(client)
        rs.wait_for_replication()
        yield rs


@pytest.fixture(scope="module")
def one():
    """A set of one member, of which nobody else can be read."""
    with Mongod(replica_set="rs0", extra_args=HOLDABLE) as server:
        with server.client() as client:
            fill(client)
        yield server


def errors(stderr):
    return [line for line in stderr.splitlines() if line.startswith("error: ")]


def error_or_complete(varve, done, server):
    """A backup that says it is complete is; one that ended says so in one sentence and leaves nothing."""
    if done.code == 0:
        assert not verify(varve, server)["differences"]
        assert not list((varve.path / "locks").iterdir())
    else:
        assert done.code == 1 and len(errors(done.stderr)) == 1, f"{done}"
        nothing_is_left(varve)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_backup_that_loses_its_only_member(varve, one, fault, size):
    new_repository(varve)
    with Proxy(one) as proxy:
        getattr(proxy, fault)(size)
        done = varve("backup", at(varve, proxy.uri()), "--source", "shop", code=(0, 1))
        assert proxy.struck.is_set()
    if done.code:
        assert proxy.host in done.stderr or one.host in done.stderr, f"{done}"
    error_or_complete(varve, done, one)
    assert back_up(varve, one)["result"] == "complete"


@pytest.mark.parametrize("size", SIZES[1:])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("read_at", ["window", "one-time"])
def test_a_backup_that_loses_one_of_several_members(varve, rs, fault, size, read_at):
    """RULES 5: the member is named by an address of its own, which is the proxy's."""
    new_repository(varve)
    member = rs.secondaries[0]
    with Proxy(member) as proxy:
        getattr(proxy, fault)(size)
        done = varve("backup", at(varve, rs.uri), "--source", "shop", "--member", proxy.host, "--read-at", read_at, code=(0, 1))
        assert proxy.struck.is_set()
    error_or_complete(varve, done, rs)


def test_a_member_that_is_gone_for_good(varve, rs):
    """No connection to it is had again."""
    new_repository(varve)
    member = rs.secondaries[0]
    with Proxy(member) as proxy, reads_held(member, "shop.orders") as point:
        process = varve.start("backup", at(varve, rs.uri), "--source", "shop", "--member", proxy.host)
        point.wait()
        proxy.refuse()
        proxy.cut_all()
        out, err = finish(process, (0, 1))
    if process.returncode == 0:
        assert not verify(varve, rs)["differences"]
    else:
        assert len(errors(err)) == 1, err
        nothing_is_left(varve)


@pytest.mark.parametrize("size", [1, 5_000, 1_000_000])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_verify_whose_connection_breaks(varve, one, fault, size):
    """It says neither that all is well nor that something differs."""
    back_up(varve, one)
    with Proxy(one) as proxy:
        getattr(proxy, fault)(size)
        done = varve("verify", "latest", "--against", at(varve, proxy.uri()), code=1)
        assert proxy.struck.is_set()
    assert len(errors(done.stderr)) == 1 and proxy.host in done.stderr, f"{done}"
    assert "differ" not in done.stdout, f"{done}"
    assert not list((varve.path / "locks").iterdir())


@pytest.mark.parametrize("size", [1, 1_500, 6_000])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_doctor_whose_connection_breaks(varve, one, fault, size):
    """What could not be looked at is not called well."""
    with Proxy(one) as proxy:
        getattr(proxy, fault)(size)
        found = varve.json("doctor", at(varve, proxy.uri()), code=(0, 1, 3))[-1]
        struck = proxy.struck.is_set()
    assert struck and found["result"] != "ok", found


@pytest.mark.parametrize("fault", ["cut_after", "stall_after"])
@pytest.mark.parametrize("size", [3_000, 400_000])
def test_a_locked_backup_whose_connection_breaks(varve, mongod, fault, size):
    """RULES 20: nothing stays locked, whatever becomes of the network."""
    alone = mongod(extra_args=HOLDABLE)
    with alone.client() as client:
        fill(client)
        new_repository(varve)
        with Proxy(alone) as proxy:
            getattr(proxy, fault)(size)
            process = varve.start("backup", at(varve, proxy.uri()), "--source", "shop", "--lock")
            assert proxy.struck.wait(60)
            if fault == "stall_after":
                process.send_signal(signal.SIGINT)
                proxy.healed.set()
            _, err = finish(process, 130 if fault == "stall_after" else 1)
            assert fault == "stall_after" or len(errors(err)) == 1, err
            wait_until(lambda: not client.admin.command("currentOp").get("fsyncLock"), "the lock to go", seconds=30)
        assert back_up(varve, alone, "--lock")["consistency"] == "locked"


def test_a_slow_network_changes_nothing_in_a_restore(varve, one, target):
    back_up(varve, one)
    with Proxy(target) as proxy:
        proxy.delay(0.02)
        done = varve.json("restore", "latest", "--to", at(varve, proxy.uri()), "--yes")[-1]
        assert done["verified"]
    assert not differences(state_of(one, "shop"), state_of(target, "shop"))


SENT = [500, 20_000, 200_000, 2_000_000, 3_500_000]


@pytest.mark.parametrize("size", SENT)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_restore_cut_in_the_middle_of_what_it_sends(varve, one, target, fault, size):
    """An insert of which the server has half: nothing of it counts, and it goes on from there."""
    back_up(varve, one)
    with Proxy(target) as proxy:
        getattr(proxy, fault)(size, sent=True)
        done = varve("restore", "latest", "--to", at(varve, proxy.uri(), "proxied"), "--yes", code=1)
        assert proxy.struck.is_set()
        assert len(errors(done.stderr)) == 1 and proxy.host in done.stderr, f"{done}"
        # The same target by the same way; the network is well again.
        assert varve.json("restore", "latest", "--to", at(varve, proxy.uri(), "proxied"), "--yes", "--resume")[-1]["verified"]
    assert not list((varve.path / "locks").iterdir())
    assert not differences(state_of(one, "shop"), state_of(target, "shop"))


@pytest.mark.parametrize("size", [600, 4_000, 400_000])
def test_a_resumed_restore_that_is_cut_too(varve, one, target, size):
    back_up(varve, one)
    with Proxy(target) as proxy:
        proxy.cut_after(2_000_000, sent=True)
        varve("restore", "latest", "--to", at(varve, proxy.uri(), "proxied"), "--yes", "--writers", "1", code=1)
        proxy.cut_after(size, sent=True)
        again = varve("restore", "latest", "--to", at(varve, proxy.uri(), "proxied"), "--yes", "--resume", code=1)
        assert proxy.struck.is_set() and len(errors(again.stderr)) == 1, f"{again}"
        assert varve.json("restore", "latest", "--to", at(varve, proxy.uri(), "proxied"), "--yes", "--resume")[-1]["verified"]
    assert not differences(state_of(one, "shop"), state_of(target, "shop"))


@pytest.mark.parametrize("step, command", [("while indexes are built", "createIndexes"), ("at the barrier", "appendOplogNote"),
                                           ("while users are made", "delete"), ("when it is told that it ended", "drop")])
def test_a_restore_cut_at_a_step(varve, one, target, step, command):
    """RULES 14: it never says restored then, and goes on."""
    back_up(varve, one)
    with Proxy(target) as proxy:
        with commands_held(target, command) as point:
            process = varve.start("restore", "latest", "--to", at(varve, proxy.uri(), "proxied"), "--yes")
            point.wait()
            proxy.cut_all()
            out, err = finish(process, 1)
        assert len(errors(err)) == 1 and "verified" not in out, out + err
        assert varve.json("restore", "latest", "--to", at(varve, proxy.uri(), "proxied"), "--yes", "--resume")[-1]["verified"]
    assert not differences(state_of(one, "shop"), state_of(target, "shop"))


def test_a_restore_cut_while_it_reads_back(varve, one, target):
    """RULES 12: what was not read back is not called verified."""
    back_up(varve, one)
    with Proxy(target) as proxy:
        with fail_point(target, "waitInFindBeforeMakingBatch", {"nss": "shop.orders", "shouldCheckForInterrupt": True}) as point:
            process = varve.start("restore", "latest", "--to", at(varve, proxy.uri(), "proxied"), "--yes", "--json")
            point.wait()
            proxy.cut_all()
            out, err = finish(process, (1, 3))
        assert '"verified":true' not in out.replace(" ", ""), out
        assert varve.json("restore", "latest", "--to", at(varve, proxy.uri(), "proxied"), "--yes", "--resume")[-1]["verified"]
    assert not differences(state_of(one, "shop"), state_of(target, "shop"))
