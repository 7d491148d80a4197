"""--also: the source is read once and stored in several repositories. Each is complete by itself; one that fails is named, ends
the run with exit code 3, and keeps none of the others back."""
import json
import os

import pytest

from harness.process import free_port
from harness.proxy import Proxy
from harness.servers import wait_until
from harness.stores import RestServer
from harness.tools import Varve
from support.hold import HOLDABLE, backup_held_at, finish
from support.mixed_folder import content, fill
from support.repositories import expect_sound, fields, locked, snapshots
from support.runs import at, back_up, new_repository, restore
from support.stores import at_store

LOGIN = "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="  # secret
FAILED, INCOMPLETE, NO_REPOSITORY, LOCKED, WRONG_PASSWORD = 1, 3, 10, 11, 12


def beside(varve, name="other", *init):
    """A repository with another password, key and id."""
    (varve.folder / name).mkdir()
    other = Varve(varve.folder / name, f"password of {name}")
    other("init", *init)
    return other


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path / "folder")
    return tmp_path / "folder"


@pytest.fixture
def main(varve):
    new_repository(varve)
    return varve


@pytest.fixture
def other(main):
    return beside(main)


def also(*others):
    return [word for other in others for word in ("--also", other.path, "--also-password-file", other.password_file)]


def copied(target, source):
    """How many snapshots `copy` finds to be copied."""
    return target.json("copy", "--from-repo", source.path, "--from-password-file", source.password_file)[-1]["snapshots_copied"]


def expect_the_same(one, another):
    """All but what is their own; and copy knows them for the same, whichever way."""
    assert len(snapshots(one)) == len(snapshots(another)) > 0
    for a, b in zip(snapshots(one), snapshots(another)):
        assert fields(a, "parent", "original", "summary") == fields(b, "parent", "original", "summary")
    assert copied(one, another) == copied(another, one) == 0


def restored(repository, target):
    repository.restic("restore", "latest", "--target", target, "--verify")
    return content(target)


def test_a_server_is_stored_in_both(varve, rs6, database, tmp_path):
    """Two backups, each snapshot after its own repository's last; checked and restored by stock restic from either."""
    database.items.insert_many([{"_id": number, "text": "x" * 1000} for number in range(5_000)])
    args = ["--ns-include", f"{database.name}.*"]
    back_up(varve, rs6, *args)
    other = beside(varve)
    first = back_up(varve, rs6, *args, *also(other))
    database.items.update_one({"_id": 7}, {"$set": {"text": "changed"}})
    second = back_up(varve, rs6, *args, *also(other))
    for summary in (first, second):
        assert summary["result"] == "complete" and summary["also"][0]["repository"] == str(other.path)
    mine, theirs = snapshots(varve)[-1], snapshots(other)[-1]
    assert (mine["id"], theirs["id"]) == (second["snapshot_id"], second["also"][0]["snapshot_id"])
    assert (mine["parent"], theirs["parent"]) == (first["snapshot_id"], first["also"][0]["snapshot_id"])
    assert [one.get("original") for one in (mine, theirs)] in ([None, mine["id"]], [theirs["id"], None]), "whose was saved first"
    assert 0 < second["also"][0]["data_added"] < first["also"][0]["data_added"], "it deduplicates there, too"
    copied(other, varve)  # the first, which was alone
    expect_the_same(varve, other)
    for repository in (varve, other):
        expect_sound(repository)
    assert restored(varve, tmp_path / "mine") == restored(other, tmp_path / "theirs") != {}
    database.client.drop_database(database.name)
    restore(other, rs6)
    assert database.items.find_one({"_id": 7})["text"] == "changed" and database.items.count_documents({}) == 5_000


def test_files_that_one_of_them_lacks_are_read(main, folder, tmp_path):
    """Unchanged since the first repository's snapshot, and yet new in the other one."""
    main("backup", "files", folder)
    other = beside(main)
    run = ["backup", "files", folder, *also(other)]
    summary = main.json(*run)[-1]
    assert summary["error_count"] == 0 and summary["data_blobs"] == 0 < summary["also"][0]["data_blobs"]
    assert restored(other, tmp_path / "a") == restored(main, tmp_path / "b")
    again = main.json(*run)[-1]
    assert again["files_unmodified"] > 0 == again["files_new"] == again["files_changed"]
    assert again["data_blobs"] == again["also"][0]["data_blobs"] == 0
    assert again["also"][0]["parent"] == summary["also"][0]["snapshot_id"]
    done = main("backup", "files", folder, "--skip-if-unchanged", *also(other))
    assert f"  in {other.path}: " in done.stdout
    expect_sound(other)


