#!/usr/bin/env python3
"""Records more cases from a server of its own: what the shared fixtures lack.

usage: VARVE_CACHE=~/.cache/varve record.py VERSION [CASE...]     (from tests/, with its virtual environment)
Writes MAJOR.MINOR-CASE.zst beside this file, in the form that pack.py describes. Collections are read by UUID; a case
whose name ends in -fuzzy reads its base while the work is done.
"""
import pathlib
import random
import sys
import threading
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
import bson
from bson import Binary, SON
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from harness.servers import Mongod

from pack import case_header, header, write

HERE = pathlib.Path(__file__).parent
RAW = CodecOptions(document_class=RawBSONDocument)
SONS = CodecOptions(document_class=SON)


def documents_of(db, uuid, pause):
    """In natural order, by UUID: what was dropped meanwhile ends early."""
    found = []
    session = db.client.start_session()
    try:
        reply = db.command(SON([("find", uuid), ("batchSize", 20)]), codec_options=RAW, session=session)
        while True:
            cursor = reply["cursor"]
            found += [d.raw for d in (cursor["firstBatch"] if "firstBatch" in cursor else cursor["nextBatch"])]
            if not cursor["id"]:
                return found
            time.sleep(pause)
            reply = db.command(SON([("getMore", cursor["id"]), ("collection", cursor["ns"].split(".", 1)[1])]),
                               codec_options=RAW, session=session)
    except OperationFailure as error:
        if error.code not in (26, 43, 175, 136):
            raise
        return found


def dump(client, prefix, pause=0):
    listed = []
    for name in [d for d in client.list_database_names() if d.startswith(prefix)]:
        db = client.get_database(name, codec_options=SONS)
        for info in db.list_collections():
            if info["name"] in ("system.views", "system.profile"):
                continue
            try:
                indexes = [] if info["type"] == "view" else list(db[info["name"]].list_indexes())
            except OperationFailure:
                continue
            listed.append((db, info, indexes))
    out = []
    for db, info, indexes in listed:
        own = info["info"].get("uuid")
        binary = Binary(own.bytes, 4) if isinstance(own, uuid.UUID) else own
        found = documents_of(db, binary, pause) if info["type"] == "collection" else []
        hex_uuid = bytes(binary).hex() if info["type"] == "collection" else ""
        out.append(header(db.name, info["name"], info["type"], hex_uuid, info["options"], indexes, len(found)))
        out += found
    return out


def now(client):
    return client.admin.command("hello" if client.server_info()["versionArray"][0] >= 5 else "isMaster")["lastWrite"]["opTime"]["ts"]


def record(server, name, setup, work):
    client = MongoClient(server.uri, uuidRepresentation="standard")
    prefix = "m_" + name.split("-")[0] + "_"
    setup(client, client[prefix + "a"])
    time.sleep(0.5)
    t0 = now(client)
    fuzzy = name.endswith("-fuzzy")
    if fuzzy:
        worker = threading.Thread(target=work, args=(client, client[prefix + "a"]))
        worker.start()
        time.sleep(0.1)
        base = dump(client, prefix, 0.01)
        worker.join()
    else:
        base = dump(client, prefix)
        work(client, client[prefix + "a"])
    time.sleep(0.5)
    t1 = now(client)
    final = dump(client, prefix)
    entries = [e.raw for e in client.local.get_collection("oplog.rs", codec_options=RAW).find({"ts": {"$gt": t0, "$lte": t1}})]
    out = HERE / f"{'.'.join(server.version.split('.')[:2])}-{name}.zst"
    write(out, [case_header(name, server.version, fuzzy, (t0.time, t0.inc), (t1.time, t1.inc)), *base,
                bson.encode({"oplog": len(entries)}), *entries, *final])
    print(f"{out.name}: {len(entries)} entries, {out.stat().st_size} bytes", flush=True)
    for db in [d for d in client.list_database_names() if d.startswith(prefix)]:
        client.drop_database(db)


# --- the cases: setup and work

def timeseries_setup(client, a):
    for name in ("kept", "changed", "dropped", "indexed"):
        a.create_collection(name, timeseries={"timeField": "t", "metaField": "m", "granularity": "seconds"})
        a[name].insert_many([measurement(i) for i in range(30)])
    a.indexed.create_index([("m.k", 1), ("t", -1)], name="before")


