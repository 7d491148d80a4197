"""Repositories in S3: keys that services lend for a while, buckets that keep what is removed, and the least that a login must be
allowed, by the policy of the documentation."""
import json
import re
from pathlib import Path

import pytest

from harness.stores import Minio
from support.aws import Lender, environment_of, make_bucket, remove_version, session_of, versions
from support.mixed_folder import content, fill
from support.repositories import snapshots
from support.stores import at_store, sound

pytestmark = pytest.mark.all

FAILED, INCOMPLETE = 1, 3
DOCS = Path(__file__).parents[1] / "docs" / "storage.md"
WAYS = ["web identity", "container", "machine"]


@pytest.fixture(scope="module")
def minio():
    with Minio() as store:
        yield store


def told_no_secret(done, lender):
    words = [lender.TOKEN, lender.metadata_token, *(word for keys in lender.given for word in keys[1:])]
    assert not any(word in done.stdout + done.stderr for word in words), done


@pytest.mark.parametrize("way", WAYS)
def test_keys_that_a_service_lends_open_a_repository(tmp_path, minio, way):
    fill(tmp_path / "folder")
    with Lender(minio) as lender:
        varve = at_store(tmp_path, minio, f"lent/{WAYS.index(way)}", **lender.ways(tmp_path)[way])
        varve("init")
        told_no_secret(varve("backup", "files", tmp_path / "folder"), lender)
        varve("restore", f"latest:{tmp_path / 'folder'}", "--target", tmp_path / "back")
        assert content(tmp_path / "back") == content(tmp_path / "folder")
        assert len(lender.given) == 3, "one for each run, whatever it asks at once"
    sound(at_store(tmp_path, minio, f"lent/{WAYS.index(way)}"))


@pytest.mark.parametrize("way", WAYS)
def test_lent_keys_are_renewed_before_they_end(tmp_path, minio, way):
    with Lender(minio, lifetime=4) as lender:
        varve = at_store(tmp_path, minio, f"renewed/{WAYS.index(way)}", **lender.ways(tmp_path)[way])
        varve("init")
        before = len(lender.given)
        noise = "for i in 1 2 3 4 5; do head -c 20000000 /dev/urandom; sleep 1; done"
        told_no_secret(varve("backup", "stdin", "--name", "noise", "--command", "--", "sh", "-c", noise), lender)
        assert len(lender.given) - before >= 2
    varve.env |= minio.env
    varve("check", "--read-data")