@pytest.mark.all
def test_a_stream_goes_to_three(main, tmp_path):
    others = [beside(main, name) for name in ("second", "third")]
    done = main("backup", "stdin", "--json", "--name", "noise", *also(*others), "--command", "--", "head", "-c", "9000000", "/dev/urandom")
    summary = done.events[-1]
    assert len(summary["also"]) == 2
    dumps = [repository.restic("dump", "latest", "noise", text=False).stdout for repository in (main, *others)]
    assert len(dumps[0]) == 9_000_000 and dumps[0] == dumps[1] == dumps[2]
    for other in others:
        expect_the_same(main, other)
    expect_the_same(*others)


def unusable(kind, other):
    """How a repository that can't be opened is named, and what is said of it."""
    if kind == "nowhere":
        return other.folder / "nowhere", "there is no repository"
    if kind == "away":
        return f"rest:http://127.0.0.1:{free_port()}/x/", "Connection refused"
    return other.path, {"password": "password", "locked": "lock"}[kind]


@pytest.mark.all
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("kind", ["nowhere", "away", "password", "locked"])
def test_one_that_cannot_be_opened_keeps_nothing_back(main, other, folder, tmp_path, kind, first):
    place, sentence = unusable(kind, other)
    (tmp_path / "wrong").write_text("wrong")
    password = tmp_path / "wrong" if kind == "password" else other.password_file
    if first:
        env = {"RESTIC_REPOSITORY": str(place), "RESTIC_PASSWORD_FILE": str(password)}
        args = ["backup", "files", folder, "--retry-for", "1s", "--also", main.path, "--also-password-file", main.password_file]
    else:
        env = {}
        args = ["backup", "files", folder, "--retry-for", "1s", "--also", place, "--also-password-file", password]

    def run(*more):
        if kind != "locked":
            return main(*args, *more, env=env, code=INCOMPLETE)
        with locked(other):
            return main(*args, *more, env=env, code=INCOMPLETE)
    done = run()
    assert f"NOT in {str(place).removesuffix('/')}" in done.stdout and sentence in done.stdout and "copy --from-repo" in done.stdout, done
    assert "goes on without" in done.stderr
    summary = run("--json").events[-1]
    assert summary["result"] == "incomplete" and summary["exit_code"] == INCOMPLETE
    assert len(summary["skipped"]) == 1 and sentence in summary["skipped"][0]["reason"]
    assert (summary["snapshot_id"] is None) == first and (summary["also"][0]["snapshot_id"] is None) == (not first)
    assert not list((other.path / "snapshots").iterdir()) and len(snapshots(main)) == 2
    expect_sound(main)
    assert restored(main, tmp_path / "restored")


@pytest.mark.all
def test_where_none_can_be_opened_nothing_is_read(main, other, tmp_path):
    (tmp_path / "wrong").write_text("wrong")
    touch = ["--command", "--", "touch", tmp_path / "was run"]
    away = [f"rest:http://127.0.0.1:{free_port()}/{name}/" for name in "ab"]
    wrong = ["--also", other.path, "--also-password-file", tmp_path / "wrong"]
    for repository, args, code in [(main.folder / "none", ["--also", main.folder / "nor here", *wrong[2:]], NO_REPOSITORY),
                                   (main.folder / "none", wrong, WRONG_PASSWORD),
                                   (away[0], ["--also", away[1], *wrong[2:]], FAILED)]:
        done = main("backup", "stdin", "--retry-for", "1s", *args, *touch, env={"RESTIC_REPOSITORY": str(repository)}, code=code)
        assert "none of the 2 repositories" in done.stderr
    assert not (tmp_path / "was run").exists()


@pytest.mark.all
def test_one_place_is_named_once(main, other, folder):
    """By another name, too, or by another way."""
    (main.folder / "link").symlink_to(main.path)
    for place in (main.path, f"{main.path}/", f"local:{main.path}", main.folder / "link", f"{main.path}/../repo"):
        same = main("backup", "files", folder, "--also", place, "--also-password-file", main.password_file, code=FAILED)
        assert "named twice" in same.stderr or "the same repository" in same.stderr
    twice = main("backup", "files", folder, *also(other, other), code=FAILED)
    assert "named twice" in twice.stderr
    with RestServer() as store:
        served = at_store(main.folder, store, "shop")
        served("init")
        same = served("backup", "files", folder, "--also", store.data / "shop", "--also-password-file", served.password_file, code=FAILED)
        assert "the same repository" in same.stderr
        assert not snapshots(served)
    assert not snapshots(main) and not snapshots(other)


