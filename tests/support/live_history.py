"""Random operations of every kind on a live server: documents, collections, indexes, transactions. One seed, one history."""
import random
import string
from collections import Counter

from bson import Int64, Timestamp
from pymongo import DeleteMany, InsertOne, ReplaceOne, UpdateMany, UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError, CollectionInvalid, OperationFailure

from support.live_ddl import LiveDdl

DATABASES = ("h1", "h2")
NAMES = ("a", "b", "c", "d.e", "capped", "series", "clustered")
PLAIN = NAMES[:4]
FIELDS = ("n", "text", "list", "deep", "deep.x", "deep.y.z", "list.1", "other")


class LiveHistory(LiveDdl):
    """`run(n)` tries n operations; `tried` and `done` count them by kind. What the server refuses has not happened.

    Wants a replica set of that version, a tuple, whose test commands are on.
    """

    def __init__(self, client, seed, version):
        super().__init__(client, random.Random(seed), version)
        self.tried, self.done = Counter(), Counter()
        often = [self._insert, self._insert, self._insert_many, self._update, self._update, self._update, self._replace, self._delete,
                 self._bulk, self._modify, self._pipeline, self._transaction, self._update_many]
        seldom = [self._create, self._drop, self._rename, self._drop_index, self._out, self._merge, self._drop_database, self._view, self._capped,
                  self._delete_many, *self.ddl()]
        self.rare = [self._large_transaction, self._prepared_transaction]
        self.kinds = often * 5 + seldom

    def every_kind(self):
        """The names by which operations of this version are counted."""
        return {kind.__name__.strip("_") for kind in (*self.kinds, *self.rare)}

    def run(self, operations):
        kinds = self.noise.choices(self.kinds, k=operations - len(self.rare)) + self.rare
        self.noise.shuffle(kinds)
        for kind in kinds:
            name = kind.__name__.strip("_")
            self.tried[name] += 1
            try:
                kind()
                self.done[name] += 1
            except (BulkWriteError, CollectionInvalid, OperationFailure):
                pass
        assert self.done.total() > self.tried.total() / 2, (self.tried, self.done)

    def _database(self):
        return self.client[self.noise.choice(DATABASES)]

    def _collection(self):
        return self._database()[self.noise.choice(NAMES)]

    def _id(self):
        return self.noise.choice([self.noise.randrange(200), Int64(self.noise.randrange(200)), float(self.noise.randrange(200)),
                                  {"k": self.noise.randrange(20)}, "".join(self.noise.choices(string.ascii_lowercase, k=2))])

    def _value(self, depth=0):
        pick = self.noise.randrange(9 if depth < 2 else 6)
        if pick == 6:
            return [self._value(depth + 1) for _ in range(self.noise.randrange(4))]
        if pick > 6:
            return {name: self._value(depth + 1) for name in self.noise.sample(["x", "y", "z", "0", "1"], self.noise.randrange(3))}
        return [self.noise.randrange(50), self.noise.random(), "w" * self.noise.randrange(60), None, Timestamp(self.noise.randrange(9), 1),
                Int64(self.noise.randrange(50))][pick]

    def _document(self):
        document = {"_id": self._id(), "n": self.noise.randrange(100), "text": "t" * self.noise.randrange(200), "list": [1, self._value()],
                    "deep": {"x": self._value(), "y": {"z": 1}}, "other": self._value()}
        if self.noise.random() < 0.3:
            document["place"] = {"type": "Point", "coordinates": [self.noise.randrange(-90, 90), self.noise.randrange(-90, 90)]}
            document["single"] = self.noise.randrange(10**9)
        return document

    def _change(self):
        field = self.noise.choice(FIELDS)
        return self.noise.choice([
            {"$set": {field: self._value()}}, {"$unset": {field: 1}}, {"$inc": {"n": 1}}, {"$mul": {"n": 2}},
            {"$push": {"list": {"$each": [self._value(), self._value()], "$position": 0, "$slice": self.noise.randrange(-4, 5)}}},
            {"$push": {"list": self._value()}}, {"$pop": {"list": self.noise.choice([-1, 1])}}, {"$pull": {"list": 1}},
            {"$addToSet": {"list": self._value()}}, {"$rename": {"other": "moved"}}, {"$rename": {"moved": "deep.moved"}},
            {"$set": {"list.0": self._value(), "deep.x": self._value()}, "$unset": {"text": 1}}, {"$currentDate": {"when": True}},
            {"$set": {f"deep.f{self.noise.randrange(5)}": self._value()}}, {"$min": {"n": 3}}, {"$max": {"n": 60}},
            {"$set": {"list.3": "padded"}}, {"$bit": {"n": {"xor": 5}}}])

    def _insert(self):
        self._collection().insert_one(self._document())

    def _insert_many(self):
        self._collection().insert_many([self._document() for _ in range(self.noise.randrange(1, 30))], ordered=False)

    def _update(self):
        self._collection().update_one({"_id": self._id()}, self._change(), upsert=self.noise.random() < 0.3)

    def _update_many(self):
        self._collection().update_many({"n": {"$lt": self.noise.randrange(20)}}, self._change())

    def _replace(self):
        document = self._document()
        self._collection().replace_one({"_id": document["_id"]}, document, upsert=self.noise.random() < 0.5)

    def _delete(self):
        self._collection().delete_one({"_id": self._id()})

    def _delete_many(self):
        self._collection().delete_many({"n": self.noise.randrange(100)})

    def _modify(self):
        self._collection().find_one_and_update({"_id": self._id()}, self._change())

    def _pipeline(self):
        stages = self.noise.choice([[{"$set": {"n": {"$size": {"$ifNull": ["$list", []]}}, "deep": {"$literal": self._value()}}}],
                                    [{"$unset": ["text", "deep.y"]}], [{"$replaceWith": {"_id": "$_id", "only": "$n"}}],
                                    [{"$set": {"list": {"$concatArrays": [{"$ifNull": ["$list", []]}, [7]]}}}]])
        self._collection().update_many({"n": {"$gte": self.noise.randrange(100)}}, stages)

    def _bulk(self):
        self._collection().bulk_write([self.noise.choice([
            InsertOne(self._document()), UpdateOne({"_id": self._id()}, self._change()), DeleteMany({"n": self.noise.randrange(100)}),
            UpdateMany({"n": self.noise.randrange(50)}, self._change()), ReplaceOne({"_id": 1}, {"n": 5}, upsert=True)]) for _ in range(8)],
            ordered=False)

    def _there(self, database):
        """Collections that a transaction can write to; older servers make none in one, and none takes capped ones."""
        open_ones = {"type": "collection", "options.capped": {"$ne": True}}
        return [name for name in PLAIN[:3] if name in database.list_collection_names(filter=open_ones)]

    def _made(self, collection):
        """Empty, and old enough for a transaction to see it."""
        durable = collection.with_options(write_concern=WriteConcern("majority"))
        durable.delete_many({})
        durable.insert_one({"_id": "first"})

    def _write_some(self, database, names, session):
        for name in names:
            for _ in range(self.noise.randrange(4)):
                database[name].replace_one({"_id": self.noise.randrange(200)}, {"n": self.noise.randrange(9), "t": "x" * 100}, upsert=True,
                                           session=session)
            database[name].delete_one({"_id": self.noise.randrange(200)}, session=session)

    def _transaction(self):
        database = self._database()
        names = self._there(database)
        with self.client.start_session() as session, session.start_transaction():
            self._write_some(database, names, session)
            if self.noise.random() < 0.3:
                session.abort_transaction()

    def _large_transaction(self):
        """Over 16 MB: a chain of oplog entries. What it leaves is small."""
        database = self._database()
        self._made(database.large)
        with self.client.start_session() as session, session.start_transaction():
            for i in range(18):
                database.large.insert_one({"_id": i, "x": f"{i}" * 1_000_000}, session=session)
            self._write_some(database, self._there(database), session)
            database.large.delete_many({"_id": {"$in": list(range(1, 18))}}, session=session)

    def _prepared_transaction(self):
        """In two phases, as a sharded transaction is; the server takes that from anyone when its test commands are on."""
        database = self._database()
        self._made(database.prepared)
        with self.client.start_session() as session:
            session.start_transaction()
            try:
                database.prepared.insert_one({"n": 1, "x": self._value()}, session=session)
                self._write_some(database, self._there(database), session)
                prepared = self.client.admin.command("prepareTransaction", 1, session=session, writeConcern={"w": "majority"})
                if self.noise.random() < 0.7:
                    self.client.admin.command("commitTransaction", 1, commitTimestamp=prepared["prepareTimestamp"], session=session)
            finally:
                session.abort_transaction()  # of no effect once it is committed
