"""A data set with everything that a MongoDB server can hold. `fill` makes it, in databases shop, odd and admin."""
import datetime
import random

from bson import Code, Int64
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.collation import Collation

from support.raw import RAW, doc, document, int32, string, timestamp
from support.values import documents_of_every_value, documents_with_every_id

YEAR = 365 * 24 * 3600
NAMES = ["with space", "per%cent%20", "a+b", "sl/ash", "back\\slash", "ünï ☃", "new\nline", "tab\tbed", "quo\"te's", "UPPER", "upper",
         "semi;colon", "ctrl\x01", "dots.in.the.name", "~tilde", "-dash", "*star", "CON"]
USER, PASSWORD = "clerk", "clerk's pass"


def fill(client, version, replica_set=False):
    """`version` as a tuple of numbers."""
    shop = client["shop"]
    values(shop)
    large(shop)
    catalog(shop, version)
    if version >= (5, 0):
        time_series(shop, version)
    if version >= (5, 3):
        clustered(shop)
    if version >= (6, 0) and replica_set:
        shop.create_collection("with pre-images", changeStreamPreAndPostImages={"enabled": True})
    names(client, 255 if version >= (4, 4) else 120)
    client.admin["user notes"].insert_many([{"_id": i, "text": "a user's collection in admin"} for i in range(3)])
    shop["system.js"].insert_one({"_id": "twice", "value": Code("function(x) { return 2 * x }")})
    users(client)


def insert(database, name, documents):
    database.get_collection(name, codec_options=RAW).insert_many(documents, ordered=True, bypass_document_validation=True)


def values(shop):
    insert(shop, "values", documents_of_every_value())
    insert(shop, "ids", documents_with_every_id())
    insert(shop, "id not first", [doc(string("a", "x"), int32("_id", 1), string("b", "y"))])
    insert(shop, "duplicate names", [doc(int32("_id", 1), int32("a", 1), string("a", "2"), string("b", b"\xff"))])
    shop["empty"].insert_one({})
    shop["empty"].delete_many({})
    empty_timestamps(shop)


def empty_timestamps(shop):
    """A server rewrites a top-level Timestamp(0, 0) on insert, but not in an upsert by a pipeline. (An update of a document that
    is there would make the members differ: 6.0.5 replicates it as a replacement, in which secondaries rewrite it.)"""
    for i in range(3):
        wanted = doc(int32("_id", i), timestamp("ts", 0, 0), string("s", "x" * i), timestamp("last", 0, 0))
        shop["empty timestamps"].update_one({"_id": i}, [{"$replaceWith": {"$literal": wanted}}], upsert=True)


