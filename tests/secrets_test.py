"""No secret of a repository's is said, kept or handed on, whatever a run comes to: of each kind of store, and each way to log in."""
import base64
import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.servers import wait_until
from harness.stores import Azurite, FakeGcs, Minio, Rclone, RestServer, Sshd, Swift
from support.aws import environment_of, session_of
from support.azure import with_signature
from support.google import TokenService
from support.mixed_folder import fill
from support.processes import children, running
from support.stores import at_store

pytestmark = pytest.mark.all

FAILED, WRONG_PASSWORD = 1, 12
OF_THE_SERVERS = {".minio.sys", ".htpasswd", "etc"}  # where they keep whom they know
PASSWORD, WRONG, OF_REST = "a repository's own word", "d29yZHMgb2YgYSBzdHJhbmdlcg==", "word of the/rest"


@dataclass
class Login:
    """What opens a store; of it, what makes the store refuse; and the words of both that nobody is to see."""
    store: object
    env: dict
    wrong: dict
    secrets: list


def s3(enter, _, folder):
    store = enter(Minio())
    keys = session_of(store)
    return Login(store, environment_of(keys), {"AWS_SECRET_ACCESS_KEY": WRONG}, list(keys[1:]))


def login_line(password):
    """Of a rest-server's user."""
    return "me:{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()


def rest(enter, _, folder):
    store = enter(RestServer(users=login_line(OF_REST)))
    return Login(store, {"RESTIC_REST_USERNAME": "me", "RESTIC_REST_PASSWORD": OF_REST}, {"RESTIC_REST_PASSWORD": WRONG}, [OF_REST])


def rest_by_url(enter, _, folder):
    login = rest(enter, _, folder)
    login.env, login.wrong = ({"RESTIC_REPOSITORY": login.store.place("secrets/shop", "me:" + quote(word, safe=""))} for word in (OF_REST, WRONG))
    return login


def swift(enter, _, folder):
    return Login(enter(Swift()), {}, {"ST_KEY": WRONG}, [Swift.PASSWORD])


def azure(enter, authority, folder):
    store = enter(Azurite())
    wrong = {"AZURE_STORAGE_CONNECTION_STRING": store.connection_string.replace(store.KEY, WRONG)}
    return Login(store, {}, wrong, [store.KEY, base64.b64decode(store.KEY).decode()])


def azure_signed(enter, authority, folder):
    login = azure(enter, authority, folder)
    at_store(folder, login.store, "secrets/other")("init")
    right, signature = with_signature(login.store, "secrets", "rcwdl")
    wrong = right.replace(quote(signature, safe=""), quote(WRONG, safe=""))
    return Login(login.store, *({"AZURE_STORAGE_CONNECTION_STRING": text} for text in (right, wrong)), [*login.secrets, signature])


def google(enter, authority, folder):
    store, service, stranger = enter(FakeGcs(authority)), enter(TokenService("a.token.of-the-service")), enter(TokenService(""))
    stranger.refused = True
    (folder / "stranger").mkdir()
    files = service.account(folder), stranger.account(folder / "stranger")
    right, wrong = ({"GOOGLE_APPLICATION_CREDENTIALS": str(file)} for file, _ in files)
    return Login(store, right, wrong, [service.token, *(key.splitlines()[3] for _, key in files)])


def sftp(enter, _, folder):
    store = enter(Sshd())
    return Login(store, {}, store.stranger(), [])


def rclone(enter, _, folder):
    store = enter(Rclone())
    right, wrong = ({"RESTIC_REPOSITORY": f"rclone:{remote},token='{OF_REST}':secrets"} for remote in ("shop", "none"))
    return Login(store, right, wrong, [OF_REST])


@pytest.fixture(params=[s3, rest, rest_by_url, swift, azure, azure_signed, google, sftp, rclone], ids=lambda make: make.__name__)
def login(request, authority, tmp_path):
    (tmp_path / "made").mkdir()
    with contextlib.ExitStack() as stack:
        yield request.param(stack.enter_context, authority, tmp_path / "made")


def spellings(secret):
    """As it is, as a URL has it, and as a header has it with the name before it."""
    return {secret, quote(secret), quote(secret, safe=""), base64.b64encode(secret.encode()).decode(),
            base64.b64encode(f"me:{secret}".encode()).decode()}


