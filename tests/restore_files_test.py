"""restore --target: what restic backed up comes back as restic brings it back, and nothing else is touched."""
import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from support import folders
from support.hold import finish
from support.repositories import damage_blob, snapshots, tree_of
from support.runs import new_repository


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return folders.fill(tmp_path_factory.mktemp("source") / "odd things")


@pytest.fixture
def saved(varve, source):
    """A repository with `source` in it, backed up by restic 0.19."""
    new_repository(varve)
    varve.restic("backup", source)
    return varve


def restore(varve, target, *args, snapshot="latest", code=0, **options):
    """The summary."""
    return varve.json("restore", snapshot, "--target", target, *args, code=code, **options)[-1]


def below(target, source):
    """Where a restore put what `source` held."""
    return target / source.relative_to("/")


def same(one, other):
    return not folders.differences(folders.contents(one), folders.contents(other))


def test_everything_comes_back_as_restic_brings_it_back(saved, source, tmp_path):
    summary = restore(saved, tmp_path / "ours", "--verify")
    saved.restic("restore", "latest", "--target", tmp_path / "theirs")
    ours, theirs = folders.contents(tmp_path / "ours"), folders.contents(tmp_path / "theirs")
    assert folders.differences(ours, theirs) == {}
    assert folders.differences(folders.contents(below(tmp_path / "ours", source)), folders.contents(source)) == {}
    assert summary["result"] == "complete" and summary["num_errors"] == 0
    assert summary["files_verified"] > 8 and summary["snapshot_id"]


def test_the_summary_counts_as_restic_does(saved, source, tmp_path):
    for name, args in (("new", []), ("again", []), ("never", ["--overwrite", "never"])):
        if name != "new":
            shutil.copytree(tmp_path / "new ours", tmp_path / f"{name} ours", symlinks=True, copy_function=copy)
            shutil.copytree(tmp_path / "new theirs", tmp_path / f"{name} theirs", symlinks=True, copy_function=copy)
        ours = restore(saved, tmp_path / f"{name} ours", *args)
        lines = saved.restic("restore", "latest", "--target", tmp_path / f"{name} theirs", "--json", *args).events
        theirs = lines[-1]
        for field in ("total_files", "files_restored", "files_skipped", "total_bytes", "bytes_restored", "bytes_skipped"):
            assert ours[field] == theirs.get(field, 0), (name, field)


def copy(source, target):
    """For copytree: special files too."""
    if os.path.isfile(source):
        return shutil.copy2(source, target)
    return subprocess.run(["cp", "-a", source, target], check=True)


@pytest.mark.parametrize("version", [pytest.param(1, marks=pytest.mark.all), 2])
@pytest.mark.parametrize("compression", ["auto", "off", pytest.param("max", marks=pytest.mark.all)])
def test_every_kind_of_repository_is_restored(varve, source, tmp_path, version, compression):
    """Version 1 has no compression. (restic 0.14 cannot keep a link's target that is no UTF-8, so not the source is compared.)"""
    varve.restic("init", "--repository-version", version)
    extra = ["--compression", compression] if version == 2 else []
    varve.restic_old("backup", source, *extra)
    restore(varve, tmp_path / "ours")
    varve.restic("restore", "latest", "--target", tmp_path / "theirs")
    assert folders.differences(folders.contents(tmp_path / "ours"), folders.contents(tmp_path / "theirs")) == {}
    assert len(folders.contents(tmp_path / "ours")) > 20


def test_a_subfolder_is_restored_for_the_whole(saved, source, tmp_path):
    restore(saved, tmp_path / "ours", snapshot=f"latest:{source}/sub")
    saved.restic("restore", f"latest:{source}/sub", "--target", tmp_path / "theirs")
    assert same(tmp_path / "ours", tmp_path / "theirs")
    assert (tmp_path / "ours" / "deeper" / "text.txt").exists()


def test_holes_are_left_where_there_are_zeros(saved, source, tmp_path):
    restore(saved, tmp_path / "out", "--sparse", "--verify")
    assert same(below(tmp_path / "out", source), source)
    assert folders.holes(below(tmp_path / "out", source) / "sparse") > 6_000_000