# 30 MB, then as much again once the file `go` is there.
STREAM = "head -c 30000000 /dev/urandom; while [ ! -e go ]; do sleep 0.1; done; head -c 30000000 /dev/urandom"


@pytest.mark.all
@pytest.mark.parametrize("first", [False, True])
def test_one_that_dies_midway_leaves_the_other_complete(main, tmp_path, first):
    with RestServer() as store:
        served = at_store(beside_folder(main), store, "shop")
        served("init")
        args = ["backup", "stdin", "--name", "noise", "--retry-for", "2s", "--pack-size", "4"]
        command = ["--command", "--", "sh", "-c", STREAM]
        one, another = (served, main) if first else (main, served)
        place = another.env["RESTIC_REPOSITORY"]
        process = one.start(*args, "--also", place, "--also-password-file", another.password_file, *command, cwd=tmp_path)
        wait_until(lambda: stored(store) > 16_000_000, "the first packs")
        store.kill()
        (tmp_path / "go").touch()
        out, err = finish(process, INCOMPLETE)
        assert f"NOT in rest:http://{store.host}/shop" in out and "Connection refused" in out, out
        assert "goes on without this repository" in err
        expect_sound(main)
        assert len(main.restic("dump", "latest", "noise", text=False).stdout) == 60_000_000
        store.start_again()
        served("unlock")
        assert not snapshots(served)
        served("check", "--read-data")
        served("copy", "--from-repo", main.path, "--from-password-file", main.password_file)
        assert copied_into(main, served) == 0


def stored(store):
    return sum(path.stat().st_size for path in (store.data / "shop/data").rglob("*") if path.is_file() and len(path.name) == 64)


def beside_folder(varve):
    (varve.folder / "served").mkdir()
    return varve.folder / "served"


def copied_into(target, served):
    summary = target.json("copy", "--from-repo", served.env["RESTIC_REPOSITORY"], "--from-password-file", served.password_file)[-1]
    return summary["snapshots_copied"]


@pytest.fixture
def held_set(mongod):
    """A server whose reads can be held, and a database there."""
    server = mongod(replica_set="rs0", extra_args=HOLDABLE)
    with server.client() as client:
        yield server, client.shop


@pytest.mark.all
def test_a_server_s_backup_outlives_a_repository(varve, held_set):
    """Killed after the catalog was listed and before the first document is read."""
    server, database = held_set
    database.items.insert_many([{"_id": number, "noise": os.urandom(2000)} for number in range(10_000)])
    args = ["--ns-include", "shop.*", "--retry-for", "2s"]
    with RestServer() as store, Proxy(store) as proxy:
        served = at_store(beside_folder(varve), store, "shop")
        served("init")
        there = served.env["RESTIC_REPOSITORY"].replace(store.host, proxy.host)
        with backup_held_at(varve, server, "shop.items", *args, "--also", there,
                            "--also-password-file", served.password_file) as (process, release):
            proxy.refuse()
            proxy.cut_all()
            release()
            out, _ = finish(process, INCOMPLETE)
        summary = json.loads(out.splitlines()[-1])
        assert summary["also"][0]["snapshot_id"] is None and summary["also"][0]["error"]
        assert summary["shortfalls"] == [] and summary["consistency"] in ("one-time", "window")
    expect_sound(varve)
    database.client.drop_database(database.name)
    restore(varve, server)
    assert database.items.count_documents({}) == 10_000


@pytest.mark.all
def test_a_lock_that_is_lost_ends_its_own_repository_only(varve, held_set):
    server, database = held_set
    database.items.insert_many([{"_id": number} for number in range(1_000)])
    new_repository(varve)
    other = beside(varve)
    with backup_held_at(varve, server, "shop.items", "--ns-include", "shop.*", *also(other)) as (process, release):
        for path in (other.path / "locks").iterdir():
            path.unlink()
        release()
        out, _ = finish(process, INCOMPLETE)
    summary = json.loads(out.splitlines()[-1])
    assert "lock" in summary["also"][0]["error"] and summary["snapshot_id"] == snapshots(varve)[0]["id"]
    assert not snapshots(other)
    expect_sound(varve)
    back_up(varve, server, "--ns-include", "shop.*", *also(other))
    expect_sound(other)


