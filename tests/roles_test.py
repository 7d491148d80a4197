"""The least rights of docs/roles.md: with exactly them all works, and without any one of them nothing is begun and the right is
named."""
import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from bson import Timestamp

from harness.servers import Mongod
from harness.tools import Varve
from support.runs import at, back_up, new_repository
from support.state import differences, state

pytestmark = pytest.mark.all

TEXT = (Path(__file__).parent.parent / "docs/roles.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| `(\{.*\})` \|", re.M)


def tables():
    """{heading: [rows of its first table, rows of its second]}; a row is (action, resource)."""
    found = {}
    for section in TEXT.split("\n## ")[1:]:
        heading = section.split("\n", 1)[0]
        parts = section.split("also:\n")
        found[heading] = [[(action, json.loads(re.sub(r"(\w+):", r'"\1":', resource))) for action, resource in ROW.findall(part)]
                          for part in parts]
    return found


TABLES = tables()
SET, ALONE, RESTORE = TABLES["Backup of a replica set"], TABLES["Backup of a standalone"], TABLES["Restore"]
CASES = {"set": SET[0], "alone": ALONE[0], "lock": ALONE[0] + ALONE[1], "restore": RESTORE[0], "overwrite": RESTORE[0] + RESTORE[1],
         "users": RESTORE[0] + RESTORE[2], "replace": RESTORE[0] + RESTORE[2] + RESTORE[3]}
SOME = ["--ns-include", "shop.st*", "--ns-include", "shop.o*"]
# What a restore is told beside its target; users and roles are another matter where it is filtered.
WORDS = {"restore": ["--drop", "--ns-include", "shop.*"], "overwrite": ["--merge=replace", *SOME],
         "users": ["--drop"], "replace": ["--drop", "--users=replace"]}
# Only what is more than in another case is left out to see whether it is missed.
BEGIN = {"overwrite": len(RESTORE[0]), "replace": len(RESTORE[0] + RESTORE[2])}
REMOVED = [pytest.param(case, i, id=f"{case}-{action}-{'-'.join(map(str, resource.values()))}")
           for case, rows in CASES.items() for i, (action, resource) in enumerate(rows)
           if i >= BEGIN.get(case, 0)]


def fill(client):
    shop = client.shop
    shop.orders.insert_many([{"_id": i, "total": i} for i in range(100)])
    shop.orders.create_index("total")
    shop.create_collection("logs", capped=True, size=100_000)
    shop.logs.insert_one({"_id": 1})
    shop.create_collection("sessions")
    shop.sessions.create_index("at", expireAfterSeconds=3600)
    shop.create_collection("view", viewOn="orders", pipeline=[])
    shop.create_collection("strict", validator={"total": {"$exists": True}})
    shop.strict.insert_one({"_id": 1}, bypass_document_validation=True)
    shop.create_collection("weather", timeseries={"timeField": "at", "metaField": "where"})
    shop.weather.insert_one({"_id": 1, "at": datetime(2026, 11, 1), "where": "here", "value": 1})
    shop.system.js.insert_one({"_id": "f", "value": 1})
    shop.stamps.update_one({"_id": 1}, [{"$set": {"empty": {"$literal": Timestamp(0, 0)}}}], upsert=True)
    client.admin.command("createRole", "reader", privileges=[], roles=[{"role": "read", "db": "shop"}])
    shop.command("createUser", "clerk", pwd="x", roles=[{"role": "reader", "db": "admin"}])


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """A replica set and a standalone that hold the same, an empty target, and a repository with a backup of the first."""
    with Mongod(replica_set="rs0", auth=True) as source, Mongod(auth=True) as alone, Mongod(replica_set="rs1", auth=True) as target:
        for server in (source, alone):
            with server.client() as client:
                fill(client)
        varve = Varve(tmp_path_factory.mktemp("roles"))
        back_up(varve, source)
        yield {"set": source, "alone": alone, "lock": alone, **{case: target for case in WORDS}, "saved": varve}


def login(server, rows):
    """A connection string of a user who may do just that."""
    with server.client() as client:
        admin = client.admin
        if admin.command("usersInfo", "least")["users"]:
            admin.command("dropUser", "least")
        if admin.command("rolesInfo", "least")["roles"]:
            admin.command("dropRole", "least")
        privileges = [{"resource": resource, "actions": [action]} for action, resource in rows]
        admin.command("createRole", "least", privileges=privileges, roles=[])
        admin.command("createUser", "least", pwd="least", roles=["least"])
    return server.uri_as("least", "least")


def run(servers, case, rows, folder, code):
    """The command of the case under a login with these rights."""
    server = servers[case]
    uri = login(server, rows)
    if case in WORDS:
        varve = servers["saved"]
        return varve("restore", "latest", "--to", at(varve, uri, "least"), "--yes", *WORDS[case], code=code)
    varve = Varve(folder)
    if not varve.path.exists():
        new_repository(varve)
    return varve("backup", at(varve, uri, "least"), "--source", "shop", *(["--lock"] if case == "lock" else []), code=code)


def clear(client):
    for name in client.list_database_names():
        if name not in ("admin", "local", "config"):
            client.drop_database(name)
    client.shop.command("dropAllUsersFromDatabase")
    if client.admin.command("rolesInfo", "reader")["roles"]:
        client.admin.command("dropRole", "reader")


