"""Passwords: what varve changes opens with stock restic, and the other way round."""
import json
import os
import pty
import subprocess

import pytest

from harness.tools import varve_binary
from support.repositories import expect_sound, locked
from support.runs import new_repository

LOCKED, WRONG_PASSWORD = 11, 12


@pytest.fixture
def repository(varve):
    new_repository(varve)
    (varve.folder / "file").write_text("content")
    varve.restic("backup", varve.folder / "file")
    return varve


def password_file(repository, password):
    path = repository.folder / f"{password}.password"
    path.write_text(password + "\n")
    return path


def using(repository, password):
    """The environment that opens it with another password."""
    return {"RESTIC_PASSWORD_FILE": str(password_file(repository, password))}


def keys(repository, **options):
    """As varve lists them."""
    return json.loads(repository("key", "list", "--json", **options).stdout)


VERSIONS = ["restic", pytest.param("restic_old", marks=pytest.mark.all)]


@pytest.mark.parametrize("restic", VERSIONS)
def test_each_opens_what_the_other_added(repository, restic):
    """Adding, listing and removing by one is seen by the other."""
    stock = getattr(repository, restic)
    repository("key", "add", "--new-password-file", password_file(repository, "ours"), "--user", "me", "--host", "here")
    stock("key", "add", "--new-password-file", password_file(repository, "theirs"))
    for password in ("ours", "theirs"):
        env = using(repository, password)
        listed = sorted(keys(repository, env=env), key=lambda key: key["id"])
        theirs = sorted(json.loads(stock("key", "list", "--json", env=env).stdout), key=lambda key: key["id"])
        assert [{**key, "id": key["id"][:8]} for key in listed] == [{**key, "id": key["id"][:8]} for key in theirs]
        assert sum(key["current"] for key in listed) == 1 and len(listed) == 3
    added = next(key for key in keys(repository) if key["userName"] == "me")
    assert added["hostName"] == "here" and not added["current"]
    assert f" {added['id'][:8]}  me" in repository("key", "list").stdout

    repository("key", "remove", added["id"][:10])
    stock("snapshots", env=using(repository, "ours"), code=(1, WRONG_PASSWORD))
    theirs = next(key for key in keys(repository, env=using(repository, "theirs")) if key["current"])
    stock("key", "remove", theirs["id"])
    repository("snapshots", env=using(repository, "theirs"), code=WRONG_PASSWORD)
    expect_sound(repository)


@pytest.mark.parametrize("restic", VERSIONS)
def test_a_password_changed_by_one_is_the_others(repository, restic):
    """The old one is good for nothing, the data is the same."""
    stock = getattr(repository, restic)
    changed = repository.json("key", "passwd", "--new-password-file", password_file(repository, "second"))[-1]
    stock("snapshots", code=(1, WRONG_PASSWORD))
    env = using(repository, "second")
    assert [key["id"] for key in keys(repository, env=env)] == [changed["key_id"]]
    stock("key", "passwd", "--new-password-file", password_file(repository, "third"), env=env)
    repository("snapshots", env=env, code=WRONG_PASSWORD)
    assert len(json.loads(repository("snapshots", "--json", env=using(repository, "third")).stdout)) == 1
    repository.password_file.write_text("third\n")
    expect_sound(repository)


@pytest.mark.parametrize("content", [b"\n two words \nand lines\r\n\n", "\ufeffp\u00e4ss\r\n".encode("utf-16-le")], ids=["lines", "utf-16"])
def test_a_file_or_a_command_gives_the_password_that_it_gives_restic(repository, content):
    """All of it but the white space around it."""
    path = repository.folder / "odd password"
    path.write_bytes(content)
    repository("key", "add", "--new-password-file", path)
    for stock in (repository, repository.restic):
        stock("snapshots", env={"RESTIC_PASSWORD_FILE": str(path)})
    if content.startswith(b"\n"):
        repository("snapshots", env={"RESTIC_PASSWORD_FILE": "", "RESTIC_PASSWORD_COMMAND": f"cat '{path}'"})


def test_what_would_lock_everybody_out_is_refused(repository):
    """The key in use, empty passwords, ids that mean nothing."""
    current = keys(repository)[0]["id"]
    assert "in use" in repository("key", "remove", current, code=1).stderr
    assert "there is no key" in repository("key", "remove", "0" * 64, code=1).stderr
    (repository.folder / "empty").write_text("")
    for verb in ("add", "passwd"):
        repository("key", verb, "--new-password-file", repository.folder / "empty", code=1)
        repository("key", verb, "--new-password-file", "/nowhere", code=1)
        assert "--new-password-file" in repository("key", verb, code=1).stderr, "there is no terminal to ask on"
    repository("key", code=1)
    assert [key["id"] for key in keys(repository)] == [current]
    repository("key", "list", env=using(repository, "wrong"), code=WRONG_PASSWORD)


NONE = {"RESTIC_PASSWORD_FILE": ""}


@pytest.mark.all
def test_the_key_that_is_hinted_at_is_tried_first(repository):
    """The beginning of its id, as a word or a variable; one that means nothing keeps nobody out."""
    repository("key", "add", "--new-password-file", repository.password_file)
    ids = [key["id"] for key in keys(repository)]
    for program in (repository, repository.restic):
        for key in ids:
            for words, env in ((["--key-hint", key], {}), ([], {"RESTIC_KEY_HINT": key[:10]})):
                listed = json.loads(program("key", "list", "--json", "--no-lock", *words, env=env).stdout)
                assert [entry["id"][:8] for entry in listed if entry["current"]] == [key[:8]]
        program("snapshots", "--no-lock", "--key-hint", "ffff")
        program("snapshots", "--no-lock", "--key-hint", "no id")