@pytest.mark.all
def test_each_has_its_password(main, folder, tmp_path):
    others = [beside(main, name) for name in ("second", "third")]
    run = ["backup", "files", folder]
    secret = {"RESTIC_ALSO_PASSWORD": "password of second"}
    main(*run, "--also", others[0].path, env=secret)
    main(*run, "--also", others[0].path, env={"RESTIC_ALSO_PASSWORD_FILE": str(others[0].password_file)})
    main(*run, "--also", others[0].path, env={"VARVE_ALSO_PASSWORD_COMMAND": f"cat {others[0].password_file}"})
    main(*run, "--also", others[0].path, "--also-password-command", f"cat {others[0].password_file}")
    main(*run, *also(*others))
    for other in others:
        other("key", "add", "--new-password-file", main.password_file)
    main(*run, "--also", others[0].path, "--also", others[1].path, "--also-password-file", main.password_file)
    assert [len(snapshots(repository)) for repository in (main, *others)] == [6, 6, 2]
    two = main(*run, *also(*others), "--also-password-file", main.password_file, code=FAILED)
    assert "once for each --also" in two.stderr
    alone = main(*run, "--also-password-file", main.password_file, code=FAILED)
    assert "--also PLACE" in alone.stderr
    none = main(*run, "--also", others[0].path, code=FAILED)
    assert "RESTIC_ALSO_PASSWORD_FILE" in none.stderr
    assert len(snapshots(main)) == 6


@pytest.mark.all
def test_each_has_its_login(main, folder):
    """Of stores, as of the repository that is copied from; and no secret in what is said."""
    with RestServer(users=LOGIN) as store:
        served = at_store(beside_folder(main), store, "me", RESTIC_REST_USERNAME="me", RESTIC_REST_PASSWORD="secret")
        served("init")
        login = {"RESTIC_REST_PASSWORD": "of another", "RESTIC_ALSO_REST_USERNAME": "me", "RESTIC_ALSO_REST_PASSWORD": "secret"}
        run = ["backup", "files", folder, "--also", store.place("me"), "--also-password-file", served.password_file]
        main(*run, env=login)
        assert len(snapshots(served)) == len(snapshots(main)) == 1
        done = main("backup", "files", folder, "--also", store.place("me", "me:wr0ng"), *run[-2:], env=login, code=INCOMPLETE)
        assert "401" in done.stdout + done.stderr and "wr0ng" not in done.stdout + done.stderr, done


@pytest.mark.all
def test_who_cuts_otherwise_is_told_once(main, folder, tmp_path):
    alike = beside(main, "alike", "--from-repo", main.path, "--from-password-file", main.password_file, "--copy-chunker-params")
    assert "deduplicates only" not in main("backup", "files", folder, *also(alike)).stderr
    otherwise = beside(main, "otherwise")
    told = main("backup", "files", folder, *also(alike, otherwise)).stderr
    assert told.count("--copy-chunker-params") == 1 and str(otherwise.path) in told


@pytest.mark.all
def test_a_dry_run_stores_nothing_in_either(main, other, folder):
    summary = main.json("backup", "files", folder, "--dry-run", *also(other))[-1]
    assert summary["also"][0]["snapshot_id"] is None and summary["also"][0]["data_added"] == summary["data_added"] > 0
    for repository in (main, other):
        assert not [path for path in (repository.path / "data").rglob("*") if path.is_file()]
        assert not list((repository.path / "locks").iterdir()) and not snapshots(repository)


@pytest.mark.all
def test_another_set_under_the_name_is_refused_by_all(varve, rs6, database, mongod):
    """Whichever of them knows the name as another's: a new one would take the wrong set for the right one from then on."""
    database.items.insert_one({"_id": 1})
    new_repository(varve)
    other = beside(varve)
    back_up(other, mongod(replica_set="another"))
    refused = varve("backup", at(varve, rs6.uri, "source"), "--source", "shop", "--ns-include", f"{database.name}.*", *also(other), code=FAILED)
    assert "until now" in refused.stderr and not snapshots(varve)
    assert len(snapshots(other)) == 1
