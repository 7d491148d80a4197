"""Snapshots move between repositories of varve and of stock restic, either program copying, and nothing is copied twice."""
import pytest

from harness.tools import Varve
from support.mixed_folder import content, fill
from support.repositories import damage, expect_sound, fields, largest_pack, locked, place_of, snapshots
from support.runs import back_up, new_repository

LOCKED, WRONG_PASSWORD, INCOMPLETE = 11, 12, 3


@pytest.fixture
def source(tmp_path):
    """A repository with two snapshots that stock restic made, 0.14 the second."""
    varve = Varve(tmp_path)
    new_repository(varve)
    folder = tmp_path / "folder"
    fill(folder)
    varve.restic("backup", folder, "--tag", "one,two", "--host", "first", "--exclude", "cache")
    (folder / "text").write_text("changed")
    varve.restic_old("backup", folder, "--host", "second")
    return varve


def beside(varve, name="destination", password="correct horse"):
    (varve.folder / name).mkdir()
    return Varve(varve.folder / name, password)


@pytest.fixture
def destination(source):
    varve = beside(source)
    new_repository(varve)
    return varve


def copying(source, *args):
    return ["copy", "--from-repo", source.path, "--from-password-file", source.password_file, *args]


def copy(destination, source, *args, code=0):
    """varve's summary."""
    return destination.json(*copying(source, *args), code=code)[-1]


def expect_same_content(destination, source, tmp_path):
    """What stock restic restores from both is the same, snapshot by snapshot."""
    ids = {snapshot.get("original", snapshot["id"]): snapshot["id"] for snapshot in snapshots(destination)}
    for snapshot in snapshots(source):
        restored = []
        for repository, name in ((source, snapshot["id"]), (destination, ids[snapshot.get("original", snapshot["id"])])):
            target = tmp_path / "restored" / name
            repository.restic("restore", name, "--target", target, "--verify")
            restored.append(content(target))
        assert restored[0] == restored[1] and restored[0]


VERSIONS = ["restic", pytest.param("restic_old", marks=pytest.mark.all)]


@pytest.mark.parametrize("restic", VERSIONS)
def test_neither_copies_what_the_other_copied(source, destination, tmp_path, restic):
    """Every field but the parent is kept; the source's id stays known as the original."""
    stock = getattr(destination, restic)
    latest = snapshots(source)[-1]
    source.restic("tag", "--add", "tagged", latest["id"])  # so that it has an original of its own
    assert copy(destination, source)["snapshots_copied"] == 2
    stock(*copying(source))
    assert len(snapshots(destination)) == 2
    for copied, original in zip(snapshots(destination), snapshots(source)):
        assert copied["original"] == original.get("original", original["id"])
        assert fields(copied, "original", "parent") == fields(original, "original", "parent")
        assert "parent" not in copied

    source.restic("backup", tmp_path / "folder" / "sub", "--host", "third")
    stock(*copying(source))
    summary = copy(destination, source)
    assert (summary["snapshots_copied"], summary["snapshots_unchanged"]) == (0, 3)
    expect_sound(destination)
    expect_same_content(destination, source, tmp_path)


@pytest.mark.all
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("restic", ["restic", "restic_old"])
def test_between_repositories_that_restic_made(source, tmp_path, restic, version):
    """Other master keys, and format 1 to 2 and back: what differs is how blobs are sealed and compressed, not what they are."""
    theirs = beside(source, "theirs", "another")
    getattr(theirs, restic)("init", "--repository-version", version)
    assert copy(theirs, source)["snapshots_copied"] == 2
    back = beside(source, "back")
    new_repository(back)
    assert copy(back, theirs)["snapshots_copied"] == 2
    assert copy(source, back)["snapshots_unchanged"] == 2, "copies of copies are known where they came from"
    for repository in (theirs, back):
        expect_sound(repository)
        expect_same_content(repository, source, tmp_path)