def large(shop):
    noise = random.Random(1)
    size = 16 * 1024 * 1024
    filler = noise.randbytes((size - len(document(int32("_id", 1), string("s", b"")))) // 2).hex()
    filler += "x" * (size - len(document(int32("_id", 1), string("s", filler))))
    insert(shop, "sixteen megabytes", [RawBSONDocument(document(int32("_id", 1), string("s", filler)))])
    insert(shop, "random ids", [doc(string("_id", noise.randbytes(8).hex()), string("text", "lorem ipsum " * 40)) for _ in range(6000)])
    insert(shop, "counted", [doc(int32("_id", i), string("text", noise.randbytes(200).hex())) for i in range(6000)])


def catalog(shop, version):
    indexes(shop, version)
    shop.create_collection("capped", capped=True, size=65536, max=100)
    insert(shop, "capped", [doc(int32("_id", 1000 - i), string("s", "x" * (i % 50))) for i in range(250)])
    shop["capped"].create_index("s")
    shop.create_collection("german", collation=Collation("de", strength=2))
    shop["german"].insert_many([{"_id": "a", "w": "Äpfel"}, {"_id": "b", "w": "Birne"}])
    shop["german"].create_index("w", unique=True)
    shop["german"].create_index("w", name="simple", collation=Collation("simple"))
    shop["german"].create_index("w", name="french", collation=Collation("fr"))
    shop["strict"].insert_many([{"_id": 1, "age": "not a number"}, {"_id": 2, "age": 5}])
    shop.command("collMod", "strict", validator={"$jsonSchema": {"required": ["age"], "properties": {"age": {"bsonType": "int"}}}},
                 validationLevel="strict", validationAction="error")
    shop.create_collection("zlib", storageEngine={"wiredTiger": {"configString": "block_compressor=zlib"}})
    # A view is named before what it looks at, and looks at another view.
    shop.command("create", "a view of a view", viewOn="view", pipeline=[{"$project": {"label": 1}}])
    shop.command("create", "view", viewOn="values", pipeline=[{"$match": {"_id": {"$lt": 10}}}, {"$sort": {"label": -1}}])
    shop.command("create", "german view", viewOn="german", pipeline=[], collation={"locale": "de"})
    shop.command("create", "view of nothing", viewOn="not there", pipeline=[])


def indexes(shop, version):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    shop["indexed"].insert_many([{"_id": i, "u": i, "maybe": i, "s": f"text {i}", "when": now, "place": {"type": "Point", "coordinates": [i, i]},
                                  "flat": [i, -i], "a": {"b": i}} for i in range(50)])
    made = [
        IndexModel("u", unique=True), IndexModel("maybe", sparse=True, unique=True),
        IndexModel([("u", DESCENDING)], name="partial", partialFilterExpression={"u": {"$gt": 10}}),
        IndexModel("when", expireAfterSeconds=YEAR),
        IndexModel([("s", "text"), ("t", "text")], weights={"t": 5}, default_language="german", language_override="lang"),
        IndexModel([("place", "2dsphere")]), IndexModel([("flat", "2d")], bits=20, min=-500, max=500),
        IndexModel([("u", "hashed")]), IndexModel([("$**", ASCENDING)], wildcardProjection={"a": 1}),
        IndexModel([("a.b", ASCENDING), ("u", DESCENDING)], name="compound", background=True),
        IndexModel("s", name="collated", collation=Collation("sv", strength=1)),
    ]
    if version >= (4, 4):
        made += [IndexModel("a", hidden=True), IndexModel([("a.b", "hashed"), ("u", 1)], name="compound hashed")]
    shop["indexed"].create_indexes(made)


def time_series(shop, version):
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    shop.create_collection("weather", timeseries={"timeField": "at", "metaField": "station", "granularity": "minutes"},
                           expireAfterSeconds=30 * YEAR)
    shop["weather"].insert_many([{"at": start + datetime.timedelta(minutes=7 * i), "station": {"id": i % 5}, "t": i / 3, "n": Int64(i)}
                                 for i in range(2000)])
    shop["weather"].create_index([("station.id", 1), ("at", -1)])
    if version >= (6, 0):
        shop["weather"].create_index("t")  # of measurements: a server keeps it as its user wrote it too


def clustered(shop):
    shop.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True, "name": "by id"})
    shop["clustered"].insert_many([{"_id": i, "v": i} for i in (5, 3, 9, 1)])
    shop["clustered"].create_index("v")
    shop.create_collection("clustered ttl", clusteredIndex={"key": {"_id": 1}, "unique": True}, expireAfterSeconds=30 * YEAR)
    shop["clustered ttl"].insert_one({"_id": datetime.datetime(2026, 1, 1), "v": 1})


def names(client, limit):
    database = client["odd ü+%".replace(" ", "_")]
    for number, name in enumerate(NAMES):
        database[name].insert_one({"_id": number, "name": name})
        database[name].create_index("name")
    for filler in "xü":
        room = limit - len(database.name.encode()) - 1
        name = filler * (room // len(filler.encode()))
        database[name].insert_one({"_id": filler})


def users(client):
    client.shop.command("createRole", "reader of values", roles=[],
                        privileges=[{"resource": {"db": "shop", "collection": "values"}, "actions": ["find"]}])
    client.admin.command("createRole", "boss", roles=[{"role": "reader of values", "db": "shop"}, "clusterMonitor"], privileges=[])
    client.shop.command("createUser", USER, pwd=PASSWORD, roles=["reader of values"], customData={"room": 7})
    client.admin.command("createUser", "chief", pwd=PASSWORD, roles=["boss"], mechanisms=["SCRAM-SHA-256"])
