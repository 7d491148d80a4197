"""Property tests of the update engine: random updates on a server, whose own results are what merging must give, bit for bit."""
from collections import Counter

import bson
import pytest
from pymongo.errors import BulkWriteError

from harness.servers import Mongod
from support.hold import HOLDABLE, backup_held_at, finish
from support.random_updates import IDS, RandomUpdates
from support.raw import RAW, first_element, split
from support.readings import BIG, fill_big
from support.runs import export, verify
from support.state import documents, empty

VERSIONS = ("6.0.5", "5.0.4", "4.2.6")
ROUNDS, EACH = 30, 100
SEEDS = [("6.0.5", 0), *(pytest.param(version, seed, marks=pytest.mark.all) for version in VERSIONS for seed in range(1, 7)),
         *(pytest.param(version, seed, marks=pytest.mark.soak) for version in VERSIONS for seed in range(100, 300))]


@pytest.fixture(scope="module")
def servers():
    """A one-member set of each version, started when first asked for."""
    made = {}

    def get(version):
        if version not in made:
            made[version] = Mongod(version, replica_set="rs0", extra_args=HOLDABLE)
        return made[version]
    yield get
    for server in made.values():
        server.stop()


def write(collection, random_updates, done):
    """`EACH` writes; those that the server refuses have not happened."""
    made = [(random_updates.update(), random_updates.kind) for _ in range(EACH)]
    refused = set()
    try:
        collection.bulk_write([update for update, _ in made], ordered=False)
    except BulkWriteError as error:
        refused = {each["index"] for each in error.details["writeErrors"]}
    done.update(kind for index, (_, kind) in enumerate(made) if index not in refused)


def form(entry):
    """How the server logged an update."""
    o = entry["o"]
    if "diff" in o:
        return "diff"
    return "modifiers" if any(name.startswith("$") and name != "$v" for name in o) else "replacement"


def logged(client, since):
    """The forms of the updates that the oplog has since then."""
    return Counter(form(entry) for entry in client.local["oplog.rs"].find({"ts": {"$gt": since}, "op": "u", "ns": {"$regex": "^updated"}}))


def told(wanted, found, ids):
    """The first documents that differ, so that a failure can be read."""
    return "\n".join(f"expected {bson.decode(wanted[i]) if i in wanted else None}\nfound    {bson.decode(found[i]) if i in found else None}"
                     for i in sorted(ids)[:2])


@pytest.mark.parametrize("version, seed", SEEDS)
def test_merging_gives_what_the_server_made_of_it(varve, servers, version, seed):
    """Every operator, pipelines, array filters, replacements; in `_id` order and in natural order, which merge in different ways."""
    server, done = servers(version), Counter()
    with server.client() as client:
        empty(client)
        fill_big(client)
        random_updates = RandomUpdates(seed, tuple(map(int, version.split("."))))
        client.updated.documents.insert_many([random_updates.document(i) for i in range(IDS)])
        began = client.local["oplog.rs"].find(sort=[("$natural", -1)], limit=1)[0]["ts"]
        order = ("id", "natural")[seed % 2]
        with backup_held_at(varve, server, BIG, "--read-at", "window", "--order", order) as (process, release):
            for _ in range(ROUNDS):
                write(client.updated.documents, random_updates, done)
            release()
            finish(process)
        expected = documents(client.updated.get_collection("documents", codec_options=RAW))
        forms = logged(client, began)
        entries = list(client.local["oplog.rs"].find({"ts": {"$gt": began}, "ns": "updated.documents"}))
    assert set(done) == {kind.__name__.strip("_") for kind in random_updates.kinds}, done
    assert done.total() > ROUNDS * EACH * 0.6, done
    assert forms["modifiers" if version == "4.2.6" else "diff"] > 500 and forms["replacement"] > 50, forms
    found = {first_element(d): d for d in split((export(varve, "merged", "latest", "--merged") / "updated" / "documents.bson").read_bytes())}
    differ = {i for i in expected.keys() | found.keys() if expected.get(i) != found.get(i)}
    first = {bson.decode((expected.get(i) or found[i]))["_id"] for i in sorted(differ)[:1]}
    history = [each for each in entries if first & {each["o"].get("_id"), (each.get("o2") or {}).get("_id")}]
    assert not differ, f"{len(differ)} documents differ\n{told(expected, found, differ)}\nlogged   {history}"
    assert not verify(varve, server)["differences"]