@pytest.mark.all
def test_a_repository_without_a_password(repository, tmp_path):
    """Only where it is said that there is none, by both programs."""
    for made_by, place in ((repository.restic, "theirs"), (repository, "ours")):
        env = {"RESTIC_REPOSITORY": str(tmp_path / place), **NONE}
        made_by("init", "--insecure-no-password", env=env)
        repository("backup", "files", tmp_path / "password", "--insecure-no-password", env=env)
        repository.restic("backup", tmp_path / "password", "--insecure-no-password", env=env)
        for program in (repository, repository.restic):
            assert program("snapshots", "--json", "--insecure-no-password", env=env).stdout.count('"short_id"') == 2
            program("check", "--read-data", "--insecure-no-password", env=env)
            program("snapshots", env=env, code=1)
            program("snapshots", env=env, input="\n", code=1)
            program("snapshots", "--insecure-no-password", env={**env, "RESTIC_PASSWORD": "one"}, code=1)
            program("snapshots", env={**env, "RESTIC_PASSWORD": "one"}, code=WRONG_PASSWORD)
    copying = ["copy", "--from-repo", tmp_path / "theirs"]
    repository(*copying, code=1)
    assert repository.json(*copying, "--from-insecure-no-password")[-1]["snapshots_copied"] == 2


def test_a_key_without_a_password(repository):
    repository("snapshots", "--insecure-no-password", env=NONE, code=WRONG_PASSWORD)
    repository("key", "add", "--new-insecure-no-password", "--new-password-file", repository.password_file, code=1)
    repository("key", "add", "--new-insecure-no-password")
    for program in (repository, repository.restic):
        program("snapshots", "--insecure-no-password", env=NONE)
    repository("key", "passwd", "--new-password-file", repository.password_file, "--insecure-no-password", env=NONE)
    repository("snapshots", "--insecure-no-password", env=NONE, code=WRONG_PASSWORD)


@pytest.mark.parametrize("input", ["correct horse", "correct horse\n", "correct horse\r\nmore\n", "", "\n", "correct horse \n"])
def test_a_password_from_a_pipe(repository, input):
    """The first line of standard input where that is no terminal, as stock restic takes it; no white space is cut off."""
    codes = [program("snapshots", "--no-lock", env=NONE, input=input, code=None).code for program in (repository, repository.restic)]
    assert codes[0] == codes[1] == (0 if input.rstrip().startswith("correct horse") and "e " not in input else
                                    WRONG_PASSWORD if input.strip() else 1)


def test_a_password_that_never_comes(repository):
    """A pipe on which nobody writes is waited for, visibly; one signal ends that."""
    env = {name: value for name, value in repository.env.items() if "PASSWORD" not in name}
    process = subprocess.Popen([varve_binary(), "snapshots"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    assert "from standard input" in process.stderr.readline()
    process.terminate()
    assert process.wait(30) == 130
    process.communicate()


@pytest.mark.all
def test_new_passwords_from_a_pipe(repository, tmp_path):
    """Once, since nobody mistypes there; and never out of what is to be backed up."""
    repository("key", "add", env=NONE, input="correct horse\nfrom the pipe\n")
    repository.restic("snapshots", env=using(repository, "from the pipe"))
    there = {"RESTIC_REPOSITORY": str(tmp_path / "new"), **NONE}
    repository("init", env=there, input="from the pipe\n")
    repository.restic("snapshots", env={**there, **using(repository, "from the pipe")})
    for words in (["backup", "stdin", "--name", "x"], ["backup", "files", "--files-from", "-"]):
        assert "no password was given" in repository(*words, env=NONE, input=f"{repository.password_file}\n", code=1).stderr
    repository.restic("backup", "--stdin", env=NONE, input="correct horse\n", code=1)


def test_locks_are_obeyed(repository):
    """While somebody else changes the repository, its keys stay as they are."""
    with locked(repository):
        for words in (["add"], ["passwd"]):
            repository("key", *words, "--new-password-file", password_file(repository, "new"), code=LOCKED)
        repository("key", "remove", "0" * 64, code=LOCKED)
        repository("key", "list", code=LOCKED)
        assert len(json.loads(repository("key", "list", "--json", "--no-lock").stdout)) == 1


def typed(repository, *lines):
    """varve key add on a terminal, these lines typed in: its exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(varve_binary(), ["varve", "key", "add"], repository.env)
    shown = b""
    try:
        for line in lines:
            while not shown.rstrip(b" ").endswith(b":"):
                shown += os.read(terminal, 1000)
            os.write(terminal, line.encode() + b"\n")
            shown = b""
        while os.read(terminal, 1000):
            pass
    except OSError:
        pass  # how a terminal says that the program has ended
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.all
def test_new_passwords_are_asked_for_twice(repository):
    """A typing error must not become a password."""
    assert typed(repository, "typed", "tpyed") == 1
    assert len(keys(repository)) == 1
    assert typed(repository, "typed", "typed") == 0
    assert len(keys(repository, env=using(repository, "typed"))) == 2
