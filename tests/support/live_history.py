"""Random operations of every kind on a live server: documents, collections, indexes, transactions. One seed, one history."""
import random
import string
from collections import Counter

from bson import Int64, Timestamp
from pymongo import DeleteMany, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError, CollectionInvalid, OperationFailure

DATABASES = ("h1", "h2")
NAMES = ("a", "b", "c", "d.e", "capped")
FIELDS = ("n", "text", "list", "deep", "deep.x", "deep.y.z", "list.1", "other")


class LiveHistory:
    """`run(n)` tries n operations; `tried` and `done` count them by kind. What the server refuses has not happened."""

    def __init__(self, client, seed):
        self.client, self.noise = client, random.Random(seed)
        self.tried, self.done = Counter(), Counter()
        often = [self._insert, self._insert, self._insert_many, self._update, self._update, self._update, self._replace, self._delete,
                 self._bulk, self._modify, self._pipeline, self._transaction, self._update_many]
        seldom = [self._create, self._drop, self._rename, self._create_index, self._drop_index, self._coll_mod, self._out, self._merge,
                  self._drop_database, self._view, self._capped, self._delete_many]
        self.kinds = often * 6 + seldom

    def run(self, operations):
        for _ in range(operations):
            kind = self.noise.choice(self.kinds)
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
        return {"_id": self._id(), "n": self.noise.randrange(100), "text": "t" * self.noise.randrange(200), "list": [1, self._value()],
                "deep": {"x": self._value(), "y": {"z": 1}}, "other": self._value()}

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

    def _transaction(self):
        database = self._database()
        names = [name for name in ("a", "b", "c") if name in database.list_collection_names(filter={"type": "collection"})]
        with self.client.start_session() as session, session.start_transaction():
            for name in names:
                for _ in range(self.noise.randrange(4)):
                    database[name].replace_one({"_id": self.noise.randrange(200)}, {"n": self.noise.randrange(9), "t": "x" * 100},
                                               upsert=True, session=session)
                database[name].delete_one({"_id": self.noise.randrange(200)}, session=session)
            if self.noise.random() < 0.3:
                session.abort_transaction()

    def _create(self):
        options = self.noise.choice([{}, {"collation": {"locale": "de"}}, {"validator": {"n": {"$exists": True}}, "validationLevel": "moderate"}])
        self._database().create_collection(self.noise.choice(NAMES[:4]), **options)

    def _capped(self):
        self._database().create_collection("capped", capped=True, size=8192, max=self.noise.choice([5, 20]))

    def _drop(self):
        self._collection().drop()

    def _rename(self):
        source, target = self._collection(), self._collection()
        self.client.admin.command("renameCollection", source.full_name, to=target.full_name, dropTarget=self.noise.random() < 0.6)

    def _drop_database(self):
        if self.noise.random() < 0.3:
            self.client.drop_database(self.noise.choice(DATABASES))

    def _create_index(self):
        field = self.noise.choice(["n", "text", "deep.x", "other"])
        options = self.noise.choice([{}, {"sparse": True}, {"partialFilterExpression": {"n": {"$gt": 5}}}, {"expireAfterSeconds": 10**8}])
        self._collection().create_index([(field, self.noise.choice([1, -1]))], **options)

    def _drop_index(self):
        collection = self._collection()
        names = [name for name in collection.index_information() if name != "_id_"]
        if names:
            collection.drop_index(self.noise.choice(names))

    def _coll_mod(self):
        change = self.noise.choice([{"validator": {}}, {"validator": {"n": {"$exists": True}}}, {"validationLevel": "off"},
                                    {"index": {"keyPattern": {"n": 1}, "expireAfterSeconds": 10**7}}])
        self._database().command("collMod", self.noise.choice(NAMES), **change)

    def _out(self):
        self._collection().aggregate([{"$match": {"n": {"$lt": 50}}}, {"$set": {"out": 1}}, {"$out": self.noise.choice(NAMES[:4])}])

    def _merge(self):
        self._collection().aggregate([{"$set": {"merged": 1}}, {"$merge": {"into": self.noise.choice(NAMES[:4]), "whenMatched": "replace"}}])

    def _view(self):
        database = self._database()
        if self.noise.random() < 0.5:
            database.command("create", "view", viewOn=self.noise.choice(NAMES), pipeline=[{"$match": {"n": self.noise.randrange(9)}}])
        else:
            database.drop_collection("view")
