"""Which snapshots a command means by RESTIC_HOST, --host and --path: what stock restic means."""
import json
import re
import shutil

import pytest

from support.repositories import snapshots
from support.runs import new_repository

ELSEWHERE = {"RESTIC_HOST": "nobody"}
WEB1 = {"RESTIC_HOST": "web1"}
SELECTIONS = [((), {}), ((), WEB1), ((), ELSEWHERE), (("--host", ""), WEB1), (("--host=",), WEB1), (("--host", "web2"), WEB1),
              (("--host", "web1", "--host", "web2"), ELSEWHERE)]


@pytest.fixture
def repository(varve, tmp_path):
    """Two snapshots of each of two hosts, the newest of web2; in /f is the host's name."""
    new_repository(varve)
    folder = tmp_path / "files"
    folder.mkdir()
    for number, host in enumerate(["web1", "web2", "web1", "web2"]):
        (folder / "f").write_text(f"{host} {number}")
        varve.restic("backup", "--host", host, "--tag", host, "--time", f"2026-05-01 0{number}:00:00", ".", cwd=folder)
    return varve


def listed(repository, run, args, env):
    return [snapshot["hostname"] for snapshot in json.loads(run("snapshots", "--json", *args, env=env).stdout)]


def forgotten(repository, run, args, env):
    run("forget", "--keep-last", 1, "--prune", *args, env=env)
    return remaining(repository)


def removed_by_id(repository, run, args, env):
    run("forget", snapshots(repository)[0]["id"], env=env)
    return remaining(repository)


def remaining(repository):
    return [snapshot["hostname"] for snapshot in snapshots(repository)]


def tagged(repository, run, args, env):
    run("tag", "--add", "seen", *args, env=env)
    return [snapshot["hostname"] for snapshot in snapshots(repository) if "seen" in snapshot["tags"]]


def rewritten(repository, run, args, env):
    run("rewrite", "--forget", "--new-host", "new", *args, env=env)
    return [snapshot["tags"] for snapshot in snapshots(repository) if snapshot["hostname"] == "new"]


def counted(repository, run, args, env):
    return json.loads(run("stats", "--json", *args, env=env).lines[-1])["snapshots_count"]


def found(repository, run, args, env):
    return sorted(hit["snapshot"] for hit in json.loads(run("find", "--json", "f", *args, env=env).stdout))


def dumped(repository, run, args, env):
    return run("dump", "latest", "/f", *args, env=env, code=(0, 1)).stdout


def restored(repository, run, args, env):
    target = repository.path.parent / "target"
    shutil.rmtree(target, ignore_errors=True)
    run("restore", "latest", "--target", target, *args, env=env, code=(0, 1))
    return (target / "f").read_text() if target.exists() else None


def ls(repository, run, args, env):
    output = run("ls", "--json", "latest", *args, env=env, code=(0, 1)).lines
    return json.loads(output[0])["hostname"] if output else None


def checked(repository, run, args, env):
    """How many snapshots it looked at: restic says "2 / 2 snapshots", varve "2 snapshots"."""
    told = run("check", *args, env=env).stdout
    return int(re.findall(r"(\d+) (?:/ \d+ )?snapshots?\b", told)[-1])


def tag_of_latest(repository, run, args, env):
    run("tag", "--add", "seen", "latest", *args, env=env, code=(0, 1))
    return [snapshot["hostname"] for snapshot in snapshots(repository) if "seen" in snapshot["tags"]]


def repaired(repository, run, args, env):
    """Only that it takes the words: what is sound is not told of."""
    return run("repair", "snapshots", "--dry-run", *args, env=env).code


LOOKING = [listed, counted, found, dumped, restored, ls, checked, repaired]
CHANGING = [forgotten, removed_by_id, tagged, tag_of_latest, rewritten]


@pytest.mark.all
@pytest.mark.timeout(600)
def test_the_host_of_the_environment_means_what_it_means_to_restic(repository):
    """RESTIC_HOST is the default of --host, an empty host means all, and beside ids it means nothing."""
    kept = repository.path.parent / "kept"
    shutil.copytree(repository.path, kept)
    for outcome in LOOKING + CHANGING:
        for args, env in SELECTIONS:
            got = []
            args += ("--no-lock",) if outcome in LOOKING else ()  # which is quicker
            for run in (repository.restic, repository):
                got.append(outcome(repository, run, args, env))
                if outcome in CHANGING:
                    shutil.rmtree(repository.path)
                    shutil.copytree(kept, repository.path)
            assert got[0] == got[1], f"{outcome.__name__} {args} {env}"


def test_forget_leaves_the_snapshots_of_other_hosts_alone(repository):
    repository("forget", "--keep-last", 1, "--prune", env=WEB1)
    assert remaining(repository) == ["web2", "web1", "web2"]
    repository("forget", "--keep-last", 1, env={"VARVE_HOST": "web2", **WEB1})
    assert remaining(repository) == ["web1", "web2"]
    assert "changes nothing" in repository("forget", snapshots(repository)[0]["id"], "--host", "web1", code=1).stderr


def test_copy_takes_the_snapshots_of_the_host_of_the_environment(repository, tmp_path):
    for program, place in ((repository, "a"), (repository.restic, "b")):
        there = {"RESTIC_REPOSITORY": str(tmp_path / place)}
        repository("init", env=there)
        program("copy", "--from-repo", repository.path, env={**there, **WEB1, "RESTIC_FROM_PASSWORD_FILE": repository.password_file})
        copied = json.loads(repository.restic("snapshots", "--json", env=there).stdout)
        assert [snapshot["hostname"] for snapshot in copied] == ["web1", "web1"]


def test_the_path_of_the_latest_may_be_relative(repository, tmp_path):
    """As in restic only where "latest" is meant; where all are gone through, a path is taken by the letter."""
    for path in (".", "./", "../files/", str(tmp_path / "files") + "/", str(tmp_path) + "//files", "nowhere"):
        answers = [(run("snapshots", "--json", "latest", "--path", path, cwd=tmp_path / "files", code=(0, 1)).stdout.count('"short_id"'),
                    run("ls", "latest", "--path", path, cwd=tmp_path / "files", code=(0, 1)).code,
                    run("snapshots", "--json", "--path", path, cwd=tmp_path / "files").stdout.count('"short_id"'))
                   for run in (repository.restic, repository)]
        assert answers[0] == answers[1], path
        assert answers[1] == ((0, 1, 0) if path == "nowhere" else (1, 0, 0))