@pytest.mark.parametrize("args", [
    ["--include", "*.txt"], ["--include", "sub"], ["--iinclude", "TEXT.*"], ["--exclude", "sub"], ["--exclude", "h*"],
    ["--iexclude", "NOISE"], ["--exclude", "sub", "--exclude", "!deeper"],
], ids=" ".join)
def test_patterns_choose_what_restic_chooses(saved, tmp_path, args):
    restore(saved, tmp_path / "ours", *args)
    saved.restic("restore", "latest", "--target", tmp_path / "theirs", *args)
    ours, theirs = folders.contents(tmp_path / "ours"), folders.contents(tmp_path / "theirs")
    assert ours.keys() == theirs.keys()
    assert folders.differences(ours, theirs) == {}


def test_patterns_come_from_files(saved, source, tmp_path):
    (tmp_path / "patterns").write_text("# a comment\n\n*.txt\n$WHAT\n")
    restore(saved, tmp_path / "out", "--include-file", tmp_path / "patterns", env={"WHAT": "fifo"})
    names = {os.path.basename(name) for name in folders.contents(below(tmp_path / "out", source))}
    assert names == {b"sub", b"deeper", b"text.txt", b"fifo"}


def test_extended_attributes_are_chosen(saved, source, tmp_path):
    restore(saved, tmp_path / "out", "--exclude-xattr", "user.b*")
    assert os.listxattr(below(tmp_path / "out", source) / "sub" / "noise") == ["user.note"]
    restore(saved, tmp_path / "only", "--include-xattr", "user.b*")
    assert os.listxattr(below(tmp_path / "only", source) / "sub") == ["user.bytes"]