def test_a_secret_is_found_nowhere(tmp_path, login):
    varve = at_store(tmp_path, login.store, "secrets/shop", RESTIC_PASSWORD_FILE="", RESTIC_PASSWORD=PASSWORD, **login.env)
    fill(tmp_path / "folder")
    said = [varve(*words) for words in (["init"], ["backup", "files", tmp_path / "folder"], ["backup", "files", tmp_path / "folder", "--json"],
                                        ["snapshots"], ["check"], ["check", "--read-data", "--json"], ["forget", "latest", "--prune"])]
    for how in ([], ["--json"]):
        said += [varve("init", *how, code=FAILED), varve("check", *how, env=login.wrong, code=FAILED),
                 varve("check", *how, "--retry-for", "0s", env={"RESTIC_PASSWORD": WRONG}, code=WRONG_PASSWORD)]
    words = {spelling for secret in [PASSWORD, WRONG, *login.secrets] for spelling in spellings(secret)}
    for done in said:
        assert not [word for word in words if word in done.stdout + done.stderr], done
    kept, stored = (list(files_in(folder)) for folder in (tmp_path / "cache", getattr(login.store, "data", login.store.folder / "data")))
    assert kept and stored
    for path in [*kept, *stored, *files_in(tmp_path / "state")]:
        content = path.read_bytes()
        assert not [word for word in words if word.encode() in content], path


def files_in(folder):
    return (path for path in folder.rglob("*") if path.is_file() and not OF_THE_SERVERS & set(path.parts))


@pytest.mark.parametrize("how", [["-r", "{}"], ["-r{}"], ["--repo={}"], ["--repo", "{}"], ["-r", "folder", "--also", "{}"]])
def test_a_password_in_an_argument_is_not_left_there(tmp_path, how):
    """It works, warns, and is gone from the list of processes at once."""
    with RestServer(users=login_line(OF_REST)) as store:
        place = store.place("me", "me:" + quote(OF_REST, safe=""))
        varve = at_store(tmp_path, store, "", RESTIC_ALSO_PASSWORD_FILE=str(tmp_path / "password"))
        varve("-r", place, "init")
        if "--also" in how:
            varve("-r", "folder", "init", cwd=tmp_path)
        process = varve.start("backup", "stdin", *(word.format(place) for word in how), "--name", "noise", "--command", "--",
                              "sh", "-c", "touch begun; while [ ! -e go ]; do sleep 0.1; done; echo", cwd=tmp_path)
        wait_until(lambda: process.poll() is not None or (tmp_path / "begun").exists(), "the backup")
        cmdline = Path(f"/proc/{process.pid}/cmdline").read_text()
        (tmp_path / "go").touch()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert not [word for word in spellings(OF_REST) if word in cmdline + out + err]
    assert "RESTIC_REST_PASSWORD" in err


@pytest.mark.parametrize("kind, program", [(Sshd, "ssh"), (Rclone, "rclone")])
def test_programs_that_serve_us_know_nothing_that_is_not_theirs(tmp_path, kind, program):
    """Of their environment all that is restic's or ours is left out; what is anybody's, such as Amazon's keys, is theirs as well, since
    an ssh that goes through Amazon's own program, or an rclone without a configuration, needs it."""
    ours = ["RESTIC_PASSWORD", "RESTIC_FROM_PASSWORD", "RESTIC_ALSO_PASSWORD", "RESTIC_REST_PASSWORD", "RESTIC_FROM_AWS_SECRET_ACCESS_KEY",
            "RESTIC_ALSO_AZURE_ACCOUNT_KEY", "RESTIC_ALSO_OS_PASSWORD", "VARVE_MONGO_PASSWORD", "VARVE_URI"]
    with kind() as store:
        varve = at_store(tmp_path, store, "shop", **dict.fromkeys(ours, PASSWORD), AWS_SECRET_ACCESS_KEY="anybody's", RESTIC_PASSWORD_FILE="")
        varve("init")
        process = varve.start("backup", "stdin", "--name", "noise", "--command", "--", "sh", "-c", "echo; exec sleep 100")
        wait_until(lambda: process.poll() is not None or children(process.pid, program), f"varve's {program}")
        [child] = children(process.pid, program)
        environ, cmdline = (Path(f"/proc/{child}/{part}").read_bytes().split(b"\0") for part in ("environ", "cmdline"))
        process.kill()
        process.communicate()
        wait_until(lambda: not running(child), f"the end of {program}")
    assert not [word for word in environ + cmdline if PASSWORD.encode() in word or word.startswith((b"RESTIC_", b"VARVE_"))]
    assert b"AWS_SECRET_ACCESS_KEY=anybody's" in environ
    made_up = [word.split(b"=")[1] for word in environ if word.startswith(b"RCLONE_PASS=")]
    assert len(made_up) == (program == "rclone") and not [word for word in cmdline if made_up and made_up[0] in word]
