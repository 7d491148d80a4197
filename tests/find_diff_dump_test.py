"""ls, find, diff, dump and snapshots: stock restic 0.19 says the same of the same repositories."""
import io
import json
import os
import random
import signal
import stat
import subprocess
import tarfile
import zipfile

import pytest

from harness.tools import varve_binary
from support import folders
from support.runs import new_repository


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Two snapshots of a folder, with changes of every kind between them, and one of another folder."""
    from harness.tools import Varve
    varve = Varve(tmp_path_factory.mktemp("saved"))
    new_repository(varve)
    varve.source = folders.fill(tmp_path_factory.mktemp("source") / "odd things")
    varve.restic("backup", varve.source, "--host", "alpha", "--tag", "first,daily")
    change(varve.source)
    varve.restic("backup", varve.source, "--host", "alpha")
    (varve.folder / "other").mkdir()
    (varve.folder / "other" / "text.txt").write_text("other\n")
    varve.restic("backup", varve.folder / "other", "--host", "beta", "--tag", "daily")
    varve.first, varve.second, varve.third = [s["id"] for s in json.loads(varve.restic("snapshots", "--json").stdout)]
    return varve


def change(source):
    (source / "a").write_bytes(b"another text\n")
    (source / "added").write_text("new")
    (source / "added folder" / "below").mkdir(parents=True)
    (source / "added folder" / "below" / "file").write_text("deep")
    (source / "empty").unlink()
    (source / "empty").mkdir()
    (source / "empty folder").rmdir()
    (source / "dangling").unlink()
    (source / "sub" / "noise").chmod(0o600)
    info = (source / "sub" / "twice").stat()
    with open(source / "sub" / "twice", "r+b") as file:
        file.write(b"rotten")
    os.utime(source / "sub" / "twice", ns=(info.st_atime_ns, info.st_mtime_ns))


def both(saved, *args, code=0):
    """The JSON lines of varve and of restic."""
    ours = saved(*args, "--json", code=code)
    theirs = saved.restic(*args, "--json", code=code)
    return [json.loads(line) for line in ours.lines], [json.loads(line) for line in theirs.lines]


def text(saved, *args):
    """The lines of varve and of restic."""
    return saved(*args).lines, saved.restic(*args).lines


class TestLs:
    @pytest.mark.parametrize("args", [
        [], ["--sort", "size"], ["--sort", "time"], ["--sort", "extension", "--reverse"], ["--reverse"], ["--sort", "ctime"],
    ], ids=" ".join)
    def test_everything_is_listed_as_restic_lists_it(self, saved, args):
        ours, theirs = both(saved, "ls", saved.first, *args)
        assert ours == theirs and len(ours) > 20

    @pytest.mark.parametrize("below", ["", "/sub", "/sub/deeper"])
    @pytest.mark.parametrize("recursive", [[], ["--recursive"]])
    def test_named_folders_are_listed_without_what_is_deeper(self, saved, below, recursive):
        ours, theirs = both(saved, "ls", saved.first, f"{saved.source}{below}", *recursive)
        assert ours == theirs and len(ours) > 1

    def test_two_folders_and_a_subfolder_as_the_whole(self, saved):
        ours, theirs = both(saved, "ls", f"{saved.first}:{saved.source}", "/sub/deeper", "/empty folder")
        assert ours == theirs and len(ours) == 4

    def test_a_plain_list_has_the_paths(self, saved):
        ours, theirs = text(saved, "ls", saved.third)
        assert ours[1:] == theirs[1:]
        ours, theirs = text(saved, "ls", "-l", saved.third)
        assert ours[1:] == theirs[1:]
        assert ours[0].startswith(f"snapshot {saved.third[:8]} of [")

    def test_ncdu_gets_the_same(self, saved):
        ours, theirs = saved("ls", "--ncdu", saved.first), saved.restic("ls", "--ncdu", saved.first)
        assert json.loads(ours.stdout) == json.loads(theirs.stdout)

    def test_refusals(self, saved):
        for args, words in ((["--sort", "colour"], "extension"), (["--ncdu", "--sort", "size"], "--ncdu"),
                            (["/no/such/folder"], "/no/such/folder")):
            assert words in saved("ls", "latest", *args, code=1).stderr


class TestFind:
    @pytest.mark.parametrize("args", [
        ["*.txt"], ["noise", "twice"], ["TEXT.*", "-i"], ["sub"], ["no such thing"], ["*", "-R"], ["**/deeper/*"],
        ["*", "--oldest", "2020-01-01"], ["*", "--newest", "2005-01-01 10:00:00"], ["text.txt", "--host", "beta"],
        ["*.txt", "--tag", "daily"], ["a", "hard"], ["*", "-N", "04.02.2001", "-O", "2001-02-03 04:00"],
    ], ids=" ".join)
    def test_names_are_found_where_restic_finds_them(self, saved, args):
        ours, theirs = both(saved, "find", *args)
        assert ours == theirs

    def test_one_snapshot_is_searched(self, saved):
        for args in (["-s", saved.first], ["-s", saved.first, "-s", saved.third], ["-s", "latest", "--host", "alpha"]):
            ours, theirs = both(saved, "find", "*", *args)
            assert ours == theirs and ours[0]

    def test_text_is_as_restics(self, saved):
        for args in (["text.txt"], ["-l", "no*se"], ["dangl*", "-l"]):
            ours, theirs = text(saved, "find", *args)
            assert [line for line in ours if line] == [line for line in theirs if line]

    def test_an_absolute_pattern_is_found_by_path(self, saved):
        ours, theirs = both(saved, "find", f"{saved.source}/sub/*")
        assert ours == theirs and ours[0]

    def test_what_one_snapshot_lacks_is_found_in_another(self, saved):
        """What is remembered of one snapshot must not hide what only another has."""
        found = json.loads(saved("find", "added", "below", "dangling", "--json").stdout)
        assert {entry["snapshot"]: entry["hits"] for entry in found} == {saved.first: 1, saved.second: 3}

    def test_blobs_trees_and_packs_are_found(self, saved):
        listed = json.loads(saved.restic("find", "noise", "--json").stdout)
        assert listed
        index = [pack for name in saved.restic("list", "index").lines
                 for pack in json.loads(saved.restic("cat", "index", name).stdout)["packs"]]
        data = next(pack for pack in index if pack["blobs"][0]["type"] == "data")
        blob = max(data["blobs"], key=lambda entry: entry["length"])["id"]  # of no file with an odd name, which restic prints raw
        for args in (["--blob", blob], ["--blob", blob[:8]], ["--blob", blob, "--host", "beta"]):
            ours, theirs = both(saved, "find", *args)
            assert ours == theirs
        ours, theirs = both(saved, "find", "--pack", data["id"])
        key = json.dumps
        assert sorted(ours[0], key=key) == sorted(theirs[0], key=key) and ours[0]
        tree = json.loads(saved.restic("cat", "snapshot", saved.first).stdout)["tree"]
        ours, theirs = both(saved, "find", "--tree", tree, "-s", saved.first)
        assert ours == theirs and ours[0][0]["path"] == "/"
        ours, theirs = text(saved, "find", "--blob", blob, "--show-pack-id")
        assert ours == theirs and any(data["id"] in line for line in ours)

    def test_refusals(self, saved):
        for args, words in ((["--blob", "--tree", "abcdef"], "--blob"), (["--blob", "xyz"], "xyz"), (["[a"], "[a"),
                            (["a", "--oldest", "yesterday"], "yesterday"), (["a", "--oldest", "2026-02-30"], "2026-02-30"), (["--pack", "0123456789"], "0123456789"),
                            (["a", "-O", "2020-01-01", "-N", "2019-01-01"], "--oldest")):
            assert words in saved("find", *args, code=1).stderr, args


class TestDiff:
    @pytest.mark.parametrize("args", [[], ["--metadata"]], ids=str)
    def test_changes_and_statistics_are_restics(self, saved, args):
        ours, theirs = both(saved, "diff", saved.first, saved.second, *args)
        assert ours == theirs
        marks = {line["modifier"] for line in ours if line["message_type"] == "change"}
        assert {"+", "-", "M"} | ({"U", "TU"} if args else {"T"}) <= marks

    def test_the_other_way_round_and_with_itself(self, saved):
        for pair in ((saved.second, saved.first), (saved.first, saved.first), (saved.first, saved.third)):
            ours, theirs = both(saved, "diff", *pair)
            assert ours == theirs

    def test_folders_within_snapshots(self, saved):
        pair = f"{saved.first}:{saved.source}/sub", f"{saved.second}:{saved.source}/sub"
        ours, theirs = both(saved, "diff", *pair)
        assert ours == theirs and len(ours) > 1

    def test_bits_that_rotted_are_told(self, varve, tmp_path):
        """Another content although nothing else changed; only a backup that trusts neither ctime nor inode sees it so."""
        source = tmp_path / "files"
        source.mkdir()
        (source / "file").write_text("good")
        new_repository(varve)
        varve.restic("backup", source)
        node = json.loads(varve.restic("find", "file", "--json").stdout)[0]["matches"][0]
        with open(source / "file", "w") as file:
            file.write("evil")
        os.utime(source / "file", ns=(folders.AT, folders.AT))
        varve.restic("backup", source, "--force")
        assert node
        ours, theirs = both(varve, "diff", *[s["id"] for s in json.loads(varve.restic("snapshots", "--json").stdout)])
        assert ours == theirs and ours[0]["modifier"] in ("M", "M?")

    def test_text_is_as_restics(self, saved):
        """Sizes apart: restic gives three decimals, varve one."""
        ours, theirs = text(saved, "diff", saved.first, saved.second)
        plain = [line for line in theirs if not any(c in line for c in "\n\t\\")]
        for line in plain:
            if not line.startswith(("  Added", "  Removed", "comparing")):
                assert line in ours
        assert any(line.startswith("  Added:") for line in ours)

    def test_an_unknown_snapshot(self, saved):
        assert "0123456789" in saved("diff", saved.first, "0123456789", code=1).stderr


def members(data):
    """Of a tar: everything that restic keeps in one."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = {}
        for member in tar:
            content = tar.extractfile(member) if member.isreg() or member.islnk() else None
            found[member.name] = {
                "mode": member.mode, "owner": (member.uid, member.gid), "mtime": member.pax_headers.get("mtime", member.mtime),
                "target": member.linkname if member.issym() else "", "content": content.read() if content else b"",
                "xattrs": {k: v for k, v in member.pax_headers.items() if k.startswith("SCHILY")},
                "type": tarfile.REGTYPE if member.islnk() else member.type}
        return found


