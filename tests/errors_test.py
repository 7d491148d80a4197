"""What goes wrong is said in a sentence that names it, with the exit code that scripts expect, and costs nothing else."""
import json
import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from harness.process import free_port
from harness.servers import PASSWORD, USER, Mongod
from harness.tools import Varve, restic19, varve_binary
from support.hold import HOLDABLE, finish, reads_held
from support.mongos import Mongos
from support.repositories import lock_held_by
from support.runs import at, back_up, export, new_repository
from support.sealed import Sealer


@pytest.fixture(scope="module")
def server():
    with Mongod(replica_set="rs0", extra_args=HOLDABLE) as server:
        with server.client() as client:
            client.shop.orders.insert_many([{"_id": i} for i in range(100)])
        yield server


@pytest.fixture(scope="module")
def locked():
    """A server with logins."""
    with Mongod(replica_set="rs0", auth=True, extra_args=HOLDABLE) as server:
        with server.client() as client:
            client.shop.orders.insert_many([{"_id": i} for i in range(100)])
        yield server


@pytest.fixture(scope="module")
def saved(server, tmp_path_factory):
    varve = Varve(tmp_path_factory.mktemp("saved"))
    for _ in range(2):
        back_up(varve, server)
    return varve


def fails(varve, *args, code=1, **options):
    """The error of a run that fails so, which is told to people and, with --json, to programs."""
    told = varve(*args, code=code, **options)
    assert [line for line in told.stderr.splitlines() if line.startswith("error: ")], told
    event = json.loads(varve(*args, "--json", code=code, **options).stderr.splitlines()[-1])
    assert event["message_type"] == "exit_error" and event["code"] == code and event["message"] in told.stderr
    return told.stderr


def test_no_repository(varve, server):
    """DESIGN 8: exit 10, and how one is made."""
    assert "varve init" in fails(varve, "snapshots", code=10)
    fails(varve, "backup", server.uri, code=10)


def test_a_wrong_password(saved):
    """DESIGN 8: exit 12."""
    wrong = {"RESTIC_PASSWORD_FILE": "", "RESTIC_PASSWORD": "wrong"}
    told = fails(saved, "snapshots", code=12, env=wrong)
    assert "the password opens no key" in told and "RESTIC_PASSWORD_FILE" in told


def test_a_newer_format(varve):
    """Refused by both programs, by name, with what can be done."""
    new_repository(varve)
    config = json.loads(varve.restic("cat", "config").stdout)
    (varve.path / "config").chmod(0o600)
    (varve.path / "config").write_bytes(Sealer(varve).seal(json.dumps({**config, "version": 3}).encode()))
    for words in (["snapshots"], ["backup", "files", varve.folder], ["check"], ["prune"]):
        told = fails(varve, *words)
        assert "format version 3" in told and "a newer varve" in told, told
        varve.restic(*(word for word in words if word != "files"), code=1)
    assert not list((varve.path / "locks").iterdir())


def test_two_places_for_one_repository(varve):
    """Nobody knows which is meant."""
    (varve.folder / "place").write_text(str(varve.path))
    for words in (["snapshots"], ["init"]):
        assert "twice" in fails(varve, *words, "-r", varve.path, "--repository-file", varve.folder / "place")
        varve.restic(*words, "-r", varve.path, "--repository-file", varve.folder / "place", code=1)
    assert not varve.path.exists()


def test_an_init_over_a_repository(saved):
    """What is there stays."""
    before = (saved.path / "config").read_bytes()
    assert "already" in fails(saved, "init")
    assert (saved.path / "config").read_bytes() == before


def test_no_server(varve):
    """The driver's cause is quoted, and the server named."""
    new_repository(varve)
    port = free_port()
    assert f"127.0.0.1:{port}" in fails(varve, "backup", f"mongodb://127.0.0.1:{port}/")


@pytest.mark.parametrize("words", [["snapshots", "--json"], ["snapshots"], ["cat", "config"], ["ls", "--json", "latest"],
                                   ["dump", "latest", "/"], ["generate", "--bash-completion", "-"], ["--help"]], ids=" ".join)
def test_a_result_that_cannot_be_written(varve, words):
    """A full disk behind a redirection is no success."""
    new_repository(varve)
    varve("backup", "stdin", "--name", "x", input=b"content")
    shell = 'exec "$0" "$@" > /dev/full'
    done = varve.run("sh", "-c", shell, varve_binary(), *words, code=1)
    assert done.stderr.count("cannot write to standard output: No space left on device") == 1


def test_a_reader_that_has_left(varve):
    """The work is done all the same; then it ends as SIGPIPE ends others, without a word."""
    new_repository(varve)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen([varve_binary(), "backup", "stdin", "--name", "x"], env=varve.env, **pipes)
    process.stdout.close()
    process.stdin.write(b"content")
    process.stdin.close()
    assert process.wait(60) == -signal.SIGPIPE and process.stderr.read() == b""
    assert len(json.loads(varve("snapshots", "--json").stdout)) == 1


