"""Repositories on servers: whole stories with stock restic at the same place, what append-only servers allow, servers that go and
come back, and what is said of logins, names and certificates that are wrong."""
import contextlib
import hashlib
import itertools
import json
import os
import signal
import subprocess
import threading
import urllib.parse

import pytest

from harness.process import free_port
from harness.proxy import Proxy
from harness.stores import SFTP_SERVER, Azurite, FakeGcs, Minio, Rclone, RcloneServer, RestServer, Sshd, Swift
from harness.tools import Varve
from support.azure import with_signature
from support.certificates import Authority, openssl
from support.mixed_folder import content, fill
from support.processes import children
from support.repositories import snapshots
from support.runs import at, export
from support.small_disk import small_disk
from support.stores import KINDS, LOGIN, at_store, sound

pytestmark = pytest.mark.all

FAILED, INCOMPLETE, NO_REPOSITORY = 1, 3, 10


@pytest.fixture(scope="module")
def minio():
    with Minio() as store:
        yield store


@pytest.fixture(scope="module")
def rest():
    with RestServer() as store:
        yield store


@pytest.fixture(scope="module")
def swift():
    with Swift() as store:
        yield store


@pytest.fixture(scope="module")
def sshd():
    with Sshd() as store:
        yield store


@pytest.fixture(scope="module")
def rclone():
    with Rclone() as store:
        yield store


@pytest.fixture(scope="module")
def azurite(authority):
    with Azurite(authority) as store:
        yield store


@pytest.fixture(scope="module")
def fake_gcs():
    with FakeGcs() as store:
        yield store


@pytest.fixture(params=["s3", "rest", "swift", "azure", "google", "sftp", "rclone"])
def store(request):
    return request.getfixturevalue({"s3": "minio", "azure": "azurite", "google": "fake_gcs", "sftp": "sshd"}.get(request.param, request.param))


@pytest.fixture
def remote(tmp_path, store, request):
    """An empty place on each kind of store."""
    return at_store(tmp_path, store, "t" + hashlib.sha256(request.node.name.encode()).hexdigest()[:12])


def restored_by_restic(varve, folder, snapshot="latest"):
    varve.restic("restore", snapshot, "--target", folder)
    return content(folder)


def test_a_server_is_backed_up_checked_and_restored(remote, rs6, database, tmp_path):
    database.orders.insert_many({"_id": i, "x": "x" * 500} for i in range(20_000))
    remote("init")
    uri = at(remote, rs6.uri)
    remote("backup", uri, "--source", "shop", "--ns-include", f"{database.name}.*")
    database.orders.update_one({"_id": 1}, {"$set": {"x": "new"}})
    remote("backup", uri, "--source", "shop", "--ns-include", f"{database.name}.*")
    sound(remote)
    database.client.drop_database(database.name)
    remote("restore", "latest", "--to", uri, "--yes")
    assert database.orders.count_documents({}) == 20_000 and database.orders.find_one({"_id": 1})["x"] == "new"
    exported = content(export(remote))
    by_restic = restored_by_restic(remote, tmp_path / "by restic")
    assert {path.rsplit("/dump/")[-1]: data for path, data in by_restic.items() if "/dump/" in path} == exported


def test_what_stock_restic_wrote_there_is_read(remote, tmp_path):
    folder = tmp_path / "folder"
    fill(folder)
    remote.restic("init")
    remote.restic("backup", folder)
    remote("check", "--read-data")
    remote("restore", f"latest:{folder}", "--target", tmp_path / "by varve")
    assert content(tmp_path / "by varve") == content(folder)
    (folder / "text").write_text("changed")
    remote("backup", "files", folder)
    remote("forget", "latest", "--prune")
    remote("backup", "files", folder)
    sound(remote)
    assert len(snapshots(remote)) == 2