class TestDump:
    def test_a_files_bytes(self, saved):
        for name in ("sub/noise", "empty", "sparse", "sub/deeper/text.txt"):
            content = (saved("dump", saved.first, saved.source / name, text=False)).stdout
            assert content == saved.restic("dump", saved.first, saved.source / name, text=False).stdout
        below = saved("dump", f"{saved.first}:{saved.source}/sub", "deeper/text.txt", text=False).stdout
        assert below == (saved.source / "sub" / "deeper" / "text.txt").read_bytes()

    @pytest.mark.parametrize("path", ["/", "sub"])
    def test_a_tar_holds_what_restics_holds(self, saved, path):
        """And devices and FIFOs, which restic leaves out below the first level. Hard links are links, not copies, and times
        keep their nanoseconds, which restic rounds to seconds."""
        path = "/" if path == "/" else str(saved.source / path)
        ours = members(saved("dump", saved.first, path, text=False).stdout)
        theirs = members(saved.restic("dump", saved.first, path, text=False).stdout)
        more = {name for name in ours if ours[name]["type"] in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)}
        assert ours.keys() - more == theirs.keys() - more
        for name in theirs.keys() - more:
            assert abs(float(ours[name].pop("mtime")) - float(theirs[name].pop("mtime"))) <= 0.5, name
            assert ours[name] == theirs[name], name

    def test_stock_tar_brings_everything_back(self, saved, tmp_path):
        archive = tmp_path / "all.tar"
        saved("dump", saved.second, "/", "--target", archive)
        (tmp_path / "out").mkdir()
        done = subprocess.run(["tar", "-x", "-p", "--xattrs", "--xattrs-include=*", "-f", archive, "-C", tmp_path / "out"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        out = tmp_path / "out" / saved.source.relative_to("/")
        assert folders.differences(folders.contents(out), folders.contents(saved.source)) == {}

    def test_a_zip_holds_what_restics_holds(self, saved):
        ours = zipfile.ZipFile(io.BytesIO(saved("dump", "-a", "zip", saved.first, saved.source / "sub", text=False).stdout))
        theirs = zipfile.ZipFile(io.BytesIO(saved.restic("dump", "-a", "zip", saved.first, saved.source / "sub", text=False).stdout))
        assert ours.testzip() is None
        plain = [name for name in theirs.namelist() if "\ufffd" not in name and "non-utf8" not in name]
        assert set(plain) <= set(ours.namelist()) and plain
        for name in plain:
            assert ours.read(name) == theirs.read(name), name
            assert ours.getinfo(name).external_attr >> 16 == theirs.getinfo(name).external_attr >> 16, name
            assert ours.getinfo(name).date_time[:5] == theirs.getinfo(name).date_time[:5], name

    def test_refusals(self, saved, tmp_path):
        for args, words in (([saved.first, "/no/such"], "/no/such"), ([saved.first, saved.source / "fifo"], "neither"),
                            (["-a", "rar", saved.first, "/"], "tar and zip"),
                            ([saved.first, "/", "--target", tmp_path / "no" / "folder"], "folder")):
            assert words in saved("dump", *args, code=1).stderr, args

    def test_an_archive_is_nothing_for_a_terminal(self, saved):
        import pty
        controller, terminal = pty.openpty()
        done = subprocess.run([varve_binary(), "dump", saved.first, "/"], env=saved.env, stdout=terminal, stderr=subprocess.PIPE,
                              text=True)
        os.close(terminal)
        os.close(controller)
        assert done.returncode == 1 and "terminal" in done.stderr

    def test_damage_ends_a_dump_and_leaves_no_whole_archive(self, varve, tmp_path):
        source = tmp_path / "files"
        source.mkdir()
        (source / "file").write_bytes(random.Random(6).randbytes(6_000_000))
        new_repository(varve)
        varve.restic("backup", source, "--no-cache")
        pack = max((p for p in (varve.path / "data").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
        pack.chmod(0o600)
        data = bytearray(pack.read_bytes())
        data[-1_000_000] ^= 1
        pack.write_bytes(data)
        run = varve("dump", "latest", source / "file", code=1, text=False)
        assert pack.name[:8] in run.stderr and (source / "file").read_bytes().startswith(run.stdout)
        (tmp_path / "target").write_text("precious")
        varve("dump", "latest", source / "file", "--target", tmp_path / "target", code=1)
        assert (tmp_path / "target").read_text() == "precious" and not list(tmp_path.glob("target?*"))
        archive = varve("dump", "latest", "/", code=1, text=False)
        assert "file" in archive.stderr
        with pytest.raises(tarfile.ReadError):
            tarfile.open(fileobj=io.BytesIO(archive.stdout)).extractfile(f"{source}/file"[1:]).read()

    def test_a_reader_that_leaves_ends_it_as_it_ends_others(self, saved):
        """By SIGPIPE and without a word, as restic and cat; with an error where SIGPIPE is ignored, as cat."""
        for command, code, said in (([], -signal.SIGPIPE, b""), (["env", "--ignore-signal=PIPE"], 1, b"Broken pipe")):
            running = subprocess.Popen([*command, varve_binary(), "dump", saved.first, "/"], env=saved.env,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            running.stdout.read(1000)
            running.stdout.close()
            assert running.wait(60) == code
            err = running.stderr.read()
            assert said in err and bool(said) == bool(err)

    def test_a_target_is_replaced_by_what_is_whole(self, saved, tmp_path):
        """With its mode, through a link; a device is written into."""
        target = tmp_path / "target"
        target.write_text("old")
        target.chmod(0o640)
        (tmp_path / "link").symlink_to("target")
        saved("dump", saved.first, saved.source / "sub" / "noise", "--target", tmp_path / "link")
        assert target.read_bytes() == (saved.source / "sub" / "noise").read_bytes()
        assert stat.S_IMODE(target.stat().st_mode) == 0o640 and (tmp_path / "link").is_symlink()
        saved("dump", saved.first, "/", "--target", "/dev/null")
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
        assert "No space left" in saved("dump", saved.first, "/", "--target", "/dev/full", code=1).stderr
        assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "target"]


class TestSnapshots:
    @pytest.mark.parametrize("args", [
        [], ["--host", "alpha"], ["--tag", "daily"], ["--tag", ""], ["latest"], ["latest", "--host", "alpha"],
    ], ids=" ".join)
    def test_the_list_is_restics(self, saved, args):
        ours, theirs = both(saved, "snapshots", *args)
        assert ours == theirs

    def test_the_latest_of_each_host_and_paths(self, saved):
        """As 0.14 has it and 0.19.1 again; 0.19.0 takes the latest of all."""
        ours = json.loads(saved("snapshots", "--latest", 1, "--json").stdout)
        theirs = json.loads(saved.restic_old("snapshots", "--latest", 1, "--json").stdout)
        assert sorted(s["id"] for s in ours) == sorted(s["id"] for s in theirs) == sorted([saved.second, saved.third])

    @pytest.mark.parametrize("args", [["host"], ["host,paths"], ["tags"], ["host,paths,tags", "--latest", "1"]], ids=" ".join)
    def test_groups_are_restics(self, saved, args):
        """Their order apart, which restic leaves to chance, and that of a snapshot's tags, which restic sorts for it."""
        ours, theirs = both(saved, "snapshots", "--group-by", *args)
        for group in ours[0]:
            for snapshot in group["snapshots"]:
                if "tags" in args[0] and "tags" in snapshot:
                    snapshot["tags"].sort()
        assert sorted(ours[0], key=json.dumps) == sorted(theirs[0], key=json.dumps) and ours[0]

    def test_text(self, saved):
        table = saved("snapshots").stdout
        assert saved.first[:8] in table and "alpha" in table and "first,daily" in table and str(saved.source) in table
        assert str(saved.source) not in saved("snapshots", "--compact").stdout
        assert "host beta" in saved("snapshots", "--group-by", "host").stdout
        assert "group" in saved("snapshots", "--group-by", "colour", code=1).stderr