class TestOverwrite:
    """A folder that holds something else already."""

    @pytest.fixture
    def files(self, tmp_path):
        source = tmp_path / "files"
        source.mkdir()
        for name in ("same", "other content", "longer", "shorter", "older", "newer"):
            (source / name).write_text(f"{name} from the snapshot\n" * 10)
            os.utime(source / name, ns=(folders.AT, folders.AT))
        return source

    @pytest.fixture
    def target(self, varve, files, tmp_path):
        new_repository(varve)
        varve.restic("backup", files)
        target = tmp_path / "out"
        restore(varve, target)
        put = below(target, files)
        (put / "other content").write_text("x" * (put / "other content").stat().st_size)
        (put / "longer").write_text((put / "longer").read_text() + "more")
        (put / "shorter").write_text("short")
        (put / "older").write_text("old")
        (put / "newer").write_text("new")
        (put / "surplus").write_text("surplus")
        for name in ("other content", "longer", "shorter"):
            os.utime(put / name, ns=(folders.AT, folders.AT))
        os.utime(put / "older", ns=(folders.AT - 10**9, folders.AT - 10**9))
        os.utime(put / "newer", ns=(folders.AT + 10**9, folders.AT + 10**9))
        return target

    @pytest.mark.parametrize("rule", ["always", "if-changed", "if-newer", "never"])
    @pytest.mark.parametrize("delete", [False, pytest.param(True, marks=pytest.mark.all)])
    def test_the_rule_is_kept(self, varve, files, target, tmp_path, rule, delete):
        args = ["--overwrite", rule] + (["--delete"] if delete else [])
        shutil.copytree(target, tmp_path / "theirs")
        summary = restore(varve, target, *args)
        varve.restic("restore", "latest", "--target", tmp_path / "theirs", *args)
        ours, theirs = folders.contents(target), folders.contents(tmp_path / "theirs")
        assert folders.differences(ours, theirs) == {}
        assert (below(target, files) / "surplus").exists() is not delete
        assert summary["files_deleted"] == int(delete)

    def test_a_dry_run_changes_nothing_and_says_what_it_would(self, varve, files, target):
        before = folders.contents(target)
        run = varve("restore", "latest", "--target", target, "--dry-run", "--delete", "-v")
        assert folders.contents(target) == before
        assert "deleted" in run.stdout and "surplus" in run.stdout and "updated" in run.stdout
        summary = restore(varve, target, "--dry-run", "--delete")
        assert summary["dry_run"] and summary["files_deleted"] == 1 and summary["bytes_restored"] > 0
        restore(varve, target.parent / "nothing", "--dry-run")
        assert not (target.parent / "nothing").exists()

    def test_what_is_in_the_way_is_replaced_and_never_followed(self, varve, files, target, tmp_path):
        """A link out of the target must not be written through, whatever it stands for."""
        put = below(target, files)
        victim = tmp_path / "victim"
        victim.mkdir()
        (victim / "same").write_text("mine")
        (put / "same").unlink()
        (put / "same").symlink_to(victim / "same")
        (put / "older").unlink()
        (put / "older").mkdir()
        os.rename(put, put.with_name("moved"))
        put.symlink_to(victim)
        restore(varve, target)
        assert (victim / "same").read_text() == "mine" and sorted(os.listdir(victim)) == ["same"]
        assert not put.is_symlink() and same(put, files)

    def test_a_folder_in_the_way_goes_only_when_asked(self, varve, files, target):
        put = below(target, files)
        (put / "same").unlink()
        (put / "same").mkdir()
        (put / "same" / "precious").write_text("x")
        refused = varve("restore", "latest", "--target", target, code=3)
        assert "same" in refused.stderr and "not empty" in refused.stderr and "--delete" in refused.stderr
        assert (put / "same" / "precious").exists() and (put / "older").read_text().startswith("older from")
        restore(varve, target, "--delete")
        assert same(put, files)

    def test_other_names_of_a_file_do_not_change_with_it(self, varve, files, target, tmp_path):
        os.link(below(target, files) / "other content", tmp_path / "another name")
        before = (tmp_path / "another name").read_text()
        restore(varve, target)
        assert (tmp_path / "another name").read_text() == before
        assert (below(target, files) / "other content").read_text().startswith("other content from")

    def test_only_what_differs_is_written(self, varve, tmp_path):
        """--overwrite always compares the content, as restic 0.19 does."""
        source = tmp_path / "large"
        source.mkdir()
        (source / "file").write_bytes(random.Random(3).randbytes(20_000_000))
        new_repository(varve)
        varve.restic("backup", source)
        restore(varve, tmp_path / "large out")
        file = below(tmp_path / "large out", source) / "file"
        with open(file, "r+b") as opened:
            opened.seek(10_000_000)
            opened.write(b"changed")
        summary = restore(varve, tmp_path / "large out", "--verify")
        assert file.read_bytes() == (source / "file").read_bytes()
        assert summary["files_verified"] == 1
        assert restore(varve, tmp_path / "large out")["files_skipped"] == 1