@pytest.mark.parametrize("restic", VERSIONS)
def test_backups_of_a_server_are_copied_both_ways(varve, rs6, database, restic):
    """What varve's own backups hold is copied like anything else, and can be shown from the copy."""
    database.items.insert_many([{"_id": number, "text": "x" * 1000} for number in range(500)])
    back_up(varve, rs6, "--ns-include", f"{database.name}.*")
    by_varve, by_restic = beside(varve, "ours"), beside(varve, "theirs")
    for repository in (by_varve, by_restic):
        new_repository(repository)
    assert copy(by_varve, varve)["snapshots_copied"] == 1
    getattr(by_restic, restic)(*copying(varve))
    assert copy(by_restic, varve)["snapshots_unchanged"] == 1
    getattr(by_varve, restic)(*copying(varve))
    unknown = () if restic == "restic" else ("program_version", "summary")  # what 0.14 drops
    assert [fields(s, *unknown) for s in snapshots(by_varve)] == [fields(s, *unknown) for s in snapshots(by_restic)]
    for repository in (by_varve, by_restic):
        expect_sound(repository)
        assert f"{database.name}.items" in repository("show", "latest").stdout


def test_what_the_destination_has_is_not_copied_again(source, destination, tmp_path):
    """The second run, and a snapshot of the same data, add no blob."""
    first = copy(destination, source, snapshots(source)[0]["id"])
    assert first["data_blobs"] > 0 and first["data_added_packed"] < first["data_added"]
    size = sum(path.stat().st_size for path in (destination.path / "data").rglob("*") if path.is_file())
    again = copy(destination, source, "--host", "first")
    assert (again["snapshots_unchanged"], again["data_blobs"], again["tree_blobs"]) == (1, 0, 0)
    rest = copy(destination, source)
    assert (rest["snapshots_copied"], rest["snapshots_unchanged"]) == (1, 1)
    grown = sum(path.stat().st_size for path in (destination.path / "data").rglob("*") if path.is_file()) - size
    assert 0 < grown < size / 10, "both snapshots share nearly all"


def test_selection_and_packing(source, destination):
    """--host, --path, --tag as everywhere; --compression and --pack-size as backup has them."""
    assert copy(destination, source, "--tag", "one,none")["snapshots_copied"] == 0
    assert copy(destination, source, "--tag", "one,two", "--compression", "off")["snapshots_copied"] == 1
    assert snapshots(destination)[0]["hostname"] == "first"
    stats = destination.restic("stats", "--mode", "raw-data", "--json").events[-1]
    assert stats["compression_progress"] < 50, "only trees are compressed"
    events = destination.json(*copying(source, "latest", "--host", "second", "--pack-size", 4))
    assert [event["message_type"] for event in events] == ["copied", "summary"]
    assert events[0]["source_snapshot_id"] == snapshots(source)[1]["id"]
    assert events[0]["snapshot_id"] == snapshots(destination)[1]["id"]
    expect_sound(destination)


def test_the_source_is_named_in_the_environment_or_a_file(source, destination, tmp_path):
    """restic's variables, VARVE_ before RESTIC_."""
    (tmp_path / "place").write_text(f"{source.path}\n")
    password = {"RESTIC_FROM_PASSWORD_FILE": str(source.password_file)}
    ways = [({"RESTIC_FROM_REPOSITORY": str(source.path)}, []), ({"VARVE_FROM_REPOSITORY": str(source.path)}, []),
            ({"RESTIC_FROM_REPOSITORY_FILE": str(tmp_path / "place")}, []),
            ({"RESTIC_FROM_REPOSITORY": "/nowhere"}, ["--from-repository-file", tmp_path / "place"])]
    for environment, args in ways:
        assert len(destination.json("copy", *args, env={**password, **environment})) == 3
    destination("copy", "--from-repo", source.path, "--from-password-command", "echo correct horse")
    assert "--from-repo" in destination("copy", code=1).stderr
    assert len(snapshots(destination)) == 2