@pytest.mark.parametrize("make", [Minio, Azurite])
def test_snapshots_are_copied_between_two_stores_with_a_login_each(make, tmp_path):
    """restic reads one login for both repositories."""
    with make() as store, RestServer(users=LOGIN) as rest:
        (tmp_path / "a").mkdir()
        source = at_store(tmp_path / "a", store, "copied")
        fill(tmp_path / "folder")
        source("init")
        source("backup", "files", tmp_path / "folder")
        (tmp_path / "b").mkdir()
        target = at_store(tmp_path / "b", rest, "me", RESTIC_REST_USERNAME="me", RESTIC_REST_PASSWORD="secret")
        target("init")
        target.env |= {f"RESTIC_FROM_{name}": value for name, value in store.env.items()}
        target("copy", "--from-repo", store.place("copied"), "--from-password-file", source.password_file)
        sound(target)


def test_an_append_only_server_takes_backups_and_keeps_them(tmp_path):
    with RestServer("--append-only") as store:
        varve = at_store(tmp_path, store, "shop")
        fill(tmp_path / "folder")
        varve("init")
        for host in ("one", "two"):
            varve("backup", "files", tmp_path / "folder", "--host", host)
        sound(varve)
        refused = varve("forget", "latest", code=INCOMPLETE)
        assert "append-only" in refused.stderr and "403" in refused.stderr, refused
        assert len(snapshots(varve)) == 2


# So much at first that one pack is full, though there may be two that are filled at the same time.
BACKUP = "head -c 45000000 /dev/urandom; while [ ! -e go ]; do sleep 0.1; done; head -c 25000000 /dev/urandom"


def stored(store):
    """Bytes; what is renamed meanwhile is not counted."""
    size = 0
    for folder, _, names in os.walk(store.folder / "data"):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                size += os.stat(os.path.join(folder, name)).st_size
    return size


@pytest.mark.parametrize("kind", ["s3", "rest", "swift", "azure", "google", "sftp"])
def test_a_backup_goes_on_when_its_server_comes_back(tmp_path, kind, authority):
    with KINDS[kind](authority) as store:
        varve = at_store(tmp_path, store, "shop")
        varve("init")
        process = varve.start("backup", "stdin", "--name", "noise", "--command", "--", "sh", "-c", BACKUP, cwd=tmp_path)
        while stored(store) < 16_000_000:
            assert process.poll() is None, process.communicate()
        store.kill()
        (tmp_path / "go").touch()
        for line in process.stderr:
            if "trying again" in line:
                break
        store.start_again()
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        sound(varve)
        assert len(varve.restic("dump", "latest", "noise", text=False).stdout) == 70_000_000


@contextlib.contextmanager
def answers_cut_off(proxy, pause=0.5):
    """Again and again one ends in the middle: of requests that were carried out, too."""
    ended, sizes = threading.Event(), itertools.cycle([150, 3_000, 400, 60, 40_000])

    def cut():
        while not ended.wait(pause):
            proxy.cut_after(next(sizes))
    thread = threading.Thread(target=cut)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.mark.parametrize("kind", ["s3", "rest", "append-only", "swift", "azure", "google", "sftp"])
def test_what_a_network_loses_is_made_good(tmp_path, kind, authority):
    fill(tmp_path / "folder")
    with KINDS[kind](authority) as store, Proxy(store) as proxy:
        varve = at_store(tmp_path, store, "shop")
        through = {name: value.replace(store.host, proxy.host) for name, value in varve.env.items()}
        varve("init", env=through)
        with answers_cut_off(proxy, pause=2 if kind == "sftp" else 0.5):  # a login takes its time
            for number in range(3):
                (tmp_path / "folder" / f"new {number}").write_bytes(os.urandom(300_000))
                varve("backup", "files", tmp_path / "folder", env=through)
        sound(varve)
        assert len(snapshots(varve)) == 3
        assert not varve.restic("list", "locks").lines


def test_a_server_that_does_not_come_back_ends_a_backup_with_a_sentence(tmp_path):
    with RestServer() as store:
        varve = at_store(tmp_path, store, "shop")
        varve("init")
        store.kill()
        done = varve("snapshots", "--retry-for", "1s", code=FAILED)
        assert f"cannot connect to 127.0.0.1:{store.port}: Connection refused" in done.stderr, done