def measurement(i):
    import datetime
    return {"t": datetime.datetime(2026, 11, 21) + datetime.timedelta(seconds=i * 7), "m": {"k": i % 3}, "v": i, "w": i / 2}


def timeseries_work(client, a):
    a.changed.insert_many([measurement(i) for i in range(30, 90)])
    a.command("collMod", "changed", timeseries={"granularity": "minutes"})
    a.command("collMod", "changed", expireAfterSeconds=360000)
    a.dropped.drop()
    a.indexed.create_index([("m", 1)], name="meta")
    a.indexed.create_index([("t", -1)], name="time_down")
    if client.server_info()["versionArray"][0] >= 6:
        a.indexed.create_index([("m.k", 1), ("v", -1), ("t", 1)], name="measured")
        a.indexed.create_index([("w", 1)], name="partial", partialFilterExpression={"m.k": {"$gt": 1}})
    a.indexed.drop_index("before")
    a.create_collection("made", timeseries={"timeField": "t", "metaField": "m"}, expireAfterSeconds=3600000)
    a.made.insert_many([measurement(i) for i in range(300)])
    for i in range(300, 330):
        a.made.insert_one(measurement(i))
    if client.server_info()["versionArray"][0] >= 6:
        a.made.delete_many({"m": {"k": 1}})
    a.create_collection("plain", timeseries={"timeField": "t"})
    a.create_collection("over", viewOn="made", pipeline=[{"$match": {"v": 1}}])


def collmod_setup(client, a):
    for name in ("valid", "images", "indexed", "starred", "list", "moved", "replaced"):
        a[name].insert_many([{"_id": i, "n": i, "u": i} for i in range(40)])
    if client.server_info()["versionArray"][0] >= 6:
        a.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True, "name": "own"})
    for name in ("starred", "list", "indexed"):
        for field in ("a", "b", "c"):
            a[name].create_index(field)
    a.indexed.create_index("u", name="u")
    a.create_collection("seen", viewOn="valid", pipeline=[], collation={"locale": "en"})
    a.create_collection("gone", viewOn="valid", pipeline=[])


def collmod_work(client, a):
    six = client.server_info()["versionArray"][0] >= 6
    a.command("collMod", "valid", validator={"n": {"$gte": 0}})
    a.command("collMod", "valid", validationLevel="moderate", validationAction="warn")
    a.command("collMod", "list", validator={"n": {"$gte": 0}})
    a.command("collMod", "list", validator={})
    if six:
        a.command("collMod", "images", changeStreamPreAndPostImages={"enabled": True})
        a.command("collMod", "valid", changeStreamPreAndPostImages={"enabled": True})
        a.command("collMod", "valid", changeStreamPreAndPostImages={"enabled": False})
        a.command("collMod", "clustered", expireAfterSeconds=7200)
        a.create_collection("clustered2", clusteredIndex={"key": {"_id": 1}, "unique": True}, expireAfterSeconds=100)
        a.command("collMod", "clustered2", expireAfterSeconds="off")
        a.command("collMod", "indexed", index={"name": "u", "prepareUnique": True})
        a.command("collMod", "indexed", index={"name": "u", "unique": True})
    else:
        a.command("collMod", "images", recordPreImages=True)
        a.command("collMod", "valid", recordPreImages=True)
        a.command("collMod", "valid", recordPreImages=False)
    a.images.update_one({"_id": 3}, {"$set": {"n": 4}})
    a.command("collMod", "indexed", index={"name": "a_1", "hidden": True})
    a.command("collMod", "indexed", index={"keyPattern": {"b": 1}, "hidden": True})
    a.command("collMod", "indexed", index={"name": "b_1", "hidden": False})
    a.indexed.create_index("at", expireAfterSeconds=1000, name="ttl")
    a.command("collMod", "indexed", index={"name": "ttl", "expireAfterSeconds": 5000})
    a.starred.drop_indexes()
    a.command("dropIndexes", "list", index=["a_1", "c_1"])
    a.command("dropIndexes", "indexed", index={"c": 1})
    a.command("collMod", "seen", viewOn="moved", pipeline=[{"$match": {"n": 1}}])
    a.gone.drop()
    a.create_collection("born", viewOn="seen", pipeline=[], collation={"locale": "en"})
    a.moved.update_one({"_id": 7}, {"$set": {"n": "moved"}})
    a.moved.rename("replaced", dropTarget=True)
    a.replaced.delete_one({"_id": 8})
    a.command("convertToCapped", "list", size=100000)
    a.create_collection("wild")
    a.wild.create_index([("$**", 1)], name="all", wildcardProjection={"x": 0})
    a.wild.create_index([("g", "2dsphere"), ("n", 1)])
    a.wild.create_index([("col", 1)], collation={"locale": "de", "strength": 1}, name="collated", unique=True, sparse=True)
    if six:
        a.create_collection("limited", capped=True, size=8192, max=50)
        a.limited.insert_many([{"_id": i} for i in range(60)])
        a.command("collMod", "limited", cappedMax=20)
        a.command("collMod", "limited", cappedSize=5000)
        a.limited.insert_many([{"_id": i} for i in range(60, 70)])


