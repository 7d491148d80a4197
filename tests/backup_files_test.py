"""`backup files` stores what restic's backup stores: the same chunks, the same trees, so that either goes on from the other."""
import json
import os
import random
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

from harness.tools import varve_binary
from support.runs import new_repository

IS_ROOT = os.geteuid() == 0


@pytest.fixture
def repo(varve):
    new_repository(varve)
    return varve


def set_attribute(path, name, value):
    try:
        os.setxattr(path, name, value, follow_symlinks=False)
    except OSError:
        pass  # a file system without them


def make_every_kind(root):
    """One of everything that a folder can hold."""
    root.mkdir()
    names = [b"plain", b"quote\"back\\slash", b"tab\tline\nend", b"not \xff\xfe utf8", "emoji \U0001f600 é\u00a0\u2028\u200b".encode(),
             b"<&>", b"del\x7f\x01", b"empty", "e\u0301".encode()]
    for number, name in enumerate(names):
        with open(os.path.join(os.fsencode(root), name), "wb") as file:
            file.write(b"" if name == b"empty" else name * (number + 1))
    (root / "large").write_bytes(random.Random(1).randbytes(3_500_000) + bytes(2_000_000) + b"x" * 1_500_000)
    with open(root / "sparse", "wb") as file:
        file.seek(5_000_000)
        file.write(b"end")
        file.truncate(9_000_000)
    (root / "deep" / "er").mkdir(parents=True)
    (root / "deep" / "er" / "file").write_text("deep")
    (root / "nothing in it").mkdir()
    (root / "nothing in it").chmod(0o1777)
    (root / "program").write_text("#!/bin/sh\n")
    (root / "program").chmod(0o6755)
    (root / "secret").write_text("s")
    (root / "secret").chmod(0o000)
    os.link(root / "plain", root / "deep" / "twin of plain")
    os.symlink("plain", root / "link")
    os.symlink(b"no\xff<where>", os.path.join(os.fsencode(root), b"dangling"))
    os.symlink(".", root / "deep" / "round")
    os.mkfifo(root / "pipe", 0o620)
    with socket.socket(socket.AF_UNIX) as bound:
        here = os.getcwd()
        os.chdir(root)  # such names must be short
        bound.bind("socket")
        os.chdir(here)
    set_attribute(root / "plain", "user.b", b"\x00\xffvalue")
    set_attribute(root / "plain", "user.a", b"")
    set_attribute(root / "deep", "user.folder", b"f")
    if IS_ROOT:
        os.mknod(root / "null", 0o640 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(root / "disk", 0o600 | stat.S_IFBLK, os.makedev(7, 300))
        os.chown(root / "program", 12345, 54321)
        (root / "program").chmod(0o6755)
        set_attribute(root / "link", "trusted.of.a.link", b"l")
    os.utime(root / "deep" / "er" / "file", ns=(10**18, -1_500_000_001))
    os.utime(root / "large", ns=(1, 1_750_000_000_100_000_000))
    return root


@pytest.fixture
def every_kind(tmp_path):
    return make_every_kind(tmp_path / "every kind")


def files(varve, *args, **options):
    """The summary of `backup files`."""
    return varve.json("backup", "files", *args, **options)[-1]


def restic_files(varve, *args, restic="restic", **options):
    """The summary of restic's backup."""
    return getattr(varve, restic)("backup", "--json", *args, **options).events[-1]


def snapshot_of(varve, summary):
    return next(s for s in json.loads(varve("snapshots", "--json").stdout) if s["id"] == summary["snapshot_id"])


def same_as_restic(varve, *args, ours=0, theirs=0, **options):
    """Both make the same tree of the same words, and the same paths; ours comes first, so that restic finds all its blobs."""
    first = files(varve, "--force", *args, code=ours, **options)
    second = restic_files(varve, "--force", *args, code=theirs, **options)
    assert (second["data_blobs"], second["tree_blobs"]) == (0, 0)
    first_snapshot, second_snapshot = snapshot_of(varve, first), snapshot_of(varve, second)
    assert first_snapshot["tree"] == second_snapshot["tree"]
    assert first_snapshot["paths"] == second_snapshot["paths"]
    assert first_snapshot.get("excludes") == second_snapshot.get("excludes")
    counters = ("files_new", "dirs_new", "total_files_processed", "total_bytes_processed")
    assert [first[name] for name in counters] == [second[name] for name in counters]
    return first


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", pytest.param("America/St_Johns", marks=pytest.mark.all)])
def test_trees_are_restics_byte_for_byte(repo, every_kind, zone):
    """Every kind of file, odd names, modes, times: restic finds nothing new in what varve stored."""
    summary = same_as_restic(repo, every_kind.name, cwd=every_kind.parent, env={"TZ": zone})
    assert summary["data_blobs"] > 10
    assert "no errors were found" in repo.restic("check", "--read-data").stdout
    assert repo("check", "--read-data").code == 0


def test_what_restic_stored_is_not_stored_again(repo, every_kind):
    """The other way round: a parent of restic's, every file known, nothing added."""
    where = {"cwd": every_kind.parent}
    theirs = restic_files(repo, every_kind.name, **where)
    ours = files(repo, every_kind.name, **where)
    assert ours["parent"] == theirs["snapshot_id"]
    assert (ours["data_blobs"], ours["tree_blobs"], ours["files_new"], ours["files_changed"]) == (0, 0, 0, 0)
    assert ours["files_unmodified"] == theirs["files_new"] and ours["dirs_unmodified"] == theirs["dirs_new"]
    again = restic_files(repo, every_kind.name, **where)
    assert again["files_unmodified"] == theirs["files_new"] and again["tree_blobs"] == 0
    forced = files(repo, every_kind.name, "--force", **where)
    assert (forced["data_blobs"], forced["tree_blobs"]) == (0, 0)
    assert forced["files_new"] == theirs["files_new"]


def test_times_of_access_are_kept_when_asked_for(repo, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("f")
    os.utime(tmp_path / "d" / "f", ns=(10**18 + 5, 10**18))
    summary = files(repo, tmp_path / "d", "--with-atime")
    nodes = [e for e in repo.restic("ls", "--json", summary["snapshot_id"]).events if e.get("name") == "f"]
    assert nodes[0]["atime"].startswith("2001-09-09T01:46:40.000000005") and nodes[0]["mtime"].startswith("2001-09-09T01:46:40Z")
    assert os.stat(tmp_path / "d" / "f").st_atime_ns == 10**18 + 5, "reading a file leaves no trace"


@pytest.fixture
def layout(tmp_path):
    for name in ("w/a/b/c", "w/a/d", "w/e.txt", "w/f.tmp", "x/a/g", "x/Photo.JPG"):
        (tmp_path / "l" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "l" / name).write_text(name)
    os.symlink("w", tmp_path / "l" / "to w")
    return tmp_path / "l"


LAYOUTS = [["."], ["a"], ["a/b/c"], ["../x"], [".."], ["a", "a/b/c"], ["a/b", "a", "e.txt"], ["../x/a", "a"], ["../w/../x/a", "./a/"],
           ["a", "a"], ["../to w"], ["../to w/a"]]


@pytest.mark.parametrize("words", LAYOUTS[:4] + [pytest.param(words, marks=pytest.mark.all) for words in LAYOUTS[4:]], ids=" ".join)
def test_paths_lie_in_the_tree_as_with_restic(repo, layout, words):
    same_as_restic(repo, *words, cwd=layout / "w")


def test_absolute_paths_too(repo):
    """Below folders that nobody changes meanwhile."""
    same_as_restic(repo, "/etc/alternatives", "/usr/share/common-licenses", "/etc/alternatives/../hostname")


RULES = [
    ["--exclude", "*.tmp"],
    ["--exclude", "/l"],
    ["-e", "a/**/c", "-e", "*.t??"],
    ["-e", "*", "-e", "!w", "-e", "!e.txt"],
    ["--iexclude", "*.jpg", "--exclude", "b"],
    ["--exclude-larger-than", "5"],
]


@pytest.mark.parametrize("rules", RULES[:2] + [pytest.param(rule, marks=pytest.mark.all) for rule in RULES[2:]], ids=" ".join)
def test_rules_leave_out_what_restics_leave_out(repo, layout, rules):
    same_as_restic(repo, *rules, ".", cwd=layout)


def test_rules_come_from_files_too(repo, layout, tmp_path):
    (tmp_path / "rules").write_text("# comment\n\n  *.tmp \n$HOME/l/x\n${KIND}.txt\n")
    (tmp_path / "folded").write_bytes(b"\xef\xbb\xbfE.TX?\n")
    (layout / "w" / "a" / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n")
    (layout / "w" / "a" / "b" / ".skip").write_text("yes it is")
    same_as_restic(repo, "--exclude-file", tmp_path / "rules", "--iexclude-file", tmp_path / "folded", "--exclude-caches", ".",
                   cwd=layout, env={"KIND": "e"})
    same_as_restic(repo, "--exclude-if-present", ".skip:yes", ".", cwd=layout)
    same_as_restic(repo, "--exclude-if-present", ".skip:no", ".", cwd=layout)


def test_paths_come_from_lists(repo, layout, tmp_path):
    (tmp_path / "patterns").write_text("# comment\n*/[ab]\n  ?/*.txt \n")
    (tmp_path / "verbatim").write_text("x/Photo.JPG\n\nw/f.tmp\n")
    (tmp_path / "raw").write_bytes(b"w/a/d\0x/a\0")
    for option, name in (("--files-from", "patterns"), ("--files-from-verbatim", "verbatim"), ("--files-from-raw", "raw")):
        same_as_restic(repo, option, tmp_path / name, cwd=layout)
    (tmp_path / "raw").write_bytes(b"w/a/d")
    assert "zero byte" in repo("backup", "files", "--files-from-raw", tmp_path / "raw", code=1, cwd=layout).stderr
    assert "no files or folders" in repo("backup", "files", code=1).stderr


@pytest.mark.all
@pytest.mark.skipif(not IS_ROOT, reason="mounting a file system needs root")
def test_other_file_systems_can_be_left_out(repo, layout):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "varve-test", layout / "x" / "a"], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs here: {mounted.stderr.strip()}")
    try:
        (layout / "x" / "a" / "elsewhere").write_text("elsewhere")
        same_as_restic(repo, "--one-file-system", "x", cwd=layout)
        same_as_restic(repo, "-x", "w", "x", "x/a", cwd=layout)
    finally:
        subprocess.run(["umount", layout / "x" / "a"], check=True)


def state_of(root):
    """Everything about a folder that a backup keeps."""
    state = {}
    links = {}
    for folder, folders, names in os.walk(os.fsencode(root)):
        for name in [b"."] + folders + names:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            if stat.S_ISSOCK(info.st_mode):
                continue
            kept = [info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns]
            if stat.S_ISLNK(info.st_mode):
                kept.append(os.readlink(path))
            if stat.S_ISREG(info.st_mode):
                kept += [info.st_nlink, Path(os.fsdecode(path)).read_bytes()]
                if info.st_nlink > 1:
                    kept.append(links.setdefault(info.st_ino, os.path.relpath(path, os.fsencode(root))))
            if stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
                kept.append(info.st_rdev)
            kept += [(key, os.getxattr(path, key, follow_symlinks=False)) for key in os.listxattr(path, follow_symlinks=False)]
            state[os.path.relpath(path, os.fsencode(root))] = kept
    return state


@pytest.mark.parametrize("restic", ["restic", "restic_old"])
def test_restic_restores_what_varve_stored(repo, every_kind, tmp_path, restic):
    """Content and all that is kept about files, links among them, with 0.14 and 0.19."""
    if restic == "restic_old":  # it knows no targets that are not UTF-8, and sets no attributes of links
        os.unlink(os.path.join(os.fsencode(every_kind), b"dangling"))
        for name in os.listxattr(every_kind / "link", follow_symlinks=False):
            os.removexattr(every_kind / "link", name, follow_symlinks=False)
    if not IS_ROOT:
        (every_kind / "secret").chmod(0o400)
    files(repo, every_kind)
    getattr(repo, restic)("restore", "latest", "--target", tmp_path / "out", "--verify")
    before, after = state_of(every_kind), state_of(tmp_path / "out" / every_kind.relative_to("/"))
    assert before.keys() == after.keys()
    for name in before:
        assert before[name] == after[name], name


def test_chunks_are_those_of_restic_014_too(repo, tmp_path):
    (tmp_path / "f").write_bytes(random.Random(3).randbytes(9_000_000))
    theirs = restic_files(repo, tmp_path / "f", restic="restic_old")
    ours = files(repo, tmp_path / "f", "--force")
    assert theirs["data_blobs"] > 3 and ours["data_blobs"] == 0


def test_an_unchanged_folder_is_not_read(repo, every_kind):
    where = {"cwd": every_kind.parent}  # the folders above, which others change, are no part of it
    first = files(repo, every_kind.name, **where)
    second = files(repo, every_kind.name, "--skip-if-unchanged", **where)
    assert second["files_unmodified"] == first["files_new"] and second["files_new"] == second["files_changed"] == 0
    assert second["data_added"] == 0 and second["snapshot_id"] is None and second["parent"] == first["snapshot_id"]
    with open(every_kind / "plain", "ab") as file:
        file.write(b"more")
    third = files(repo, every_kind.name, "--skip-if-unchanged", **where)
    assert third["files_changed"] == 2, "the file and its hard link"
    assert third["files_unmodified"] == first["files_new"] - 2 and third["data_blobs"] == 1


def test_what_cannot_be_read_is_named(repo, tmp_path):
    """The rest is saved; exit 3, in text and JSON."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "fine").write_text("fine")
    words = ["backup", "files", tmp_path / "d", "/proc/self/mem", tmp_path / "missing"]
    said = repo(*words, code=3)
    assert "/proc/self/mem: " in said.stderr and f"{tmp_path}/missing: it does not exist" in said.stderr
    assert "incomplete: /proc/self/mem" in said.stdout and "saved" in said.stdout
    run = repo(*words, "--json", code=3)
    errors = [json.loads(line) for line in run.stderr.splitlines()]
    assert [(e["message_type"], e["during"], e["item"]) for e in errors] == \
        [("error", "archival", f"{tmp_path}/missing"), ("error", "archival", "/proc/self/mem")]
    assert all(e["error"]["message"] for e in errors)
    summary = run.events[-1]
    assert (summary["result"], summary["exit_code"], summary["error_count"]) == ("incomplete", 3, 2)
    assert [s["what"] for s in summary["skipped"]] == [f"{tmp_path}/missing", "/proc/self/mem"]
    assert f"{tmp_path}/d/fine" in repo("ls", "latest").stdout
    assert "no errors were found" in repo.restic("check", "--read-data").stdout


@pytest.mark.skipif(not IS_ROOT, reason="becoming another user needs root")
def test_what_one_may_not_read_is_named(repo, tmp_path):
    """Of another user: a file and a folder."""
    tmp_path.chmod(0o755)
    (tmp_path / "d" / "closed").mkdir(parents=True)
    for name in ("fine", "secret", "closed/inside"):
        (tmp_path / "d" / name).write_text(name)
    (tmp_path / "d" / "secret").chmod(0o600)
    (tmp_path / "d" / "closed").chmod(0o700)
    everyone = lambda path: [p.chmod(0o777 if p.is_dir() else 0o666) for p in (path, *path.rglob("*"))]
    everyone(repo.path)
    repo.password_file.chmod(0o644)
    if subprocess.run(["ls", tmp_path / "d"], user=65534, group=65534, extra_groups=[], capture_output=True).returncode:
        pytest.skip("nobody may not come here")
    run = subprocess.run([varve_binary(), "backup", "files", tmp_path / "d", "--json"], env=repo.env, user=65534, group=65534,
                         extra_groups=[], capture_output=True, text=True)
    assert run.returncode == 3, run
    summary = json.loads(run.stdout.splitlines()[-1])
    assert {s["what"] for s in summary["skipped"]} == {f"{tmp_path}/d/secret", f"{tmp_path}/d/closed"}
    assert all("Permission denied" in s["reason"] for s in summary["skipped"])
    assert summary["files_new"] == 1


def test_nothing_to_back_up_is_an_error(repo, tmp_path):
    assert "exists" in repo("backup", "files", tmp_path / "missing", code=1).stderr
    assert "excluded" in repo("backup", "files", ".", "-e", "*", code=1, cwd=tmp_path).stderr
    assert json.loads(repo("snapshots", "--json").stdout) == []
    assert not list((repo.path / "locks").iterdir())


def test_words_that_mean_nothing_are_refused(repo, tmp_path):
    def said(*args):
        return repo("backup", *args, code=1).stderr
    assert "backup files PATH" in said(tmp_path)
    assert "backup files PATH" in said("/etc", "--source", "x")
    assert "--source is nothing that `backup files` takes" in said("--source", "x", "files", tmp_path)
    assert "--source is nothing that `backup files` takes" in said("files", tmp_path, "--source", "x")
    assert "--exclude-larger-than" in said("files", tmp_path, "--exclude-larger-than", "5 apples")
    assert "not a pattern" in said("files", tmp_path, "-e", "[a")
    for when in ("yesterday", "2026-02-30 10:15:02"):
        assert "is no time" in said("files", tmp_path, "--time", when)
    assert "4 to 128" in said("files", tmp_path, "--pack-size", "1")
    assert "no snapshot" in said("files", tmp_path, "--parent", "1234abcd")
    assert "no MongoDB URI" in said("mongodb", "nonsense")
    assert json.loads(repo("snapshots", "--json").stdout) == []


def test_a_dry_run_stores_nothing(repo, every_kind):
    before = sorted(repo.path.rglob("*"))
    here = every_kind.name  # of an absolute path the folders above are saved too, and others change those
    summary = files(repo, here, "--dry-run", cwd=every_kind.parent)
    assert summary["dry_run"] and summary["snapshot_id"] is None and summary["data_blobs"] > 10
    assert sorted(repo.path.rglob("*")) == before
    real = files(repo, here, cwd=every_kind.parent)
    assert all(real[name] == summary[name] for name in ("data_blobs", "tree_blobs", "data_added", "files_new", "dirs_new"))


def test_a_snapshot_says_what_it_was_told(repo, layout):
    words = ["--tag", "a,b", "--tag", "c", "--host", "elsewhere", "--time", "2025-03-04 05:06:07"]
    env = {"TZ": "Europe/Berlin"}
    first = files(repo, layout.name, *words, env=env, cwd=layout.parent)
    second = restic_files(repo, layout.name, "--force", *words, env=env, cwd=layout.parent)
    by_id = {s["id"]: s for s in json.loads(repo.restic("snapshots", "--json").stdout)}  # of one time, so in no order
    ours, theirs = by_id[first["snapshot_id"]], by_id[second["snapshot_id"]]
    for key in ("time", "tree", "paths", "hostname", "username", "tags"):
        assert ours[key] == theirs[key], key
    assert ours.get("uid") == theirs.get("uid") and ours["program_version"].startswith("varve ")
    assert ours["summary"].keys() == theirs["summary"].keys()
    for key in ("files_new", "dirs_new", "data_blobs", "tree_blobs", "total_files_processed", "total_bytes_processed"):
        if key.endswith("_blobs"):
            continue  # restic found ours
        assert ours["summary"][key] == theirs["summary"][key], key


def test_json_has_what_restics_has(repo, every_kind):
    theirs = restic_files(repo, every_kind)
    ours = files(repo, every_kind, "--force")
    assert theirs.keys() <= ours.keys()
    assert {key: type(ours[key]) for key in theirs} == {key: type(theirs[key]) for key in theirs}
    assert (ours["result"], ours["exit_code"], ours["skipped"]) == ("complete", 0, [])


def noise(folder, count, size=4_000_000, seed=5):
    folder.mkdir()
    source = random.Random(seed)
    for number in range(count):
        (folder / f"noise {number}").write_bytes(source.randbytes(size))
    return folder


def packs(repo):
    return sum(1 for path in (repo.path / "data").rglob("*") if len(path.name) == 64)


def until_packs(repo, process, count):
    while packs(repo) < count:
        assert process.poll() is None, "it ended before it could be interrupted"
        time.sleep(0.002)


@pytest.mark.parametrize("word", [None, "--quiet", "--json"])
def test_a_signal_asks_for_the_status(repo, word, tmp_path):
    """As of restic: SIGUSR1 ends nothing and is answered at once."""
    go = tmp_path / "go"
    stream = f"head -c 3000000 /dev/zero; while [ ! -e {go} ]; do sleep 0.1; done; head -c 3000000 /dev/zero"
    args = ["--command", "--", "sh", "-c", stream]
    process = repo.start("backup", "stdin", "--name", "x", *([word] if word else []), *args)
    deadline = time.monotonic() + 30
    while not list((repo.path / "locks").iterdir()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(1)
    for _ in range(3):
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.1)
    go.touch()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    if word == "--json":
        assert any(json.loads(line)["message_type"] == "status" for line in out.splitlines())
    else:
        assert sum("MiB/s" in line or "B/s" in line for line in err.splitlines()) >= 1, err
    assert not list((repo.path / "locks").iterdir())
    assert "no errors were found" in repo.restic("check", "--read-data").stdout


@pytest.mark.parametrize("number", [signal.SIGKILL, *(pytest.param(number, marks=pytest.mark.all) for number in (signal.SIGINT, signal.SIGTERM))])
def test_an_interrupted_backup_harms_nothing(repo, tmp_path, number):
    """Killed: the lock is stale, nothing is damaged. Stopped: exit 130 and no lock. The next run goes on from what is there."""
    small = noise(tmp_path / "small", 2, size=1000)
    before = files(repo, small)
    source = noise(tmp_path / "d", 40)
    count = packs(repo)
    process = repo.start("backup", "files", source, "--json", "--pack-size", 4, "--read-concurrency", 1)
    until_packs(repo, process, count + 2)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130 and json.loads(err.splitlines()[-1])["code"] == 130
        assert not list((repo.path / "locks").iterdir())
    repo.restic("unlock")
    assert "no errors were found" in repo.restic("check", "--read-data").stdout
    assert [s["id"] for s in json.loads(repo("snapshots", "--json").stdout)] == [before["snapshot_id"]]
    after = files(repo, source)
    assert after["files_new"] == 40
    assert "no errors were found" in repo.restic("check", "--read-data").stdout
    repo("prune", "--max-unused", 0)
    assert "no errors were found" in repo.restic("check", "--read-data").stdout
    for summary, folder in ((before, small), (after, source)):
        repo.restic("restore", summary["snapshot_id"], "--target", tmp_path / "out", "--verify")
        assert state_of(folder) == state_of(tmp_path / "out" / folder.relative_to("/"))


@pytest.mark.all
@pytest.mark.skipif(not IS_ROOT, reason="mounting a small file system needs root")
def test_a_full_disk(repo, tmp_path):
    small = tmp_path / "mounted"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "varve-test", small], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs here: {mounted.stderr.strip()}")
    env = {"RESTIC_REPOSITORY": str(small / "repo")}
    try:
        repo("init", env=env)
        first = files(repo, noise(tmp_path / "first", 1, size=1_000_000), env=env)
        source = noise(tmp_path / "d", 6)
        assert "No space left on device" in repo("backup", "files", source, env=env, code=1).stderr
        assert [s["id"] for s in json.loads(repo("snapshots", "--json", env=env).stdout)] == [first["snapshot_id"]]
        assert not list((small / "repo" / "locks").iterdir())
        subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
        assert files(repo, source, env=env)["files_new"] == 6
        assert "no errors were found" in repo.restic("check", "--read-data", env=env).stdout
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_stream_is_stored_as_restic_stores_it(repo, tmp_path):
    data = random.Random(7).randbytes(5_000_000)
    when = ["--time", "2025-03-04 05:06:07"]
    ours = repo.json("backup", "stdin", "--name", "dumps/all.sql", *when, input=data)[-1]
    theirs = restic_files(repo, "--stdin", "--stdin-filename", "dumps/all.sql", *when, input=data)
    assert snapshot_of(repo, ours)["tree"] == snapshot_of(repo, theirs)["tree"]
    assert snapshot_of(repo, ours)["paths"] == snapshot_of(repo, theirs)["paths"] == ["/dumps/all.sql"]
    assert (theirs["data_blobs"], theirs["tree_blobs"]) == (0, 0)
    assert repo.restic("dump", ours["snapshot_id"], "/dumps/all.sql", text=False).stdout == data
    assert ours["total_bytes_processed"] == len(data)


def test_a_command_is_backed_up(repo):
    run = repo("backup", "stdin", "--name", "x", "--json", "--command", "--", "sh", "-c", "echo out; echo a message >&2")
    assert run.events[-1]["snapshot_id"] and "a message" in run.stderr
    assert repo.restic("dump", "latest", "/x").stdout == "out\n"
    repo("backup", "stdin", "--stdin-from-command", "--", "echo", "files", "--", "--tag", "--", "x")
    assert repo.restic("dump", "latest", "/stdin").stdout == "files -- --tag -- x\n"


@pytest.mark.parametrize("json_too", [[], ["--json"]], ids=["text", "json"])
def test_a_lock_that_cannot_be_removed_hides_no_snapshot(repo, json_too):
    """A folder in its place cannot be unlinked."""
    script = f"cd {repo.path}/locks; for lock in *; do rm -f $lock; mkdir $lock; done; echo content"
    done = repo("backup", "stdin", "--name", "x", *json_too, "--command", "--", "sh", "-c", script, code=3)
    snapshot = json.loads(repo("snapshots", "--json", "--no-lock").stdout)[0]
    if json_too:
        assert (done.events[-1]["snapshot_id"], done.events[-1]["exit_code"]) == (snapshot["id"], 3)
        assert "cannot remove our lock" in done.events[-2]["message"]
    else:
        assert snapshot["short_id"] in done.stdout
        assert done.stderr.startswith("warning: cannot remove our lock") and "varve unlock" in done.stderr


@pytest.mark.parametrize("script, said", [("echo half; exit 3", "the command sh failed with status 3"),
                                          ("echo half; kill -TERM $$", "the command sh was ended by signal 15"),
                                          ("true", "ended without a byte")])
def test_a_failed_command_makes_no_snapshot_of(repo, script, said):
    assert said in repo("backup", "stdin", "--name", "x", "--command", "--", "sh", "-c", script, code=1).stderr
    assert json.loads(repo("snapshots", "--json").stdout) == []
    assert not list((repo.path / "locks").iterdir())


def test_a_command_is_judged_where_childrens_ends_are_ignored(repo):
    """Some that start programs ignore SIGCHLD, and it is inherited."""
    deaf = ["env", "--ignore-signal=CHLD", varve_binary(), "backup", "stdin", "--name", "x", "--command", "--", "sh", "-c"]
    assert "failed with status 3" in repo.run(*deaf, "echo half; exit 3", code=1).stderr
    assert json.loads(repo("snapshots", "--json").stdout) == []
    repo.run(*deaf, "echo whole")
    assert repo.restic("dump", "latest", "/x").stdout == "whole\n"


def test_words_after_stdin_are_refused_unless_they_are_a_command(repo):
    assert "what is 'cat'" in repo("backup", "stdin", "cat", code=1).stderr
    assert "needs a command" in repo("backup", "stdin", "--command", code=1).stderr
    assert "cannot run" in repo("backup", "stdin", "--command", "--", "/no/such/program", code=1).stderr


def test_a_stopped_stream_backup_ends_its_command(repo, tmp_path):
    process = repo.start("backup", "stdin", "--name", "x", "--command", "--", "sh", "-c",
                         f"echo $$ > {tmp_path}/pid; while :; do echo more; sleep 0.01; done")
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
    assert json.loads(repo("snapshots", "--json").stdout) == []
    assert not list((repo.path / "locks").iterdir())


def test_a_file_may_grow_and_go_while_it_is_read(repo, tmp_path):
    """Whatever others do to the files meanwhile, what is stored is sound."""
    source = noise(tmp_path / "d", 6, size=1_000_000)
    script = f"while :; do for f in {source}/*; do echo more >> \"$f\"; done 2>/dev/null; rm -f {source}/x; echo y > {source}/x; done"
    meanwhile = subprocess.Popen(["sh", "-c", script], start_new_session=True)
    try:
        for _ in range(5):
            repo("backup", "files", source, code=(0, 3))
    finally:
        os.killpg(meanwhile.pid, signal.SIGKILL)
        meanwhile.wait()
    assert "no errors were found" in repo.restic("check", "--read-data").stdout
    repo.restic("restore", "latest", "--target", tmp_path / "out", "--verify")
