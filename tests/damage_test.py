"""Damage of every kind to every kind of file: check names it and what it affects, nothing gives wrong bytes, and what check
advises brings back what can be had, by stock restic's judgement too."""
import filecmp
import hashlib
import json
import os
import shutil

import pytest

from harness.tools import Varve
from support.runs import back_up, export, new_repository
from support.sealed import Sealer

KINDS = ("index", "snapshots", "data pack", "tree pack")
DAMAGES = ("flip begin", "flip middle", "flip end", "truncate", "empty", "delete", "swap")
QUICK = {("index", "flip middle"), ("snapshots", "truncate"), ("data pack", "flip begin"), ("tree pack", "delete")}
MATRIX = [pytest.param(kind, damage, marks=() if (kind, damage) in QUICK else pytest.mark.all)
          for kind in KINDS for damage in DAMAGES]


@pytest.fixture(scope="module")
def sound(rs6, tmp_path_factory):
    """Two backups of two collections, and what each exports."""
    varve = Varve(tmp_path_factory.mktemp("sound"))
    with rs6.client() as client:
        client.drop_database("t_damage")
        db = client.t_damage
        db.orders.insert_many([{"_id": i, "note": "o" * (i % 50)} for i in range(3000)])
        db["odd name"].insert_many([{"_id": i, "blob": os.urandom(500)} for i in range(600)])
        back_up(varve, rs6, "--ns-include", "t_damage.*")
        db.orders.insert_one({"_id": 3000})
        back_up(varve, rs6, "--ns-include", "t_damage.*")
        client.drop_database("t_damage")
    for snapshot in snapshots(varve):
        export(varve, "export-" + snapshot["id"], snapshot["id"])
    return varve


@pytest.fixture
def broken(sound, tmp_path):
    """A copy to be damaged."""
    varve = Varve(tmp_path)
    shutil.copytree(sound.path, varve.path)
    return varve


def snapshots(varve):
    return json.loads(varve("snapshots", "--json").stdout)


def files_of(varve, kind):
    """The files of a kind, the one that is to be damaged first: that with most in it."""
    if not kind.endswith("pack"):
        folder = varve.path / kind
        return sorted(folder.iterdir(), key=lambda f: -f.stat().st_size)
    packs = {}
    for index in (varve.path / "index").iterdir():
        for pack in json.loads(varve.restic("cat", "index", index.name).stdout)["packs"]:
            packs[pack["id"]] = pack["blobs"][0]["type"]
    wanted = kind.removesuffix(" pack")
    return sorted((varve.path / "data" / i[:2] / i for i, type_ in packs.items() if type_ == wanted),
                  key=lambda f: -f.stat().st_size)


def rewrite(path, content):
    path.unlink()
    path.write_bytes(content)