def capped_setup(client, a):
    a.create_collection("few", capped=True, size=1 << 20, max=50)
    a.few.insert_many([{"_id": i, "n": i} for i in range(50)])
    a.create_collection("small", capped=True, size=16384)
    a.small.insert_many([{"_id": i, "pad": "x" * (i * 37 % 200)} for i in range(200)])
    a.create_collection("roomy", capped=True, size=1 << 22)
    a.roomy.insert_many([{"_id": i, "n": i} for i in range(300)])
    a.create_collection("emptied", capped=True, size=1 << 20)
    a.emptied.insert_many([{"_id": i} for i in range(20)])


def capped_work(client, a):
    six = client.server_info()["versionArray"][0] >= 6  # before that, no deletes, and no updates that change the size
    r = random.Random(3)
    client.get_database(a.name).command("emptycapped", "emptied")
    a.emptied.insert_many([{"_id": i} for i in range(15, 30)])
    for i in range(50, 120):
        a.few.insert_one({"_id": i, "n": i})
        a.few.update_one({"_id": i - r.randrange(60)}, {"$inc": {"n": 1}})
    for i in range(200, 420):
        a.small.insert_one({"_id": i, "pad": "y" * (i * 41 % 300)})
        if six:
            a.small.update_one({"_id": i - 5}, {"$set": {"seen": 1}})
    for i in range(300, 400):
        a.roomy.insert_one({"_id": i, "n": i})
        a.roomy.update_one({"_id": r.randrange(i)}, {"$set": {"n": -i}})
        if six and i % 3 == 0:
            gone = r.randrange(i)
            a.roomy.delete_one({"_id": gone})
            if i % 2 == 0:
                a.roomy.insert_one({"_id": gone, "again": i})


def in_transaction(client, work, end):
    with client.start_session() as session:
        session.start_transaction()
        work(session)
        end(session)


def prepared_setup(client, a):
    a.docs.insert_many([{"_id": i, "n": i} for i in range(60)])
    a.create_collection("other")


def prepared_work(client, a):
    pad = "x" * 1000000

    def begin():
        session = client.start_session()
        session.start_transaction()
        return session

    def prepare(session):
        return client.admin.command("prepareTransaction", session=session)["prepareTimestamp"]

    def end(session, name, **arguments):
        client.admin.command(name, session=session, **arguments)

    s0, s1, s2, s3 = begin(), begin(), begin(), begin()
    a.docs.insert_one({"_id": "p0"}, session=s0)
    a.docs.update_one({"_id": 1}, {"$set": {"n": "prepared"}}, session=s0)
    at0 = prepare(s0)
    a.docs.update_one({"_id": 2}, {"$set": {"n": "between"}})
    for i in range(20):
        a.other.insert_one({"_id": "big%d" % i, "pad": pad}, session=s1)
    at1 = prepare(s1)
    a.docs.delete_one({"_id": 3}, session=s2)
    prepare(s2)
    a.docs.update_one({"_id": 4}, {"$set": {"n": "between too"}})
    end(s1, "commitTransaction", commitTimestamp=at1)
    end(s2, "abortTransaction")
    a.docs.delete_one({"_id": 3})
    end(s0, "commitTransaction", commitTimestamp=at0)
    a.docs.update_one({"_id": 1}, {"$set": {"after": True}})
    a.docs.insert_one({"_id": "never committed"}, session=s3)
    end(s3, "abortTransaction")
    in_transaction(client, lambda s: (client[a.name].create_collection("made in a transaction", session=s),
                                      client[a.name]["made in a transaction"].insert_one({"_id": 1}, session=s)),
                   lambda s: s.commit_transaction())
    a.other.delete_many({"_id": {"$in": ["big%d" % i for i in range(19)]}})
    a.other.update_one({"_id": "big19"}, {"$set": {"pad": "small"}})