@pytest.mark.parametrize("env, sentence", [
    ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "the secret key is wrong"),
    ({"AWS_ACCESS_KEY_ID": "nobody"}, "does not know the access key"),
    ({"AWS_ACCESS_KEY_ID": ""}, "half of a login"),
    ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}, "there is no login for S3"),
    ({"AWS_PROFILE": "none", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, 'no profile "none"'),
])
def test_a_wrong_login_of_s3_is_told(tmp_path, minio, env, sentence):
    done = at_store(tmp_path, minio, "shop", **env)("init", code=FAILED)
    assert sentence in done.stderr, done
    assert minio.SECRET not in done.stderr


@pytest.mark.parametrize("change, sentence", [
    (lambda text: text.replace(Azurite.KEY, "d3Jvbmc="), "is the key that of the account"),
    (lambda text: text.replace(Azurite.KEY, "wrong"), "the key in AZURE_STORAGE_CONNECTION_STRING is not whole"),
    (lambda _: "", "there is no login for Azure"),
])
def test_a_wrong_login_of_azure_is_told(tmp_path, azurite, change, sentence):
    text = change(azurite.connection_string)
    done = at_store(tmp_path, azurite, "login", AZURE_STORAGE_CONNECTION_STRING=text)("init", code=FAILED)
    assert sentence in done.stderr, done
    assert azurite.KEY not in done.stderr and "d3Jvbmc" not in done.stderr


def test_a_signature_for_one_container_is_enough(tmp_path, azurite):
    fill(tmp_path / "folder")
    varve = at_store(tmp_path, azurite, "signed/shop")
    varve("init")
    varve.env["AZURE_STORAGE_CONNECTION_STRING"], _ = with_signature(azurite, "signed", "rcwdl")
    varve("backup", "files", tmp_path / "folder")
    varve("forget", "latest", "--prune")
    varve("backup", "files", tmp_path / "folder")
    sound(varve)
    varve.env["AZURE_STORAGE_CONNECTION_STRING"], signature = with_signature(azurite, "signed", "rl")
    varve("check", "--read-data", "--no-lock")
    refused = varve("backup", "files", tmp_path / "folder", code=FAILED)
    assert "not allowed to" in refused.stderr and "letters r, l, c and w" in refused.stderr, refused
    assert signature not in refused.stderr and urllib.parse.quote(signature, safe="") not in refused.stderr


def test_files_go_to_the_tier_that_is_asked_for(tmp_path, azurite):
    fill(tmp_path / "folder")
    varve = at_store(tmp_path, azurite, "tiers")
    varve("init", "-o", "azure.access-tier=cool")
    varve("-o", "azure.access-tier=Cold", "backup", "files", tmp_path / "folder")
    sound(varve)
    refused = varve("snapshots", "-o", "azure.access-tier=archive", code=FAILED)
    assert "nothing can be read there" in refused.stderr, refused


def test_a_service_account_gets_a_token_first(tmp_path):
    """Before anything is asked of Google; and its key is never shown."""
    openssl("genpkey", "-algorithm", "RSA", "-out", tmp_path / "key")
    key, file, port = (tmp_path / "key").read_text(), tmp_path / "account.json", free_port()
    file.write_text(json.dumps({"type": "service_account", "client_email": "shop@tests", "private_key": key,
                                "token_uri": f"http://127.0.0.1:{port}/token"}))
    varve = Varve(tmp_path)
    varve.env |= {"RESTIC_REPOSITORY": "gs:bucket:/shop", "GOOGLE_APPLICATION_CREDENTIALS": str(file)}
    done = varve("snapshots", "--retry-for", "0s", code=FAILED)
    assert f"cannot connect to 127.0.0.1:{port}" in done.stderr and key.splitlines()[1] not in done.stderr, done
    file.write_text("{}")
    done = varve("snapshots", code=FAILED)
    assert "is not supported" in done.stderr and "GOOGLE_APPLICATION_CREDENTIALS" in done.stderr, done


def test_a_profile_holds_the_login(tmp_path, minio):
    varve = at_store(tmp_path, minio, "profiles", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_PROFILE="shop")
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        f"[shop]\naws_access_key_id = {minio.KEY}\naws_secret_access_key = {minio.SECRET}\n")
    varve("init")
    varve("snapshots")