@pytest.mark.parametrize("way, answer, sentence", [
    ("web identity", (400, "<ErrorResponse><Error><Code>ExpiredTokenException</Code></Error></ErrorResponse>"), "/token has ended"),
    ("web identity", (403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not authorized</Message></Error></ErrorResponse>"),
     "AccessDenied: Not authorized"),
    ("container", (404, '{"code": "NoRole", "message": "none"}'), "NoRole: none"),
    ("machine", (404, ""), "there is no login for S3, and this machine's metadata give none"),
    ("machine", (200, ""), "the machine's metadata answer without a token"),
    ("machine", (503, ""), "503"),
])
def test_a_service_that_lends_no_keys_is_told(tmp_path, minio, way, answer, sentence):
    with Lender(minio) as lender:
        lender.refused = answer
        done = at_store(tmp_path, minio, "refused", **lender.ways(tmp_path)[way])("init", "--retry-for", "0s", code=FAILED)
    assert sentence in done.stderr, done
    told_no_secret(done, lender)


@pytest.mark.parametrize("env, sentence", [
    ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}, "there is no login for S3, and this machine has no metadata"),
    ({"AWS_EC2_METADATA_DISABLED": "True"}, "there is no login for S3"),
    ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere"}, "half of a web identity"),
    ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere", "AWS_ROLE_ARN": "arn:x", "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"},
     "cannot read the token in /nowhere"),
    ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/keys"}, "a place that keys are not to be taken from"),
])
def test_a_way_to_keys_that_leads_nowhere_is_told(tmp_path, minio, env, sentence):
    varve = at_store(tmp_path, minio, "nowhere", **{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", **env})
    assert sentence in varve("init", "--retry-for", "0s", code=FAILED).stderr


def test_a_profile_takes_a_role_with_the_keys_of_another_one(tmp_path, minio):
    """MinIO's own token service gives whoever asks a session of its own."""
    varve = at_store(tmp_path, minio, "roles", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_PROFILE="shop",
                     AWS_ENDPOINT_URL_STS=minio.url)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        f"[default]\naws_access_key_id = {minio.KEY}\naws_secret_access_key = {minio.SECRET}\n")
    (tmp_path / ".aws" / "config").write_text("[profile shop]\nrole_arn = arn:aws:iam::1:role/shop\nsource_profile = default\n")
    varve("init")
    varve("snapshots")
    (tmp_path / ".aws" / "credentials").write_text(f"[default]\naws_access_key_id = {minio.KEY}\naws_secret_access_key = wrong\n")
    refused = varve("snapshots", code=FAILED)
    assert "cannot get keys for arn:aws:iam::1:role/shop" in refused.stderr and "signing method" in refused.stderr, refused


def test_a_session_that_is_none_is_told(tmp_path, minio):
    access, secret, token = session_of(minio)
    varve = at_store(tmp_path, minio, "session", **environment_of((access, secret, token)))
    varve("init")
    done = varve("snapshots", env=environment_of((access, secret, token[:-8] + "AAAAAAAA")), code=FAILED)
    assert "session" in done.stderr and "get new keys" in done.stderr, done
    assert secret not in done.stderr and token[-40:-8] not in done.stderr, done


def policy(bucket, folder, for_all=False):
    """The one of the documentation; `for_all`: changed as it says for who may remove."""
    [text] = re.findall(r"```json\n(.*?)```", DOCS.read_text(), re.DOTALL)
    text = text.replace("BUCKET", bucket).replace("FOLDER", folder)
    return json.loads(text.replace("/locks/*", "/*") if for_all else text)


def limited(tmp_path, minio, bucket, folder, **how):
    """varve whose login may do what the policy says there, and nothing else."""
    return at_store(tmp_path, minio, f"{bucket}/{folder}", **environment_of(session_of(minio, policy(bucket, folder, **how))))


def test_the_policy_of_the_documentation_is_enough_to_back_up_and_to_restore(tmp_path, minio):
    make_bucket(minio, "least")
    fill(tmp_path / "folder")
    varve = limited(tmp_path, minio, "least", "shop")
    varve("init")
    for host in ("one", "two"):
        varve("backup", "files", tmp_path / "folder", "--host", host)
    varve("check", "--read-data")
    varve("restore", f"latest:{tmp_path / 'folder'}", "--target", tmp_path / "back")
    assert content(tmp_path / "back") == content(tmp_path / "folder")
    assert not varve.restic("list", "locks").lines
    elsewhere = varve("-r", minio.place("least/other"), "init", code=FAILED)
    assert "not allowed to" in elsewhere.stderr, elsewhere


def test_a_login_that_may_not_remove_keeps_all_and_says_so(tmp_path, minio):
    make_bucket(minio, "append-only")
    fill(tmp_path / "folder")
    varve = limited(tmp_path, minio, "append-only", "shop")
    varve("init")
    for host in ("one", "two", "three"):
        varve("backup", "files", tmp_path / "folder", "--host", host)
    for command in (["forget", "latest"], ["forget", "--keep-last", "1", "--group-by", ""]):
        refused = varve(*command, code=INCOMPLETE)
        assert "not allowed to" in refused.stderr and "append-only" in refused.stderr, refused
    assert len(snapshots(varve)) == 3
    sound(varve)


def test_a_login_that_may_not_list_is_told(tmp_path, minio):
    make_bucket(minio, "unlisted")
    at_store(tmp_path, minio, "unlisted/shop")("init")
    rights = policy("unlisted", "shop")
    for statement in rights["Statement"]:
        if "s3:ListBucket" in statement["Action"]:
            statement["Action"] = ["s3:GetBucketLocation"]
    varve = at_store(tmp_path, minio, "unlisted/shop", **environment_of(session_of(minio, rights)))
    for words in (["snapshots"], ["backup", "files", tmp_path]):
        refused = varve(*words, code=FAILED)
        assert "not allowed to" in refused.stderr and "list" in refused.stderr, refused


def test_a_login_that_may_remove_prunes(tmp_path, minio):
    make_bucket(minio, "pruned")
    varve = limited(tmp_path, minio, "pruned", "shop", for_all=True)
    varve("init")
    for number in range(3):
        fill(tmp_path / f"folder {number}")
        (tmp_path / f"folder {number}" / "noise").write_bytes(number.to_bytes(1, "big") * 3_000_000)
        varve("backup", "files", tmp_path / f"folder {number}")
    done = varve("forget", "--keep-last", "1", "--group-by", "", "--prune")
    assert "older versions" not in done.stderr, done
    assert len(snapshots(varve)) == 1
    sound(varve)


def test_a_bucket_that_keeps_what_is_removed(tmp_path, minio):
    """Under a retention for a day: forget and prune work, and say that it is still there; and so it comes back."""
    make_bucket(minio, "kept", locked_for_days=1)
    fill(tmp_path / "folder")
    varve = at_store(tmp_path, minio, "kept/shop")
    varve("init")
    varve("backup", "files", tmp_path / "folder")
    varve("restore", f"latest:{tmp_path / 'folder'}", "--target", tmp_path / "back")
    assert content(tmp_path / "back") == content(tmp_path / "folder")
    sound(varve)
    packs = {key for key, _, _ in versions(minio, "kept") if "/data/" in key}
    pruned = varve("forget", "latest", "--prune")
    assert "keeps older versions" in pruned.stderr, pruned
    assert not snapshots(varve)
    varve("check", "--read-data")
    found = versions(minio, "kept")
    assert packs <= {key for key, _, is_mark in found if not is_mark} and packs <= {key for key, _, is_mark in found if is_mark}
    for key, version, is_mark in found:
        if not is_mark and key in packs:
            with pytest.raises(AssertionError, match="WORM protected|ObjectLocked|AccessDenied"):
                remove_version(minio, "kept", key, version)
    for key, version, is_mark in found:
        if is_mark and "/locks/" not in key:
            remove_version(minio, "kept", key, version)
    assert len(snapshots(varve)) == 1
    sound(varve)


def test_no_part_of_a_file_is_left_by_a_backup_that_is_killed(tmp_path, minio):
    """Since nothing is sent in parts."""
    varve = at_store(tmp_path, minio, "parts/shop")
    varve("init")
    process = varve.start("backup", "stdin", "--name", "noise", "--pack-size", "64", "--limit-upload", "20000", "--command", "--",
                          "sh", "-c", "head -c 150000000 /dev/urandom")
    with pytest.raises(Exception):
        process.wait(4)
    process.kill()
    process.communicate()
    parts = minio.folder / "data" / ".minio.sys" / "multipart"
    assert not parts.exists() or not any(path.is_file() for path in parts.rglob("*"))
    varve("unlock", "--remove-all")
    varve("check")