def test_closed_streams_are_not_taken_for_files(varve):
    """What is printed must not go into the file that is opened next."""
    new_repository(varve)
    for closed in (">&-", ">&- 2>&-", "<&- >&- 2>&-"):
        varve.run("sh", "-c", f'echo x > "$0"; "$1" backup files "$0" {closed}; test $? = 1', varve.folder / "file", varve_binary())
    assert "no errors were found" in varve.restic("check", "--read-data").stdout
    assert len(json.loads(varve("snapshots", "--json").stdout)) == 3


def test_too_little_memory(varve):
    """It says so, and its lock goes."""
    new_repository(varve)
    little = ["prlimit", "--as=500000000", varve_binary()]
    done = varve.run(*little, "key", "add", "--new-password-file", "/dev/zero", code=1)
    assert done.stderr == "error: there is not enough memory\n"
    assert not list((varve.path / "locks").iterdir())


@pytest.mark.parametrize("uri", ["mongodb://", "mongodb://host:notaport/", "http://127.0.0.1/", "127.0.0.1:27017", "@/no/such/file",
                                 "mongodb://u:secret@h/?replicaSet"])
def test_a_bad_uri(varve, uri):
    """Refused before anything is tried, without repeating its password."""
    new_repository(varve)
    assert "secret" not in fails(varve, "backup", uri)


@pytest.mark.parametrize("name", ["nothing", "deadbeef", "", "../x"])
def test_an_unknown_snapshot(saved, name):
    """Named in the error."""
    assert name in fails(saved, "show", name)


def test_an_ambiguous_snapshot(saved, server):
    """The beginning of several ids is refused, not guessed. Snapshots are made until two begin alike."""
    first = ""
    while not first:
        beginnings = [s["id"][0] for s in json.loads(saved("snapshots", "--json").stdout)]
        first = next((b for b in beginnings if beginnings.count(b) > 1), "")
        if not first:
            back_up(saved, server)
    said = fails(saved, "show", first)
    assert all(i["short_id"] in said for i in json.loads(saved("snapshots", "--json").stdout) if i["id"][0] == first)


def test_latest_of_a_source_that_is_not_there(saved):
    """--source narrows `latest`."""
    assert "nobody" in fails(saved, "show", "latest", "--source", "nobody")
    assert saved("show", "latest", "--source", "shop").code == 0


@pytest.mark.parametrize("args", [("backup", "mongodb://h/", "--frobnicate"), ("frobnicate",), (), ("restore", "latest"), ("verify", "latest"),
                                  ("export", "latest"), ("backup", "mongodb://h/", "--compression", "most"),
                                  ("backup", "mongodb://h/", "--order", "random"), ("backup", "mongodb://h/", "--readers", "many"),
                                  ("backup", "files"), ("backup", "/etc"), ("restore", "latest", "--to", "mongodb://h/", "--target", "/x")])
def test_bad_usage(varve, args):
    """DESIGN 8: exit 1 and a hint, before anything is touched."""
    new_repository(varve)
    assert varve(*args, code=1).stderr.startswith("error: ")


def test_a_refused_login(varve, locked):
    """RULES 21: the message names the user, never the password."""
    new_repository(varve)
    said = fails(varve, "backup", at(varve, locked.uri_as("anna", "hunter2hunter2")))
    assert "anna" in said and "hunter2" not in said and locked.host in said


def test_a_password_in_an_argument_is_not_left_there(varve, locked):
    """RULES 21: it works, warns, and is gone from the process list at once; a file and the environment do without."""
    new_repository(varve)
    with reads_held(locked, "shop.orders") as point:
        process = varve.start("backup", locked.uri)
        point.wait()
        listed = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(process.pid)], capture_output=True, text=True).stdout
        raw = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        point.release()
        out, err = finish(process)
    secret = locked.uri.split("@")[0].rpartition(":")[2]
    for text in (listed, raw.decode(), out, err):
        assert secret not in text and PASSWORD not in text
    assert "VARVE_MONGO_PASSWORD" in err
    bare = f"mongodb://{USER}@{locked.host}/?authSource=admin"
    quiet = varve("backup", bare, env={"VARVE_MONGO_PASSWORD": PASSWORD})
    assert "VARVE_MONGO_PASSWORD" not in quiet.stderr
    (varve.folder / "mongo password").write_text(PASSWORD + "\n")
    varve("backup", bare, env={"VARVE_MONGO_PASSWORD_FILE": str(varve.folder / "mongo password")})
    varve("backup", env={"VARVE_URI": locked.uri})
    varve("backup", "--uri-file", at(varve, locked.uri)[1:])