@pytest.mark.parametrize("place, code, sentence", [
    ("s3:http://127.0.0.1:{port}/no-such-bucket", NO_REPOSITORY, "there is no bucket no-such-bucket"),
    ("s3:http://no-such-host.invalid/bucket", FAILED, "the host of no-such-host.invalid is not known"),
    ("s3:http://127.0.0.1:{closed}/bucket", FAILED, "Connection refused"),
    ("rest:http://127.0.0.1:{closed}/shop", FAILED, "Connection refused"),
    ("rest:http://127.0.0.1:{port}/shop", FAILED, "the server answers 4"),
    ("rest:ftp://127.0.0.1/shop", FAILED, "is a URL"),
    ("s3:127.0.0.1", FAILED, "names no bucket"),
    ("swift:container", FAILED, "a container and a folder"),
    ("azure:no-such-container:/", NO_REPOSITORY, "no repository"),
    ("azure:Container:/", FAILED, "can be no name of a container"),
    ("gs:no-such-bucket:/", NO_REPOSITORY, "there is no bucket no-such-bucket"),
    ("gs:bucket", FAILED, "has a second colon"),
])
def test_a_place_where_nothing_is_is_told(tmp_path, minio, azurite, fake_gcs, place, code, sentence):
    varve = at_store(tmp_path, minio, "none", **azurite.env, **fake_gcs.env, RESTIC_REPOSITORY=place.format(port=minio.port, closed=free_port()))
    done = varve("snapshots", "--retry-for", "0s", code=code)
    assert sentence in done.stderr, done


def test_a_login_of_a_rest_server_is_asked_for_and_never_shown(tmp_path):
    with RestServer("--private-repos", users=LOGIN) as store:
        varve = at_store(tmp_path, store, "me/shop")
        refused = varve("init", code=FAILED)
        assert "401" in refused.stderr and "RESTIC_REST_USERNAME" in refused.stderr, refused
        varve("init", env={"RESTIC_REST_USERNAME": "me", "RESTIC_REST_PASSWORD": "secret"})
        for place in ("me/shop", "me/none"):
            done = varve("-r", store.place(place, "me:secret"), "snapshots", code=None)
            assert "secret" not in done.stdout + done.stderr, done
        varve("-r", store.place("me/shop", "me:secret"), "snapshots")
        wrong = varve("-r", store.place("me/shop", "me:wr%40ng"), "snapshots", code=FAILED)
        assert "401" in wrong.stderr and "wr%40ng" not in wrong.stderr and "wr@ng" not in wrong.stderr, wrong


def test_a_servers_certificate_is_looked_at(tmp_path):
    authority = Authority(tmp_path)
    with RestServer(certificate=authority.issue("store")) as store:
        varve = at_store(tmp_path, store, "shop")
        distrusted = varve("init", code=FAILED)
        assert "cannot be trusted" in distrusted.stderr and "--cacert" in distrusted.stderr, distrusted
        varve("init", "--cacert", authority.certificate)
        varve("snapshots", env={"RESTIC_CACERT": str(authority.certificate)})
        varve("snapshots", "--insecure-tls")
        varve.restic("check", "--cacert", authority.certificate)


def test_an_account_of_azure_is_reached_by_its_name_and_through_a_proxy(tmp_path, authority):
    """Both programs alike."""
    with Azurite(authority) as store:
        varve = at_store(tmp_path, store, "by-name", **store.restic_env, AZURE_STORAGE_CONNECTION_STRING="")
        fill(tmp_path / "folder")
        varve("init")
        varve("backup", "files", tmp_path / "folder")
        sound(varve)
        done = varve("snapshots", "--retry-for", "0s", env={"HTTPS_PROXY": "http://127.0.0.1:1"}, code=FAILED)
        assert "cannot connect" in done.stderr, done


def test_a_server_that_wants_a_certificate_gets_it(tmp_path):
    authority = Authority(tmp_path, "ours")
    with RcloneServer(authority) as store:
        varve = at_store(tmp_path, store, "shop")
        assert "--tls-client-cert" in varve("init", code=FAILED).stderr
        another = Authority(tmp_path, "another").issue("client")
        assert "does not take the certificate" in varve("init", "--tls-client-cert", another, code=FAILED).stderr
        shown = ("--tls-client-cert", authority.issue("client"))
        fill(tmp_path / "folder")
        varve("init", *shown)
        varve("backup", "files", tmp_path / "folder", *shown)
        varve("check", "--read-data", env={"RESTIC_TLS_CLIENT_CERT": str(shown[1])})
        assert "no errors were found" in varve.restic("check", "--read-data", *shown).stdout