@pytest.mark.parametrize("case", CASES)
def test_with_exactly_these_rights_all_works(servers, tmp_path, case):
    if case not in WORDS:
        run(servers, case, CASES[case], tmp_path, 0)
        varve = Varve(tmp_path)
        with servers["restore"].client() as there:
            clear(there)
        summary = varve.json("restore", "latest", "--to", at(varve, servers["restore"].uri, "target"), "--yes")[-1]
        assert summary["verified"]
    else:
        with servers["restore"].client() as there:
            clear(there)
        run(servers, case, CASES[case], tmp_path, 0)
        run(servers, case, CASES[case], tmp_path, 0)  # in place of what is there
    with servers["set" if case in WORDS else case].client() as source, servers["restore"].client() as there:
        wanted, found = state(source, ["shop"], False), state(there, ["shop"], False)
        assert not differences({name: wanted[name] for name in found}, found) and "shop.stamps" in found
        if case not in ("restore", "overwrite"):
            assert there.shop.command("usersInfo", "clerk")["users"] and there.admin.command("rolesInfo", "reader")["roles"]


@pytest.mark.parametrize("case, left_out", REMOVED)
def test_a_right_that_is_missing_is_named_before_anything_is_done(servers, tmp_path, case, left_out):
    rows = CASES[case]
    if case in WORDS:
        with servers["restore"].client() as there:
            clear(there)
    said = run(servers, case, [row for i, row in enumerate(rows) if i != left_out], tmp_path, 1)
    assert f"({rows[left_out][0]})" in said.stderr and "may not do" in said.stderr
    if case in WORDS:
        with servers["restore"].client() as there:
            assert "shop" not in there.list_database_names()
    else:
        assert not list((Varve(tmp_path).path / "snapshots").iterdir())


def test_merging_going_on_and_replacing_users(servers):
    """What docs/roles.md says of --merge, --resume and --users=replace."""
    with servers["restore"].client() as there:
        clear(there)
    varve = servers["saved"]
    for case, words in (("restore", [*SOME, "--merge"]), ("restore", [*SOME, "--merge"]), ("restore", [*SOME, "--resume"]),
                        ("replace", WORDS["replace"]), ("replace", WORDS["replace"])):
        with servers["restore"].client() as there:
            there.shop.orders.delete_many({"_id": {"$gt": 50}})
            if there.shop.command("usersInfo", "clerk")["users"]:
                there.shop.command("updateUser", "clerk", roles=[])
        uri = at(varve, login(servers["restore"], CASES[case]), "least")
        assert varve.json("restore", "latest", "--to", uri, "--yes", *words)[-1]["verified"], words
        with servers["restore"].client() as there:
            assert there.shop.orders.count_documents({}) == 100
    with servers["restore"].client() as there:
        assert there.shop.command("usersInfo", "clerk")["users"][0]["roles"] == [{"role": "reader", "db": "admin"}]


VERIFY = TABLES["Verify"][0]


@pytest.mark.parametrize("left_out", [None, *range(len(VERIFY))])
def test_exactly_these_rights_are_enough_to_verify(servers, left_out):
    """It only reads, so it asks for nothing before: the server's refusal is told, and ends it."""
    varve = servers["saved"]
    uri = at(varve, login(servers["set"], [row for i, row in enumerate(VERIFY) if i != left_out]), "least")
    done = varve("verify", "latest", "--against", uri, code=0 if left_out is None else 1)
    assert left_out is None or "not authorized" in done.stderr


@pytest.mark.parametrize("version", ["5.0.4", "4.2.6"])
def test_older_servers_own_roles_are_enough(tmp_path, version):
    varve = Varve(tmp_path)
    new_repository(varve)
    with Mongod(version, replica_set="rs0", auth=True) as server:
        with server.client() as client:
            client.shop.orders.insert_many([{"_id": i} for i in range(100)])
            client.shop.system.js.insert_one({"_id": "f", "value": 1})
            client.shop.command("createUser", "clerk", pwd="x", roles=["read"])
            for name, roles in (("saver", ["backup"]), ("bringer", ["restore", "readWriteAnyDatabase"])):
                client.admin.command("createUser", name, pwd=name, roles=roles)
        varve("backup", at(varve, server.uri_as("saver", "saver"), "saver"), "--source", "shop")
        varve("restore", "latest", "--to", at(varve, server.uri_as("bringer", "bringer"), "bringer"), "--yes", "--drop")


def test_the_backup_role_is_enough_to_verify_and_for_the_doctor(servers):
    with servers["set"].client() as client:
        client.admin.command("createUser", "reader", pwd="reader", roles=["backup"])
    try:
        varve = servers["saved"]
        uri = at(varve, servers["set"].uri_as("reader", "reader"), "reader")
        varve("verify", "latest", "--against", uri)
        assert "may do all that a backup needs" in varve("doctor", uri, code=(0, 3)).stdout
    finally:
        with servers["set"].client() as client:
            client.admin.command("dropUser", "reader")


@pytest.mark.parametrize("roles, case", [(["backup"], "set"), (["backup", "clusterMonitor"], "alone"),
                                         (["backup", "clusterMonitor", "hostManager"], "lock"),
                                         (["restore", "readWriteAnyDatabase"], "users")], ids=str)
def test_the_servers_own_roles_are_enough(servers, tmp_path, roles, case):
    """What the first table says."""
    words = ", ".join(f"`{role}`" for role in roles)
    assert f"| {words} |" in TEXT
    with servers[case].client() as client:
        client.admin.command("createUser", "usual", pwd="usual", roles=roles)
        if case == "users":
            clear(client)
    uri = servers[case].uri_as("usual", "usual")
    try:
        if case == "users":
            varve = servers["saved"]
            varve("restore", "latest", "--to", at(varve, uri, "usual"), "--yes")
            return
        varve = Varve(tmp_path)
        new_repository(varve)
        varve("backup", at(varve, uri, "usual"), "--source", "shop", *(["--lock"] if case == "lock" else []))
    finally:
        with servers[case].client() as client:
            client.admin.command("dropUser", "usual")