@pytest.mark.all
def test_no_secret_is_in_the_repository(varve, locked):
    """DESIGN 8: secrets never reach the repository's metadata."""
    back_up(varve, locked)
    for name in ("show", "snapshots"):
        assert PASSWORD not in varve(name, *(["latest"] if name == "show" else []), "--json").stdout
    assert PASSWORD not in varve.restic("dump", "latest", "/mongodb/shop/rs0/varve/manifest.json").stdout


def test_the_least_privileges(varve, locked):
    """RULES 6: `backup` is enough, `clusterMonitor` lets hidden members be seen; without `backup` the error names it."""
    with locked.client() as client:
        for user, roles in (("least", ["backup"]), ("more", ["backup", "clusterMonitor"]), ("less", ["readAnyDatabase"])):
            client.admin.command("createUser", user, pwd=PASSWORD, roles=roles)
    new_repository(varve)
    assert "clusterMonitor" in str(varve.json("backup", at(varve, locked.uri_as("least", PASSWORD)), "--source", "shop")[-1]["remarks"])
    assert "clusterMonitor" not in str(varve.json("backup", at(varve, locked.uri_as("more", PASSWORD)), "--source", "shop")[-1])
    said = fails(varve, "backup", at(varve, locked.uri_as("less", PASSWORD)), "--source", "shop")
    assert "backup" in said.partition("\n")[2] and PASSWORD not in said


def test_a_mongos_is_refused(varve):
    """RULES 7: until sharded backup exists."""
    new_repository(varve)
    with Mongos() as mongos:
        assert "mongos" in fails(varve, "backup", mongos.uri)


@pytest.mark.all
def test_parts_of_a_sharded_cluster_are_refused(varve, sharded_parts):
    """RULES 7: a shard read directly holds orphans; a config server is no database of the user's. As targets they are refused too."""
    cluster = sharded_parts()
    with cluster.shards[0].client() as client:
        client.shop.orders.insert_one({"_id": 1})
    new_repository(varve)
    assert "shard" in fails(varve, "backup", cluster.shards[0].uri)
    assert "config" in fails(varve, "backup", cluster.config.uri)


def test_a_source_is_bound_to_its_replica_set(varve, server, mongod):
    """RULES 23: another set under the same name is refused, and named; --new-incarnation goes on without a parent."""
    other = mongod(replica_set="rs0")
    with other.client() as client:
        client.shop.orders.insert_one({"_id": 1})
    back_up(varve, server)
    assert "--new-incarnation" in fails(varve, "backup", other.uri, "--source", "shop")
    assert len(json.loads(varve("snapshots", "--json").stdout)) == 1
    back_up(varve, other, "--new-incarnation")
    varve("backup", other.uri, "--source", "shop")
    assert [s.get("parent") is None for s in json.loads(varve("snapshots", "--json").stdout)] == [True, True, False]


def test_an_export_is_the_owners_alone(saved):
    """RULES 22: 0600 and 0700, whatever the umask, and it says that it holds credentials; a folder in use is left alone."""
    out = export(saved, "private")
    for path in [out, *out.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    (out / "oplog.bson").write_bytes(b"mine")
    fails(saved, "export", "latest", "--out", out)
    assert (out / "oplog.bson").read_bytes() == b"mine"


@pytest.mark.all
def test_an_export_says_that_it_holds_credentials(varve, locked):
    """RULES 22."""
    back_up(varve, locked)
    said = varve("export", "latest", "--out", varve.folder / "out")
    assert "credentials" in said.stdout + said.stderr


def test_an_exclusive_lock_is_waited_for_by_nobody(saved, server):
    """DESIGN 8: exit 11 while another program holds the repository alone; its lock stays."""
    with lock_held_by(saved, restic19(), "check", "--read-data") as check:
        said = fails(saved, "backup", server.uri, "--source", "shop", code=11)
        assert str(check.pid) in said
    said = fails(saved, "backup", server.uri, "--source", "shop", code=11)  # whoever it was may live in another container
    assert "unlock" in said
    saved("unlock")
    back_up(saved, server)


@pytest.mark.all
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk(varve, server, tmp_path):
    """It ends with the system's own words, makes no snapshot, and what was there can still be read."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "varve-test", small], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs here: {mounted.stderr.strip()}")
    env = {"RESTIC_REPOSITORY": str(small / "repo")}
    try:
        with server.client() as client:
            client.full.noise.insert_many([{"_id": i, "x": os.urandom(50_000)} for i in range(200)])
        varve("init", env=env)
        varve("backup", server.uri, "--source", "shop", "--ns-include", "shop.*", env=env)
        assert "No space left on device" in varve("backup", server.uri, "--source", "shop", env=env, code=1).stderr
        assert len(json.loads(varve("snapshots", "--json", env=env).stdout)) == 1
        assert not list((small / "repo" / "locks").iterdir())
        subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
        varve("backup", server.uri, "--source", "shop", env=env)
        varve("check", "--read-data", env=env)
        varve.restic("check", "--read-data", env=env)
    finally:
        with server.client() as client:
            client.drop_database("full")
        subprocess.run(["umount", small], check=True)