def test_damage_in_the_source_keeps_snapshots_back(source, destination):
    """Never a snapshot with something missing: the damaged ones are named, the others copied."""
    (source.folder / "healthy").write_text("whole")
    damage(largest_pack(source))
    failed = destination(*copying(source), code=1)
    assert failed.stdout.count("NOT copied") == 2 and "check --read-data" in failed.stdout
    source.restic("backup", source.folder / "healthy", "--force")
    summary = copy(destination, source, code=INCOMPLETE)
    assert (summary["result"], summary["exit_code"], summary["snapshots_copied"]) == ("incomplete", INCOMPLETE, 1)
    assert sorted(skipped["what"] for skipped in summary["skipped"]) == \
        sorted(f"snapshot {snapshot['id']}" for snapshot in snapshots(source)[:2])
    assert len(snapshots(destination)) == 1
    expect_sound(destination)


def test_a_missing_tree_is_found_before_anything_is_read(source, destination):
    """Not what can be copied of a snapshot, but all or nothing."""
    pack, _ = place_of(source, snapshots(source)[0]["tree"])
    pack.unlink()
    summary = copy(destination, source, code=1)
    assert len(summary["skipped"]) == 2 and summary["data_blobs"] == 0
    assert not snapshots(destination)
    expect_sound(destination)


def test_errors_are_told_apart(source, destination, tmp_path):
    """Which of the two repositories, and what to do."""
    (tmp_path / "wrong").write_text("wrong")
    wrong = destination("copy", "--from-repo", source.path, "--from-password-file", tmp_path / "wrong", code=WRONG_PASSWORD)
    assert str(source.path) in wrong.stderr
    assert "/nowhere" in destination("copy", "--from-repo", "/nowhere", code=10).stderr
    for place in (source.path, f"{source.path}/../repo"):
        same = source("copy", "--from-repo", place, "--from-password-file", source.password_file, code=1)
        assert "the same repository" in same.stderr
    assert "there is no snapshot" in destination(*copying(source, "0" * 64), code=1).stderr
    assert "there is no snapshot" in destination(*copying(source, "latest", "--host", "nobody"), code=1).stderr
    assert "changes nothing" in destination(*copying(source, snapshots(source)[0]["id"], "--host", "first"), code=1).stderr
    assert "4 to 128" in destination(*copying(source, "--pack-size", 3), code=1).stderr
    assert copy(destination, source, "--host", "nobody")["snapshots_copied"] == 0
    assert not snapshots(destination)


def test_locks_of_either_repository_are_obeyed(source, destination):
    """The source is only read: with --no-lock it need not be locked."""
    with locked(source):
        destination(*copying(source), code=LOCKED)
        assert copy(destination, source, "--no-lock", snapshots_of_first(source))["snapshots_copied"] == 1
    with locked(destination):
        destination(*copying(source), code=LOCKED)
        destination(*copying(source, "--no-lock"), code=LOCKED)
    assert not [path for repository in (source, destination) for path in (repository.path / "locks").iterdir()]


def snapshots_of_first(repository):
    return next(path.name for path in (repository.path / "snapshots").iterdir())


def test_init_takes_the_chunker_over(source, tmp_path):
    """Copies deduplicate against backups only where both are cut alike."""
    made = beside(source, "made", "another")
    made("init", "--copy-chunker-params", env={"RESTIC_FROM_REPOSITORY": str(source.path),
                                               "RESTIC_FROM_PASSWORD_FILE": str(source.password_file)})
    assert copy(made, source)["snapshots_copied"] == 2
    summary = made.restic("backup", tmp_path / "folder", "--json").events[-1]
    assert summary["data_blobs"] == 0
    other = beside(source, "other")
    assert "go together" in other("init", "--from-repo", source.path, code=1).stderr
