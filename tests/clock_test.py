"""A machine whose clock is an hour off: what signs its requests by the time is refused by the store at first, and goes by the store's own
clock from then on; where the store does not go by that either, it is said by how much they differ."""
import email.utils
import json

import pytest

from harness.http_proxy import HttpProxy, answers
from harness.stores import Azurite, Minio
from support.clock import wrong_clock
from support.mixed_folder import content, fill
from support.stores import at_store

pytestmark = pytest.mark.all

FAILED, HOUR = 1, 3600
SKEWED = b"<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the server's time is too large.</Message></Error>"


@pytest.fixture(params=[Minio, Azurite])
def store(request):
    with request.param() as store:
        yield store


@pytest.fixture
def proxy(store):
    with HttpProxy(store) as proxy:
        yield proxy


@pytest.fixture
def off(tmp_path, store, proxy):
    """varve whose clock is off by so many seconds."""
    def make(seconds):
        varve = at_store(tmp_path, store, f"clock/{abs(seconds)}-{seconds > 0}")
        varve.env = {name: value.replace(store.host, proxy.host) for name, value in varve.env.items()} | wrong_clock(tmp_path, seconds)
        return varve
    return make


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_clock_that_is_wrong_is_made_up_for(tmp_path, store, proxy, off, seconds):
    """MinIO refuses what was signed at another time; Azurite, unlike Azure, does not look at it."""
    fill(tmp_path / "folder")
    varve, statuses = off(seconds), []

    def note(request):
        answer = request.ask()
        statuses.append(answer[0])
        request.give(*answer)
    proxy.disturb(note)
    varve("init")
    varve("backup", "files", tmp_path / "folder")
    varve("check", "--read-data")
    varve("restore", f"latest:{tmp_path / 'folder'}", "--target", tmp_path / "back")
    assert content(tmp_path / "back") == content(tmp_path / "folder")
    assert statuses.count(403) == (4 if isinstance(store, Minio) else 0), "once a run"
    proxy.calm()
    right = at_store(tmp_path, store, "", RESTIC_REPOSITORY=varve.env["RESTIC_REPOSITORY"].replace(proxy.host, store.host))
    right("backup", "files", tmp_path / "folder")
    assert len(json.loads(right("snapshots", "--json").stdout)) == 2


@pytest.mark.parametrize("store", [Minio], indirect=True)
@pytest.mark.parametrize("seconds, words", [(HOUR, "behind this machine's"), (-HOUR, "ahead of this machine's")])
def test_a_clock_that_cannot_be_made_up_for_is_told(proxy, off, seconds, words):
    varve = off(seconds)
    proxy.disturb(lambda request: answers(403, {"Date": email.utils.formatdate(usegmt=True)}, SKEWED)(request))
    done = varve("init", code=FAILED)
    assert any(f"the clock of the server is {minutes} minutes {words}" in done.stderr for minutes in (59, 60)), done
    assert "set the clock of this machine right" in done.stderr, done
    proxy.disturb(answers(403, {}, SKEWED))
    done = varve("init", code=FAILED)
    assert "the clocks of the server and of this machine differ" in done.stderr, done