class TestDamage:
    """A restore of what is damaged never gives wrong bytes silently."""

    @pytest.fixture
    def files(self, varve, tmp_path):
        source = tmp_path / "files"
        source.mkdir()
        noise = random.Random(4)
        for name in ("first", "second"):
            (source / name).write_bytes(noise.randbytes(5_000_000))
        new_repository(varve)
        varve.restic("backup", source / "first", "--no-cache")
        varve.restic("backup", source, "--no-cache")
        return source

    def packs(self, varve, kind="data"):
        """Of that kind: id to blobs."""
        indexed = [pack for name in varve.restic("list", "index").lines
                   for pack in json.loads(varve.restic("cat", "index", name).stdout)["packs"]]
        return {pack["id"]: pack["blobs"] for pack in indexed if pack["blobs"][0]["type"] == kind}

    def flip(self, varve, pack, position):
        path = varve.path / "data" / pack[:2] / pack
        path.chmod(0o600)
        data = bytearray(path.read_bytes())
        data[position] ^= 1
        path.write_bytes(data)

    def test_a_flipped_bit_is_named(self, varve, files, tmp_path):
        name, blobs = next(iter(self.packs(varve).items()))
        self.flip(varve, name, blobs[0]["offset"] + blobs[0]["length"] // 2)
        run = varve("restore", "latest", "--target", tmp_path / "out", code=3)
        damaged = [f for f in ("first", "second") if str(files / f) in run.stderr]
        assert len(damaged) == 1 and name[:8] in run.stderr
        assert [line.split(": ")[1] for line in run.lines if "incomplete" in line] == [str(files / damaged[0])]
        whole = ({"first", "second"} - set(damaged)).pop()
        out = below(tmp_path / "out", files)
        assert (out / whole).read_bytes() == (files / whole).read_bytes()
        assert (out / damaged[0]).stat().st_mtime_ns != (files / damaged[0]).stat().st_mtime_ns, "it must not look good"
        again = restore(varve, tmp_path / "out", "--overwrite", "if-changed", code=3)
        assert again["num_errors"] == 1 and again["result"] == "incomplete" and again["exit_code"] == 3
        assert [missing["what"] for missing in again["skipped"]] == [str(files / damaged[0])]

    def test_a_missing_pack_is_named(self, varve, files, tmp_path):
        name = next(iter(self.packs(varve)))
        (varve.path / "data" / name[:2] / name).unlink()
        run = varve("restore", "latest", "--target", tmp_path / "out", code=3)
        assert name[:8] in run.stderr
        assert any(str(files / f) in run.stderr for f in ("first", "second"))
        events = varve("restore", "latest", "--target", tmp_path / "json", "--json", code=3)
        told = [json.loads(line) for line in events.stderr.splitlines()]
        assert told[0]["message_type"] == "error" and told[0]["during"] == "restore" and told[0]["item"]
        assert events.events[-1]["skipped"][0]["what"] == told[0]["item"]

    def test_what_gives_nothing_of_use_has_failed(self, varve, files, tmp_path):
        for name in self.packs(varve, "tree"):
            (varve.path / "data" / name[:2] / name).unlink()
        summary = restore(varve, tmp_path / "out", code=1)
        assert summary["exit_code"] == 1 and summary["result"] == "incomplete"
        assert [missing["what"] for missing in summary["skipped"]] == ["/"]

    def test_nothing_is_deleted_where_a_tree_is_lost(self, varve, files, tmp_path):
        out = tmp_path / "out"
        restore(varve, out)
        (below(out, files) / "surplus").write_text("x")
        damage_blob(varve, tree_of(varve, snapshots(varve)[-1]["id"], files))
        run = varve("restore", "latest", "--target", out, "--delete", code=3)
        assert "tree" in run.stderr
        assert (below(out, files) / "surplus").exists() and (below(out, files) / "first").exists()


class TestRefusals:
    def test_words_that_contradict_each_other(self, varve):
        for args, words in (
                (["--to", "mongodb://h", "--target", "/tmp/x"], "--target"),
                (["--target", "/tmp/x", "--drop"], "--drop"),
                (["--sparse"], "--target"),
                (["--target", "/tmp/x", "--include", "a", "--exclude", "b"], "--include and --exclude"),
                (["--target", "/tmp/x", "--include-xattr", "a", "--exclude-xattr", "b"], "xattr"),
                (["--target", "/tmp/x", "--verify", "--dry-run"], "--dry-run"),
                (["--target", "/", "--delete"], "--delete"),
                (["--target", "/tmp/x", "--overwrite", "sometimes"], "if-changed"),
                (["--target", "/tmp/x", "--include", "[a"], "[a"),
                (["--target", "/tmp/x", "--include-file", "/no/such/file"], "/no/such/file"),
                ([], "--target")):
            refused = varve("restore", "latest", *args, code=1)
            assert words in refused.stderr, (args, refused.stderr)

    def test_a_target_that_cannot_be_one(self, saved, tmp_path):
        (tmp_path / "file").write_text("x")
        refused = saved("restore", "latest", "--target", tmp_path / "file", code=1)
        assert str(tmp_path / "file") in refused.stderr
        below_file = saved("restore", "latest", "--target", tmp_path / "file" / "below", code=1)
        assert str(tmp_path / "file") in below_file.stderr

    def test_a_folder_that_is_not_in_the_snapshot(self, saved, source, tmp_path):
        refused = saved("restore", "latest:/no/such", "--target", tmp_path / "out", code=1)
        assert "/no/such" in refused.stderr and not (tmp_path / "out").exists()
        refused = saved("restore", f"latest:{source}/a", "--target", tmp_path / "out", code=1)
        assert "not a folder" in refused.stderr

    def test_a_full_disk_is_said_plainly(self, saved, source, tmp_path):
        small = tmp_path / "small"
        small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], capture_output=True).returncode != 0:
            pytest.skip("file systems cannot be mounted here")
        try:
            full = saved("restore", "latest", "--target", small, "--exclude-xattr", "*", code=1)
            assert "No space left" in full.stderr and "make room" in full.stderr
            assert "if-changed" in full.stderr
        finally:
            subprocess.run(["umount", small], check=True)

    def test_without_rights_owners_are_left_and_counted(self, saved, source, tmp_path):
        """As restic does it: not an error, but said."""
        if not folders.ROOT:
            pytest.skip("wants root, to become somebody else")
        shutil.copytree(saved.folder, tmp_path / "theirs", symlinks=True, ignore=shutil.ignore_patterns("theirs", "cache"))
        out = tmp_path / "out"
        out.mkdir()
        command = ["setpriv", "--reuid", "1234", "--regid", "4321", "--clear-groups"]
        subprocess.run(["chown", "-R", "1234:4321", tmp_path / "theirs", out], check=True)
        for parent in [tmp_path, *tmp_path.parents][:4]:
            parent.chmod(parent.stat().st_mode | 0o011)
        from harness.tools import varve_binary
        env = {**saved.env, "RESTIC_REPOSITORY": str(tmp_path / "theirs" / "repo"),
               "RESTIC_PASSWORD_FILE": str(tmp_path / "theirs" / "password"), "HOME": str(tmp_path / "theirs")}
        args = [*command, str(varve_binary()), "restore", f"latest:{source}/sub", "--target", str(out), "--no-lock", "--json"]
        if subprocess.run([*command, str(varve_binary()), "--version"], capture_output=True).returncode != 0:
            pytest.skip("the program cannot be run by others here")
        done = subprocess.run(args, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout.splitlines()[-1])
        assert summary["without_owner"] > 0 and summary["num_errors"] == 0
        assert "owner" in done.stdout
        assert (out / "deeper" / "text.txt").read_bytes() == (source / "sub" / "deeper" / "text.txt").read_bytes()


