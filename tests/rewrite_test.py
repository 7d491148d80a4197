"""Snapshots saved anew, with other tags or without some files: what varve makes of them is what stock restic 0.19 makes."""
import json
import shutil

import pytest

from harness.tools import Varve
from support.mixed_folder import fill
from support.repositories import damage_blob, expect_sound, fields, locked, snapshots, tree_of
from support.runs import back_up, new_repository

LOCKED, INCOMPLETE = 11, 3


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Three snapshots: by 0.19 in a zone that is not UTC, by 0.14, and of another folder."""
    varve = Varve(tmp_path_factory.mktemp("prepared"))
    new_repository(varve)
    folder = varve.folder / "folder"
    fill(folder)
    varve.restic("backup", folder, "--tag", "old", "--host", "first", env={"TZ": "Europe/Zurich"})
    (folder / "text").write_text("changed")
    varve.restic_old("backup", folder, "--host", "second", env={"TZ": "America/St_Johns"})
    varve.restic("backup", folder / "sub", "--host", "third")
    return varve


@pytest.fixture
def twins(prepared, tmp_path):
    """The same repository twice: for varve and for restic."""
    made = []
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        made.append(Varve(tmp_path / name))
        shutil.copytree(prepared.path, made[-1].path)
    return made


def expect_twins(ours, theirs):
    """Snapshots with the same trees and fields."""
    def described(repository):
        return sorted((json.dumps(fields(snapshot), sort_keys=True) for snapshot in snapshots(repository)))
    assert described(ours) == described(theirs)


def rewrite_both(twins, *args, restic_args=None):
    """varve in one, restic in the other; varve's summary."""
    ours, theirs = twins
    env = {"TZ": "Europe/Zurich", "PATTERN": "secret"}
    summary = ours.json("rewrite", *args, env=env)[-1]
    theirs.restic("rewrite", *(args if restic_args is None else restic_args), env=env)
    expect_twins(ours, theirs)
    return summary


@pytest.mark.parametrize("args", [
    ["--exclude", "*.o"],
    ["--exclude", "secret", "--exclude", "cache/o*", "--forget"],
    pytest.param(["--iexclude", "*.o", "--exclude", "{folder}/deep/*/caf*"], marks=pytest.mark.all),
    pytest.param(["--exclude", "cache/*", "--exclude", "!cache/two"], marks=pytest.mark.all),
    pytest.param(["--exclude", "{folder}/**/s*"], marks=pytest.mark.all),
    pytest.param(["--exclude", "/"], marks=pytest.mark.all),
    pytest.param(["--exclude", "nothing", "--forget"], marks=pytest.mark.all),
    pytest.param(["--exclude-file", "{patterns}"], marks=pytest.mark.all),
    pytest.param(["--iexclude-file", "{patterns}", "--forget"], marks=pytest.mark.all),
    pytest.param(["--snapshot-summary"], marks=pytest.mark.all),
    pytest.param(["--new-host", "other", "--new-time", "2020-02-02 02:02:02"], marks=pytest.mark.all),
    pytest.param(["--new-host", "other", "--forget", "--host", "first"], marks=pytest.mark.all),
    pytest.param(["--exclude", "*.o", "--tag", "old"], marks=pytest.mark.all),
    pytest.param(["--exclude", "*.o", "--new-time", "2020-07-02 02:02:02", "--forget"], marks=pytest.mark.all),
])
def test_rewriting_gives_restics_trees_and_snapshots(prepared, twins, args, tmp_path):
    """The same tree ids, summaries, tags, originals and times."""
    patterns = tmp_path / "patterns"
    patterns.write_text("# a comment\n\n  *.o  \n$PATTERN\n$$PATTERN\n/${PATTERN}\n")
    words = [word.format(folder=prepared.folder / "folder", patterns=patterns) for word in args]
    rewrite_both(twins, *words)
    expect_sound(twins[0])


def test_each_goes_on_with_what_the_other_rewrote(twins):
    """Nothing is left to do for the other."""
    ours, theirs = twins
    ours("rewrite", "--exclude", "*.o", "--forget")
    assert "no snapshots were modified" in ours.restic("rewrite", "--exclude", "*.o", "--forget").stdout
    theirs.restic("rewrite", "--exclude", "*.o", "--forget")
    assert "no snapshots were modified" in theirs("rewrite", "--exclude", "*.o", "--forget").stdout
    for repository in twins:
        expect_sound(repository)
        repository.restic("prune", "--max-unused", 0)
        expect_sound(repository)


def test_a_dry_run_says_what_a_run_does(twins):
    """And changes nothing; the old snapshots stay without --forget."""
    ours, _ = twins
    before = sorted(path.name for path in ours.path.rglob("*"))
    dry = ours.json("rewrite", "--exclude", "*.o", "--dry-run")
    assert sorted(path.name for path in ours.path.rglob("*")) == before
    done = ours.json("rewrite", "--exclude", "*.o")
    assert [(event["old_snapshot_id"], event["tree"]) for event in dry[:-1]] == \
        [(event["old_snapshot_id"], event["tree"]) for event in done[:-1]]
    assert dry[-1]["changed_snapshots"] == done[-1]["changed_snapshots"] == 3
    assert len(snapshots(ours)) == 6
    assert all(event["new_snapshot_id"] is None for event in dry[:-1])
    assert "would be saved anew" in ours("rewrite", "--exclude", "sub", "--dry-run").stdout


