"""The whole visible state of a server, read by a client that is not the program's, and how two of them differ."""
from dataclasses import dataclass, field

from bson import json_util
from bson.json_util import CANONICAL_JSON_OPTIONS

from support.raw import RAW, first_element

OUT_OF_SCOPE = {"local", "config"}
# Of the server, not of the user; views are compared as views.
NOT_COMPARED = {"system.version", "system.keys", "system.profile", "system.views"}
IGNORED_IN_INDEXES = {"ns", "background", "originalSpec"}  # the last: of buckets, what their time-series says as well


@dataclass
class Collection:
    type: str = "collection"
    options: dict = field(default_factory=dict)  # name -> canonical JSON
    indexes: dict = field(default_factory=dict)  # name -> {name -> canonical JSON}
    documents: object = None                     # bytes by `_id`, or a list where the order counts


def empty(client):
    """Drops every database of the user's."""
    for name in client.list_database_names():
        if name not in ("admin", *OUT_OF_SCOPE):
            client.drop_database(name)


def empty_logins(client, *databases):
    """Drops the users and roles of these databases."""
    for name in databases:
        client[name].command("dropAllUsersFromDatabase", 1)
        client[name].command("dropAllRolesFromDatabase", 1)


def canonical(value):
    return json_util.dumps(value, json_options=CANONICAL_JSON_OPTIONS)


def fields(document, ignored=()):
    return {name: canonical(value) for name, value in document.items() if name not in ignored}


def state(client, databases=None, auth=True):
    """{namespace: Collection} of these databases, or of all that a backup holds. `auth=False` leaves users and roles out."""
    found = {}
    for name in databases or client.list_database_names():
        if name in OUT_OF_SCOPE:
            continue
        for info in client[name].list_collections():
            coll = info["name"]
            if coll in NOT_COMPARED or (name == "admin" and coll.startswith("system.") and not auth):
                continue
            found[f"{name}.{coll}"] = _collection(client[name], info)
    return found


def _collection(database, info):
    made = Collection(info.get("type", "collection"), fields(info["options"]))
    if made.type == "view":
        return made
    made.indexes = {i["name"]: fields(i, IGNORED_IN_INDEXES) for i in database.command("listIndexes", info["name"])["cursor"]["firstBatch"]}
    if made.type == "collection":
        made.documents = documents(database.get_collection(info["name"], codec_options=RAW), bool(info["options"].get("capped")))
    return made


def documents(collection, ordered=False):
    """Bytes by raw `_id` of a collection with RAW options; a list in natural order with `ordered`."""
    cursor = collection.find().hint([("$natural", 1)])
    if ordered:
        return [d.raw for d in cursor]
    return {first_element(d.raw): d.raw for d in cursor}


def differences(expected, found, evictions_logged=True):
    """One short sentence for each difference, so that a failing test can be read. Without `evictions_logged` (before 5.0) a
    capped collection may have kept some of its oldest: an insert that fails evicts all the same, and only where it was tried.
    """
    said = [f"{ns} is missing" for ns in expected.keys() - found.keys()]
    said += [f"{ns} is too many" for ns in found.keys() - expected.keys()]
    for ns in expected.keys() & found.keys():
        said += [f"{ns}: {what}" for what in _differences(expected[ns], found[ns], evictions_logged)]
    return sorted(said)


def _differences(a, b, evictions_logged):
    if a.type != b.type:
        yield f"{a.type} became {b.type}"
    if a.options != b.options:
        yield f"options {a.options} became {b.options}"
    for name in a.indexes.keys() | b.indexes.keys():
        if a.indexes.get(name) != b.indexes.get(name):
            yield f"index {a.indexes.get(name)} became {b.indexes.get(name)}"
    if not evictions_logged and isinstance(a.documents, list) and a.documents and b.documents[-len(a.documents):] == a.documents:
        return
    yield from document_differences(a.documents, b.documents)


def document_differences(a, b):
    if a == b:
        return
    if isinstance(a, list) and isinstance(b, list):
        at = next((i for i, (one, other) in enumerate(zip(a, b)) if one != other), min(len(a), len(b)))
        yield f"order or content of documents differs: {len(a)} became {len(b)}, from {at} on: {a[at:at + 3]} became {b[at:at + 3]}"
        return
    if not isinstance(a, dict) or not isinstance(b, dict):
        yield "order or content of documents differs"
        return
    for title, ids in (("missing", a.keys() - b.keys()), ("too many", b.keys() - a.keys()),
                       ("changed", {i for i in a.keys() & b.keys() if a[i] != b[i]})):
        if ids:
            yield f"{len(ids)} documents {title}: {', '.join(repr(i)[:60] for i in sorted(ids)[:3])}"