def applyops_setup(client, a):
    a.docs.insert_many([{"_id": i, "n": i} for i in range(20)])


def applyops_work(client, a):
    ns = a.name + ".docs"
    client.admin.command("applyOps", [
        {"op": "i", "ns": ns, "o": {"_id": 100, "made": "by applyOps"}},
        {"op": "i", "ns": ns, "o": {"_id": 5, "replaced": "by an insert"}},
        {"op": "u", "ns": ns, "o2": {"_id": 6}, "o": {"$v": 1, "$set": {"n": "six"}}} if client.server_info()["versionArray"][0] < 6 else
        {"op": "u", "ns": ns, "o2": {"_id": 6}, "o": {"$v": 2, "diff": {"u": {"n": "six"}}}},
        {"op": "d", "ns": ns, "o": {"_id": 7}}])
    client.admin.command("applyOps", [{"op": "d", "ns": ns, "o": {"_id": 5}}])
    client.admin.command("applyOps", [{"op": "u", "ns": ns, "o2": {"_id": 101}, "o": {"_id": 101, "up": 1}, "b": True}])
    client.admin.command("applyOps", [{"op": "c", "ns": a.name + ".$cmd", "o": {"create": "fromops", "capped": True, "size": 4096}}])
    client.admin.command("applyOps", [{"op": "c", "ns": a.name + ".$cmd", "o": {"renameCollection": a.name + ".fromops", "to": a.name + ".named"}}])
    a.docs.find_one_and_update({"_id": 8}, {"$inc": {"n": 5}})
    a.docs.find_one_and_delete({"_id": 9})
    a.docs.update_one({"_id": 10}, {"$set": {"deep": {"list": [1, 2, {"x": [0]}]}}})
    for i in range(30):
        a.docs.update_one({"_id": 10}, {"$push": {"deep.list.2.x": i}, "$inc": {"hits": 1, "deep.count": 2}})
        a.docs.update_one({"_id": 11}, {"$inc": {"left": 1}})
        a.docs.update_one({"_id": 11}, {"$inc": {"right": 1}})


def moving_setup(client, a):
    for name in ("one", "two", "three"):
        a[name].insert_many([{"_id": i, "n": i, "from": name} for i in range(300)])


def moving_work(client, a):
    """Renames in a circle, drops and new lives under old names, $out over what is there."""
    r = random.Random(5)
    for k in range(60):
        for name in ("one", "two", "three", "spare"):
            a[name].update_one({"_id": r.randrange(400)}, {"$set": {"n": k, "under": name}}, upsert=True)
            a[name].delete_one({"_id": r.randrange(300)})
        if k % 10 == 3:
            a.one.rename("spare", dropTarget=True)
            a.two.rename("one")
            a.three.rename("two")
            a.spare.rename("three")
        if k % 15 == 7:
            a.three.drop()
        if k % 20 == 9:
            list(a.one.aggregate([{"$match": {"n": {"$lt": 100}}}, {"$out": "two"}]))
        if k == 30:
            client.drop_database(a.name.replace("_a", "_b"))
        client[a.name.replace("_a", "_b")].docs.update_one({"_id": k % 7}, {"$inc": {"n": 1}}, upsert=True)
        time.sleep(0.005)


CASES = {
    "10-timeseries": (timeseries_setup, timeseries_work),
    "11-collmod": (collmod_setup, collmod_work),
    "12-capped": (capped_setup, capped_work),
    "13-capped-fuzzy": (capped_setup, capped_work),
    "14-prepared": (prepared_setup, prepared_work),
    "15-applyops": (applyops_setup, applyops_work),
    "16-moving": (moving_setup, moving_work),
    "17-moving-fuzzy": (moving_setup, moving_work),
    "18-collmod-fuzzy": (collmod_setup, collmod_work),
}


def main():
    version, wanted = sys.argv[1], sys.argv[2:] or list(CASES)
    with Mongod(version, replica_set="rs0", extra_args=["--setParameter", "enableTestCommands=1"]) as server:
        for name in wanted:
            try:
                record(server, name, *CASES[name])
            except Exception as error:
                print(f"{name}: {type(error).__name__}: {error}", flush=True)


if __name__ == "__main__":
    main()