def test_an_interrupt_ends_it_with_130(varve, tmp_path):
    source = tmp_path / "many"
    noise = random.Random(5)
    for number in range(60):
        (source / str(number)).mkdir(parents=True)
        for name in range(50):
            (source / str(number) / str(name)).write_bytes(noise.randbytes(40_000))
    new_repository(varve)
    varve.restic("backup", source)
    for attempt in range(10):
        running = varve.start("restore", "latest", "--target", tmp_path / "out")
        while running.poll() is None and not below(tmp_path / "out", source).exists():
            time.sleep(0.001)
        running.send_signal(signal.SIGINT)
        finish(running, code=(130, 0))
        if running.returncode == 130:
            break
        shutil.rmtree(tmp_path / "out")
    else:
        pytest.fail("it could not be interrupted in time")
    assert not list((varve.path / "locks").iterdir())
    restore(varve, tmp_path / "out", "--overwrite", "if-changed", "--verify")
    assert same(below(tmp_path / "out", source), source)


@pytest.mark.all
def test_a_folder_of_five_thousand_files(varve, tmp_path):
    source = tmp_path / "wide"
    source.mkdir()
    for number in range(5000):
        (source / f"{number:04}").write_bytes(f"{number}".encode() * (number % 50))
    new_repository(varve)
    varve.restic("backup", source)
    restore(varve, tmp_path / "out", "--verify")
    assert same(below(tmp_path / "out", source), source)


@pytest.mark.all
def test_a_collections_backup_can_be_restored_as_files(varve, rs6, database):
    from support.runs import back_up
    database.items.insert_many([{"_id": i, "text": "x" * 100} for i in range(1000)])
    back_up(varve, rs6, "--ns-include", f"{database.name}.*")
    restore(varve, varve.folder / "ours", "--verify")
    varve.restic("restore", "latest", "--target", varve.folder / "theirs")
    assert same(varve.folder / "ours", varve.folder / "theirs")