@pytest.mark.parametrize("how, sentence", [({"expired": True}, "expired"), ({"names": "DNS:elsewhere"}, "name")], ids=["expired", "another's"])
def test_what_is_wrong_with_a_certificate_is_told(tmp_path, how, sentence):
    authority = Authority(tmp_path)
    with RestServer(certificate=authority.issue("store", **how)) as store:
        done = at_store(tmp_path, store, "shop")("init", "--cacert", authority.certificate, code=FAILED)
    assert "cannot be trusted" in done.stderr and sentence in done.stderr, done


def test_a_backup_needs_no_room_for_temporary_files(tmp_path, minio):
    varve = at_store(tmp_path, minio, "no-temporary", TMPDIR="/nowhere")
    fill(tmp_path / "folder")
    varve("init")
    varve("backup", "files", tmp_path / "folder")
    assert not os.path.exists("/nowhere")


@pytest.mark.parametrize("disk", ["full", "read-only"])
def test_a_server_is_backed_up_where_no_disk_takes_anything(tmp_path, minio, rs6, database, disk):
    """Neither temporary files nor what is kept of the repository have room: the store gets it all the same."""
    database.orders.insert_many({"_id": i, "x": os.urandom(500)} for i in range(10_000))
    with small_disk(tmp_path / "small", "1m") as small:
        place = dict.fromkeys(("TMPDIR", "HOME", "XDG_CACHE_HOME", "RESTIC_CACHE_DIR"), str(small))
        varve = at_store(tmp_path, minio, f"no-room/{disk}", **place)
        if disk == "full":
            with contextlib.suppress(OSError), open(small / "filler", "wb", buffering=0) as filler:
                while filler.write(bytes(4096)):
                    pass
        else:
            subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        varve("init")
        for _ in range(2):
            varve("backup", at(varve, rs6.uri), "--source", "shop", "--ns-include", f"{database.name}.*")
        varve("check", "--read-data")
        database.client.drop_database(database.name)
        varve("restore", "latest", "--to", at(varve, rs6.uri), "--yes", "--spill-dir", tmp_path)
    assert database.orders.count_documents({}) == 10_000


def test_the_sftp_server_alone_is_enough(tmp_path):
    """Without any ssh, for both programs."""
    alone = ("-o", f"sftp.command={SFTP_SERVER} -l ERROR", "-r", f"sftp:nobody@nowhere:{tmp_path}/a 'folder' of ours")
    varve = Varve(tmp_path)
    fill(tmp_path / "folder")
    varve(*alone, "init")
    varve(*alone, "backup", "files", tmp_path / "folder")
    varve.restic(*alone, "backup", tmp_path / "folder")
    varve(*alone, "check", "--read-data")
    assert "no errors were found" in varve.restic(*alone, "check", "--read-data").stdout
    varve(*alone, "forget", "latest", "--prune")
    varve(*alone, "restore", f"latest:{tmp_path}/folder", "--target", tmp_path / "back")
    assert content(tmp_path / "back") == content(tmp_path / "folder")
    files = [path for path in (tmp_path / "a 'folder' of ours").rglob("*") if path.is_file()]
    assert files and all(path.stat().st_mode & 0o777 == 0o400 for path in files)


def test_a_repository_of_a_group_stays_one(tmp_path, sshd):
    varve = at_store(tmp_path, sshd, "group")
    fill(tmp_path / "folder")
    varve("init")
    (sshd.data / "group" / "config").chmod(0o440)
    varve("backup", "files", tmp_path / "folder")
    packs = [path for path in (sshd.data / "group" / "data").rglob("*") if path.is_file()]
    assert packs and all(path.stat().st_mode & 0o777 == 0o440 for path in packs)