def damage(files, how):
    """Damages the first of the files; gives those that are not as they were."""
    path, content = files[0], files[0].read_bytes()
    if how.startswith("flip"):
        at = {"begin": 20, "middle": len(content) // 2, "end": len(content) - 1}[how.removeprefix("flip ")]
        rewrite(path, content[:at] + bytes([content[at] ^ 4]) + content[at + 1:])
    elif how == "truncate":
        rewrite(path, content[:len(content) * 2 // 3])
    elif how == "empty":
        rewrite(path, b"")
    elif how == "delete":
        path.unlink()
    elif how == "swap":
        other = files[1].read_bytes()
        rewrite(files[1], content)
        rewrite(path, other)
        return files[:2]
    return [path]


def follow_the_advice(varve):
    """What check's summary says to do, until it is content."""
    for _ in range(4):
        summary = varve.json("check", "--read-data", code=(0, 1))[-1]
        if summary["exit_code"] == 0:
            return
        if summary["suggest_repair_index"]:
            varve("repair", "index", code=(0, 3))  # a damaged pack is named too
        elif summary["broken_packs"]:
            told_of(varve, "repair", "packs", *summary["broken_packs"])
        elif summary["broken_snapshots"]:
            told_of(varve, "repair", "snapshots", "--forget", *summary["broken_snapshots"])
        else:
            told_of(varve, "repair", "snapshots", "--forget")
    varve("check", "--read-data")


def told_of(varve, *repair, code=(0, 3)):
    """A repair that loses something says what, and is not complete."""
    summary = varve.json(*repair, cwd=varve.folder, code=code)[-1]
    lost = summary.get("blobs_lost", 0) or summary.get("missing_packs") or any(
        s["outcome"] in ("removed", "irreparable") or any("recorded size" not in change for change in s["changes"])
        for s in summary.get("snapshots", []))
    assert bool(summary["skipped"]) == bool(lost), summary
    assert (summary["exit_code"], summary["result"]) == ((3, "incomplete") if lost else (0, "complete"))
    return summary


def exports_right_or_says_so(varve, sound):
    """Exports every snapshot: the same bytes as before the damage, or an error; of a repaired one also what is left, if what is
    missing is named. How many were right."""
    right = 0
    for number, snapshot in enumerate(snapshots(varve)):
        out = varve.folder / f"out-{number}"
        shutil.rmtree(out, ignore_errors=True)
        done = varve("export", snapshot["id"], "--out", out, code=None)
        if done.code:
            told = "warning: " if done.code == 3 and "original" in snapshot else "error: "
            assert done.code in (1, 3) and told in done.stderr, done
            continue
        same(sound.folder / ("export-" + snapshot.get("original", snapshot["id"])), out)
        right += 1
    return right


def same(one, other):
    seen = filecmp.dircmp(one, other)
    assert not seen.left_only and not seen.right_only, (seen.left_only, seen.right_only)
    for name in seen.common_files:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    for name in seen.common_dirs:
        same(one / name, other / name)


@pytest.mark.parametrize("kind, how", MATRIX)
def test_damage_is_named_never_given_out_and_repaired(broken, sound, kind, how):
    hurt = damage(files_of(broken, kind), how)
    gone_snapshot = kind == "snapshots" and how == "delete"  # nobody can know of it
    found = broken("check", "--read-data", code=0 if gone_snapshot else 1)
    if not gone_snapshot:
        names = [path.name[:8] for path in hurt]
        if (kind, how) == ("index", "delete"):  # what it said is missed
            names = ["is in no index"]
        assert all(name in found.stdout for name in names), found
        assert "damage: " in found.stdout
    if kind.endswith("pack") and how != "flip end":  # at the end is the header, which reading does not need
        assert "affects snapshot" in found.stdout and ".bson" not in found.stdout, found
    if kind == "data pack" and how in ("truncate", "delete", "empty", "swap"):
        assert "collection t_damage.o" in found.stdout, found

    listable = kind != "snapshots"
    if listable:
        exports_right_or_says_so(broken, sound)
    follow_the_advice(broken)
    right = exports_right_or_says_so(broken, sound)
    if kind == "snapshots":
        assert right == (0 if how == "swap" else 1)
    elif kind == "index" or how == "flip end":
        assert right == 2  # nothing was lost with it
    broken.restic("check", "--read-data")
    broken.restic_old("check", "--read-data")


@pytest.mark.parametrize("how", ["flip begin", "delete", *(pytest.param(how, marks=pytest.mark.all) for how in ("truncate", "empty"))])
def test_a_damaged_key_keeps_its_password_out_and_nobody_else(broken, how):
    """The only key: nothing opens, and the error says why. With another, check names the damaged one."""
    keys = files_of(broken, "keys")
    (broken.folder / "second").write_text("another")
    broken.restic("key", "add", "--new-password-file", broken.folder / "second")
    damage(keys, how)
    failed = broken("check", code=(1, 12))
    assert keys[0].name[:8] in failed.stderr or how == "delete", failed
    env = {"RESTIC_PASSWORD_FILE": str(broken.folder / "second")}
    checked = broken("check", code=0 if how == "delete" else 1, env=env)
    assert how == "delete" or f"key {keys[0].name[:8]}" in checked.stdout


@pytest.mark.parametrize("how, code", [("flip middle", 1), ("truncate", 1), ("empty", 1), ("delete", 10)])
def test_without_its_config_nothing_opens(broken, how, code):
    damage([broken.path / "config"], how)
    for command in (("check",), ("snapshots",), ("repair", "index")):
        assert "config" in broken(*command, code=code).stderr or how == "delete"


def test_swapped_keys_open_nothing_and_are_named(broken):
    (broken.folder / "second").write_text("another")
    broken.restic("key", "add", "--new-password-file", broken.folder / "second")
    keys = files_of(broken, "keys")
    damage(keys, "swap")
    for env in ({}, {"RESTIC_PASSWORD_FILE": str(broken.folder / "second")}):
        failed = broken("check", code=12, env=env)
        assert all(key.name[:8] in failed.stderr for key in keys)


@pytest.fixture
def stranger(tmp_path):
    """A repository with the same password and another master key."""
    (tmp_path / "stranger").mkdir()
    varve = Varve(tmp_path / "stranger")
    varve.restic("init")
    return varve


def test_a_config_of_another_repository_opens_nothing(broken, stranger):
    rewrite(broken.path / "config", (stranger.path / "config").read_bytes())
    for command in (("check",), ("snapshots",)):
        assert "config" in broken(*command, code=1).stderr


def test_a_key_of_another_repository_keeps_nobody_out(broken, stranger):
    shutil.copy(files_of(stranger, "keys")[0], broken.path / "keys")
    assert len(snapshots(broken)) == 2
    broken("check")


@pytest.mark.all
@pytest.mark.parametrize("of_another", [False, True])
def test_a_damaged_lock_keeps_out_until_it_is_removed(broken, stranger, of_another):
    """Nobody can tell whom it excludes."""
    if of_another:
        lock = Sealer(stranger).lock("elsewhere", exclusive=True)
        lock.rename(broken.path / "locks" / lock.name)
        name = lock.name
    else:
        name = "ab" * 32
        (broken.path / "locks" / name).write_bytes(b"\x00" * 100)
    refused = broken("check", code=11)
    assert name[:8] in refused.stderr and "unlock --remove-all" in refused.stderr
    broken("unlock", "--remove-all")
    broken("check")


def tree_ids(varve):
    return sorted(s["tree"] for s in snapshots(varve))


@pytest.fixture
def folders(tmp_path):
    """A repository that stock restic wrote, of two snapshots of a folder, its packs small."""
    varve = Varve(tmp_path)
    new_repository(varve)
    source = tmp_path / "source"
    for name in ("a/one", "a/two", "a/b/three", "c/four", "c/d/e/five"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(os.urandom(900_000))
    (source / "c" / "empty").touch()
    (source / "c" / "link").symlink_to("four")
    varve.restic("backup", source, env={"TZ": "America/St_Johns"})
    (source / "a" / "six").write_bytes(os.urandom(100_000))
    varve.restic_old("backup", source, env={"TZ": "Asia/Kathmandu"})
    return varve


@pytest.mark.parametrize("kind, how", [("data pack", "flip middle"), pytest.param("data pack", "delete", marks=pytest.mark.all),
                                       pytest.param("data pack", "truncate", marks=pytest.mark.all),
                                       pytest.param("tree pack", "flip begin", marks=pytest.mark.all)])
def test_repaired_snapshots_have_the_trees_that_restic_makes(folders, kind, how):
    """The same damage, repaired by restic and by varve: the same tree ids, though time zones and versions differ."""
    path = damage(files_of(folders, kind), how)[0]
    (folders.folder / "theirs").mkdir()
    theirs = Varve(folders.folder / "theirs")
    shutil.copytree(folders.path, theirs.path)
    if how == "delete":
        theirs.restic("repair", "index")
        assert path.name in told_of(folders, "repair", "index", code=3)["skipped"][0]["what"]
    else:
        theirs.restic("repair", "packs", path.name, cwd=theirs.folder)
        told_of(folders, "repair", "packs", path.name[:12].upper(), code=3)
    theirs.restic("repair", "snapshots", "--forget")
    told_of(folders, "repair", "snapshots", "--forget", code=3)
    assert tree_ids(folders) == tree_ids(theirs)
    for repository in (folders, theirs):
        repository("check", "--read-data")
        repository.restic("check", "--read-data")
        repository.restic_old("check", "--read-data")


def test_a_pack_that_nobody_knows_is_not_repaired(folders):
    """Neither stored nor indexed: it must not be called repaired."""
    before = sorted(folders.path.rglob("*"))
    refused = folders("repair", "packs", "ab" * 32, code=1, cwd=folders.folder)
    assert "ab" * 32 in refused.stderr
    assert "abcd" in folders("repair", "packs", "abcdef012345", code=1, cwd=folders.folder).stderr
    assert sorted(folders.path.rglob("*")) == before


def test_what_no_index_names_is_not_said_to_be_read(folders):
    """As an interrupted backup leaves it."""
    assert "no damage: every byte was read" in folders("check", "--read-data").stdout.splitlines()
    content = os.urandom(1000)
    name = hashlib.sha256(content).hexdigest()
    (folders.path / "data" / name[:2] / name).write_bytes(content)
    checked = folders("check", "--read-data", "--no-lock").stdout
    assert "no damage: every byte that the index names was read" in checked and name[:8] in checked
    assert "no damage: every byte was read" not in checked.splitlines()
    assert folders.json("check", "--read-data")[-1]["unindexed_packs"] == 1


def test_a_part_of_the_data(folders):
    """--read-data-subset as restic means it."""
    packs = [p for p in (folders.path / "data").rglob("*") if p.is_file()]
    read = [folders.json("check", "--read-data-subset", f"{n}/3")[-1]["packs_read"] for n in (1, 2, 3)]
    assert sum(read) == len(packs)
    assert read[0] == sum(int(p.name[:2], 16) % 3 == 0 for p in packs)
    assert folders.json("check", "--read-data-subset", "1%")[-1]["packs_read"] == 1
    assert folders.json("check", "--read-data-subset", "50G")[-1]["packs_read"] == len(packs)
    assert folders.json("check", "--read-data-subset", "1K")[-1]["packs_read"] == 1
    for bad in ("0/3", "4/3", "1/257", "0%", "101%", "-5%", "x", "5X", "0", "", "1/2/3"):
        if bad:
            refused = folders("check", "--read-data-subset", bad, code=1).stderr
            assert bad in refused and "1/5" in refused
    assert folders("check", "--read-data", "--read-data-subset", "1/2", code=1).stderr.startswith("error: ")


def test_only_some_snapshots(folders):
    """What the others have lost is not looked for, as restic 0.19 does it."""
    first, second = (s["id"] for s in snapshots(folders))
    six = next(p for p in files_of(folders, "data pack") if p.stat().st_size < 200_000)
    six.unlink()
    every = folders.json("check", "--read-data", code=1)[-1]
    assert every["snapshots"] == 2 and every["broken_packs"] == [six.name]
    affected = [e for e in folders.json("check", second[:8], code=1) if e["message_type"] == "error"]
    assert affected[0]["snapshots"] == [second] and affected[0]["affects"][0].endswith("/source/a/six")
    limited = folders.json("check", first, "--read-data", code=1)[-1]  # the missing pack is an error for all
    assert limited["snapshots"] == 1 and limited["packs_read"] < every["packs_read"] + 1
    assert folders.json("check", "--host", "nobody", code=1)[-1]["snapshots"] == 0
    assert "deadbeef" in folders("check", "deadbeef", code=1).stderr
    theirs = json.loads(folders.restic("check", "--json", code=1).stdout.splitlines()[-1])
    assert theirs.keys() <= every.keys()
    assert all(every[key] == theirs[key] for key in ("message_type", "suggest_repair_index", "suggest_prune"))


@pytest.mark.all
def test_repairs_of_a_repository_of_format_1(varve, tmp_path):
    """Made by stock restic, without compression; every repair of ours leaves what it takes for sound."""
    varve.restic("init", "--repository-version", 1)
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(3):
        (folder / f"file {number}").write_bytes(os.urandom(300_000))
        varve.restic("backup", folder)
    for index in list((varve.path / "index").iterdir())[:2]:
        index.unlink()
    assert varve("check", code=1)
    varve("repair", "index")
    assert "no errors were found" in varve.restic("check", "--read-data").stdout
    pack = files_of(varve, "data pack")[0]
    pack.chmod(0o600)
    content = bytearray(pack.read_bytes())
    content[100] ^= 1
    pack.write_bytes(content)
    assert varve("check", "--read-data", code=1)
    assert "1 lost" in varve("repair", "packs", pack.name, cwd=tmp_path, code=3).stdout
    varve("repair", "snapshots", "--forget", code=(0, 3))
    varve("prune", "--max-unused", 0)
    varve("check", "--read-data")
    assert "no errors were found" in varve.restic("check", "--read-data").stdout
    assert json.loads(varve.restic("cat", "config").stdout)["version"] == 1
    varve.restic("restore", "latest", "--target", tmp_path / "out")
    restored = [path for path in folder.iterdir() if (tmp_path / "out" / path.relative_to("/")).exists()
                and filecmp.cmp(path, tmp_path / "out" / path.relative_to("/"), shallow=False)]
    assert len(restored) == 2, "all but the file that was damaged"