@pytest.mark.all
def test_a_servers_backup_is_rewritten_alike(varve, rs6, database, tmp_path):
    """varve's own trees are canonical: restic rewrites them, too, to the same ids."""
    database.items.insert_many([{"_id": number} for number in range(100)])
    back_up(varve, rs6, "--ns-include", f"{database.name}.*")
    (tmp_path / "theirs").mkdir()
    theirs = Varve(tmp_path / "theirs")
    shutil.copytree(varve.path, theirs.path)
    rewrite_both([varve, theirs], "--exclude", "*.metadata.json", "--forget")
    expect_sound(varve)


def test_damage_keeps_a_snapshot_as_it_is(prepared, twins):
    """A folder that cannot be read may be left out, but not be kept."""
    ours, _ = twins
    before = snapshots(ours)
    damage_blob(ours, tree_of(ours, before[0]["id"], prepared.folder / "folder" / "cache"))  # of the first only: the zones differ
    failed = ours.json("rewrite", "--exclude", "*.o", "--forget", code=INCOMPLETE)[-1]
    assert (failed["result"], failed["changed_snapshots"]) == ("incomplete", 2)
    assert [skipped["what"] for skipped in failed["skipped"]] == [f"snapshot {before[0]['id']}"]
    assert all("cache" in skipped["reason"] or "tree" in skipped["reason"] for skipped in failed["skipped"])
    assert [snapshot["id"] in {s["id"] for s in before} for snapshot in snapshots(ours)] == [True, False, False]
    none = ours("rewrite", "--exclude", "*.o", "--host", "first", code=1)
    assert "NOT rewritten" in none.stdout
    rewritten = ours.json("rewrite", "--exclude", "*.o", "--exclude", "cache", "--forget")[-1]
    assert rewritten["changed_snapshots"] == 2, "the second one loses its cache, too"
    ours.restic("prune", "--max-unused", 0)
    expect_sound(ours)


@pytest.mark.parametrize("restic", ["restic", pytest.param("restic_old", marks=pytest.mark.all)])
def test_tags_change_as_restic_changes_them(twins, restic):
    """Either program on either repository; 0.14 forgets the summary, which it does not know."""
    ours, theirs = twins
    stock = getattr(theirs, restic)
    for args in (["--add", "a,b", "--add", "c"], ["--remove", "b,old"], ["--set", "x,y", "--host", "first"],
                 ["--add", "a", "latest"], ["--add", "z", "latest", "--host", "second"]):
        changed = ours.json("tag", *args)
        stock("tag", *args)
        tags = [[(s["hostname"], sorted(s.get("tags", [])), s["tree"], s["time"], s.get("original")) for s in snapshots(r)]
                for r in twins]
        assert tags[0] == tags[1], args
        assert changed[-1]["changed_snapshots"] == len(changed) - 1
    if restic == "restic":
        expect_twins(ours, theirs)
    before = {snapshot["original"]: fields(snapshot, "tags") for snapshot in snapshots(ours)}
    ours("tag", "--set", "")
    assert all("tags" not in snapshot for snapshot in snapshots(ours))
    assert {snapshot["original"]: fields(snapshot, "tags") for snapshot in snapshots(ours)} == before
    stock("tag", "--add", "by restic")
    ours("tag", "--remove", "by restic")
    expect_sound(ours)
    expect_sound(theirs)


def test_tag_events_are_restics(twins):
    """One object a changed snapshot, then the summary."""
    ours, theirs = twins
    events = [run("tag", "--add", "x", "--json", "--host", "first").events for run in (ours, theirs.restic)]
    assert [event["message_type"] for event in events[0]] == ["changed", "summary"]
    for mine, their in zip(*events):
        assert their.keys() <= mine.keys()
    assert events[0][-1]["changed_snapshots"] == events[1][-1]["changed_snapshots"] == 1
    assert "no snapshots were modified" in ours("tag", "--add", "x", "--host", "first").stdout


def test_what_cannot_be_meant_is_refused(twins):
    """Nothing named, both of what excludes each other, unknown ids, malformed words."""
    ours, _ = twins
    for words in (["rewrite"], ["rewrite", "--exclude", "[a"], ["rewrite", "--exclude-file", "/nowhere"],
                  ["rewrite", "--new-time", "yesterday"], ["rewrite", "--new-time", "2026-02-31 00:00:00"],
                  ["rewrite", "--exclude", "x", "0" * 64], ["rewrite", "--exclude", "x", "latest", "--host", "nobody"],
                  ["tag"], ["tag", "--add", ""], ["tag", "--set", "a", "--add", "b"], ["tag", "--add", "a", "0" * 64]):
        failed = ours(*words, code=1)
        assert failed.stderr.startswith("error: "), words
    before = snapshots(ours)
    assert ours.json("rewrite", "--exclude", "x", "--host", "nobody")[-1]["changed_snapshots"] == 0
    assert ours.json("tag", "--add", "x", "--host", "nobody")[-1]["changed_snapshots"] == 0
    assert snapshots(ours) == before


def test_locks_are_obeyed(twins):
    """A dry run takes a reader's lock only, which --no-lock leaves out."""
    ours, _ = twins
    with locked(ours):
        ours("tag", "--add", "x", code=LOCKED)
        ours("rewrite", "--exclude", "*.o", code=LOCKED)
        ours("rewrite", "--exclude", "*.o", "--forget", "--no-lock", code=LOCKED)
        ours("rewrite", "--exclude", "*.o", "--dry-run", "--no-lock")