@pytest.mark.parametrize("who, sentence", [("stranger", "Permission denied"), ("newcomer", "Host key verification failed")])
def test_what_ssh_says_is_told(tmp_path, sshd, who, sentence):
    done = at_store(tmp_path, sshd, "shop", **getattr(sshd, who)())("init", code=FAILED)
    assert sentence in done.stderr and f"sftp {sshd.user}@127.0.0.1" in done.stderr, done
    assert "trying again" not in done.stderr


def test_a_server_without_sftp_is_told(tmp_path):
    with Sshd("Subsystem other /bin/true") as store:
        done = at_store(tmp_path, store, "shop")("init", code=FAILED)
    assert "subsystem request failed" in done.stderr and "SFTP switched on" in done.stderr, done


@pytest.mark.parametrize("place, options, sentence", [
    ("sftp:host", (), "no colon before its folder"),
    ("sftp:-oProxyCommand=x:folder", (), "not well written"),
    ("sftp:host:~/folder", (), "begins with ~"),
    ("sftp://me:secret@host/folder", (), "no password"),
    ("sftp:host:folder", ("-o", "sftp.command=ssh", "-o", "sftp.args=-v"), "together"),
    ("sftp:host:folder", ("-o", "sftp.command=no-such-program"), "cannot run no-such-program"),
    ("sftp:host:folder", ("-o", "sftp.command=echo hello, everybody"), "is not SFTP: it begins \"hell\""),
    ("sftp:host:folder", ("-o", "sftp.other=x"), "-o sftp.other is not known"),
])
def test_a_place_that_ssh_cannot_reach_is_told(tmp_path, place, options, sentence):
    done = Varve(tmp_path)("-r", place, *options, "init", code=FAILED)
    assert sentence in done.stderr and "secret" not in done.stderr, done


@pytest.fixture
def own_rclone():
    with Rclone() as store:
        yield store


def test_a_backup_goes_on_when_its_rclone_is_killed(tmp_path, own_rclone):
    store = own_rclone
    varve = at_store(tmp_path, store, "killed", http_proxy="http://127.0.0.1:1")  # which is for others
    varve("init")
    process = varve.start("backup", "stdin", "--name", "noise", "--command", "--", "sh", "-c", BACKUP, cwd=tmp_path)
    while stored(store) < 16_000_000:
        assert process.poll() is None, process.communicate()
    [child] = children(process.pid, "rclone")
    os.kill(child, signal.SIGKILL)
    (tmp_path / "go").touch()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    sound(varve)


def test_an_append_only_rclone_takes_backups_and_keeps_them(tmp_path, rclone):
    varve = at_store(tmp_path, rclone, "append-only")
    append_only = ("-o", "rclone.args=serve restic --stdio --append-only")
    fill(tmp_path / "folder")
    varve(*append_only, "init")
    varve(*append_only, "backup", "files", tmp_path / "folder")
    refused = varve(*append_only, "forget", "latest", code=INCOMPLETE)
    assert "append-only" in refused.stderr and "403" in refused.stderr, refused
    sound(varve)
    assert len(snapshots(varve)) == 1


def test_one_config_is_stored_at_a_folder_of_this_machine(tmp_path, rclone):
    varve = at_store(tmp_path, rclone, "", RESTIC_REPOSITORY=f"rclone:here:{rclone.data}/here")
    varve("init")
    assert "already" in varve("init", code=FAILED).stderr
    assert (rclone.data / "here" / "config").exists()


@pytest.mark.parametrize("place, options, code, sentence", [
    ("rclone:none:x", (), FAILED, "didn't find section in config file"),
    ("rclone:shop", (), FAILED, "names no place of rclone's"),
    ("rclone:shop:x", ("-o", "rclone.program=no-such-rclone"), FAILED, "is rclone installed"),
    ("rclone:shop:x", ("-o", "rclone.args=serve 'restic"), FAILED, "a quote without an end"),
    ("rclone:shop:nothing", (), NO_REPOSITORY, "no repository"),
])
def test_a_place_that_rclone_cannot_serve_is_told(tmp_path, rclone, place, options, code, sentence):
    done = at_store(tmp_path, rclone, "", RESTIC_REPOSITORY=place)(*options, "snapshots", code=code)
    assert sentence in done.stderr, done
