"""Logins that may not do all that is needed, or not any more: what works without, is done, and what does not has a sentence of its own."""
import json

import pytest

from harness.http_proxy import HttpProxy, answers
from harness.stores import SFTP_SERVER, Azurite, Minio, Sshd
from support.aws import environment_of, make_bucket, session_of
from support.azure import with_signature
from support.mixed_folder import content, fill
from support.stores import at_store, sound

pytestmark = pytest.mark.all

FAILED, INCOMPLETE = 1, 3
NO_LOCK = "commands that only read do without a lock: --no-lock"
NOBODY = f"/usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups {SFTP_SERVER}"


@pytest.fixture(scope="module")
def minio():
    with Minio() as store:
        session_of(store)  # so it is ready
        yield store


@pytest.fixture(scope="module")
def azurite():
    with Azurite() as store:
        yield store


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path / "folder")
    return tmp_path / "folder"


def keeps_its_locks(varve, owner, folder, hint):
    """Each backup and each reading succeeds, and tells of the lock that stays; who may remove takes them all away."""
    for count in (1, 2):
        done = varve("backup", "files", folder, code=INCOMPLETE)
        assert "saved" in done.stdout and "warning: cannot remove our lock" in done.stderr, done
        assert hint in done.stderr and "unlock` removes it" in done.stderr, done
        assert len(json.loads(owner("snapshots", "--json").stdout)) == count
    warned = varve("backup", "files", folder, "--json", code=INCOMPLETE)
    assert warned.events[-1]["result"] == "incomplete" and "lock" in warned.events[-2]["message"], warned
    read = varve("ls", "latest", "--json")
    assert "cannot remove our lock" in read.stderr and "cannot remove our lock" not in read.stdout, read
    varve("restore", f"latest:{folder}", "--target", folder.parent / "back")
    assert content(folder.parent / "back") == content(folder)
    refused = varve("forget", "latest", code=FAILED)
    assert hint in refused.stderr, refused
    assert "3 locks removed" in owner("unlock").stdout, "of those since the owner looked last"
    owner("check", "--read-data")
    assert len(json.loads(owner("snapshots", "--json").stdout)) == 3


def test_a_bucket_in_which_nothing_may_be_removed(tmp_path, minio, folder):
    make_bucket(minio, "nothing-removed")
    owner = at_store(tmp_path, minio, "nothing-removed/shop")
    owner("init")
    of_bucket, of_files = (f"arn:aws:s3:::nothing-removed{end}" for end in ("", "/*"))
    rights = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": of_bucket},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": of_files}]}
    varve = at_store(tmp_path, minio, "nothing-removed/shop", **environment_of(session_of(minio, rights)))
    keeps_its_locks(varve, owner, folder, "s3:DeleteObject on locks/")


def test_a_signature_without_the_letter_to_remove(tmp_path, azurite, folder):
    owner = at_store(tmp_path, azurite, "nothing-removed/shop")
    owner("init")
    text, _ = with_signature(azurite, "nothing-removed", "rcwl")
    varve = at_store(tmp_path, azurite, "nothing-removed/shop", AZURE_STORAGE_CONNECTION_STRING=text)
    keeps_its_locks(varve, owner, folder, "and d for what is removed")


def test_an_account_of_an_sftp_server_that_may_not_remove(tmp_path, folder):
    with Sshd(f"Subsystem sftp {SFTP_SERVER} -P remove") as store:
        varve, owner = at_store(tmp_path, store, "shop"), at_store(tmp_path, store, "shop")
        owner.env["RESTIC_REPOSITORY"] = str(store.data / "shop")
        varve("init")
        keeps_its_locks(varve, owner, folder, "the right to read and to write")


@pytest.fixture(params=["read-only", "of another user"])
def unwritable(request, tmp_path, folder):
    """varve at an SFTP server that lets nobody write, with a snapshot there; and the folder of that repository."""
    sftp = NOBODY if request.param == "of another user" else f"{SFTP_SERVER} -R"
    with Sshd(f"Subsystem sftp {sftp}") as store:
        varve, place = at_store(tmp_path, store, "shop"), store.data / "shop"
        varve("-r", place, "init")
        varve("-r", place, "backup", "files", folder)
        for path in (store.folder, store.data, place, *place.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o444)
        yield varve, place


def test_an_account_of_an_sftp_server_that_may_only_read(unwritable, folder):
    varve, place = unwritable
    for words in (["backup", "files", folder], ["snapshots"], ["forget", "latest"]):
        refused = varve(*words, code=FAILED)
        assert "cannot store" in refused.stderr and "Permission denied" in refused.stderr, refused
        assert "the right to read and to write" in refused.stderr and NO_LOCK in refused.stderr, refused
        assert "trying again" not in refused.stderr
    varve("check", "--read-data", "--no-lock")
    varve("restore", f"latest:{folder}", "--target", folder.parent / "back", "--no-lock")
    assert content(folder.parent / "back") == content(folder)
    elsewhere = varve("-r", varve.store.place("other"), "init", code=FAILED)
    assert "cannot make the folder" in elsewhere.stderr and "Permission denied" in elsewhere.stderr, elsewhere


@pytest.mark.parametrize("unwritable", ["of another user"], indirect=True)
@pytest.mark.parametrize("what, mode, sentence", [("snapshots", 0o711, "cannot list"), ("config", 0o400, "cannot read"),
                                                  ("data", 0o700, "cannot list")])
def test_an_account_of_an_sftp_server_that_may_not_read_all(unwritable, what, mode, sentence):
    """What it does not see is not taken for what is not there."""
    varve, place = unwritable
    (place / what).chmod(mode)
    refused = varve("check", "--no-lock", code=FAILED)
    assert sentence in refused.stderr and f"/shop/{what}" in refused.stderr and "Permission denied" in refused.stderr, refused
    assert "the right to read and to write" in refused.stderr, refused


def test_a_signature_whose_time_is_over(tmp_path, azurite, folder):
    owner = at_store(tmp_path, azurite, "signed/over")
    owner("init")
    text, signature = with_signature(azurite, "signed", "rcwdl", hours=-1)
    refused = at_store(tmp_path, azurite, "signed/over", AZURE_STORAGE_CONNECTION_STRING=text)("backup", "files", folder, code=FAILED)
    assert "the time of the shared access signature was over at 20" in refused.stderr and "make a new one" in refused.stderr, refused
    assert signature not in refused.stderr


def test_a_session_that_ends_while_it_is_at_work(tmp_path, minio, folder):
    """What was stored is kept, and with new keys the next run goes on. (MinIO's sessions last a quarter of an hour at least, so here one
    that stands before it says that this one is over.)"""
    ended = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
    with HttpProxy(minio) as proxy:
        varve = at_store(tmp_path, minio, "sessions/ended")
        varve("init")
        through = {**environment_of(session_of(minio)), "RESTIC_REPOSITORY": varve.env["RESTIC_REPOSITORY"].replace(minio.host, proxy.host)}
        proxy.disturb(answers(400, body=ended), when=lambda method, path: "/index/" in path or "/snapshots/" in path)
        refused = varve("backup", "files", folder, env=through, code=FAILED)
    assert proxy.struck and "the session that the keys are of has ended" in refused.stderr and "get new ones" in refused.stderr, refused
    varve("backup", "files", folder)
    sound(varve)
