"""The part of a random live history that changes collections, indexes, views, users and roles."""
import datetime

from bson import Code

PLAIN = ("a", "b", "c", "d.e")
START = datetime.datetime(2026, 1, 1)


class LiveDdl:
    """Kinds of operations, each a method; `ddl()` names those of the server's version."""

    def __init__(self, client, noise, version):
        self.client, self.noise, self.version = client, noise, version

    def ddl(self):
        kinds = [self._create_index, self._create_index, self._unique_index, self._special_index, self._coll_mod, self._validator, self._drop_indexes,
                 self._convert_to_capped, self._empty_capped, self._user, self._role, self._stored_function]
        if self.version >= (4, 4):
            kinds += [self._hide_index]
        if self.version >= (5, 0):
            kinds += [self._time_series, self._measure, self._measure, self._measure]
        if self.version >= (5, 3):
            kinds += [self._clustered]
        if self.version >= (6, 0):
            kinds += [self._prepare_unique, self._pre_images]
        return kinds

    def _plain(self):
        return self._database()[self.noise.choice(PLAIN)]

    def _create(self):
        options = self.noise.choice([{}, {"collation": {"locale": "de"}}, {"validator": {"n": {"$exists": True}}, "validationLevel": "moderate"}])
        self._anew(self.noise.choice(PLAIN), **options)

    def _anew(self, name, **options):
        """Writes make collections by themselves, so that few names are free."""
        database = self._database()
        database.drop_collection(name)
        database.create_collection(name, **options)

    def _capped(self):
        self._anew("capped", capped=True, size=8192, max=self.noise.choice([5, 20]))

    def _convert_to_capped(self):
        self._database().command("convertToCapped", self.noise.choice(["c", "capped"]), size=self.noise.choice([8192, 65536]))

    def _empty_capped(self):
        self._database().command("emptycapped", "capped")

    def _time_series(self):
        self._anew("series", timeseries={"timeField": "at", "metaField": "from"})

    def _measure(self):
        """Into a few buckets, so that they are written to again."""
        some = [{"at": START + datetime.timedelta(minutes=self.noise.randrange(50)), "from": self.noise.randrange(3), "v": self._value()}
                for _ in range(self.noise.randrange(1, 9))]
        self._database().series.insert_many(some, ordered=False)

    def _clustered(self):
        self._anew("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True})

    def _drop(self):
        self._collection().drop()

    def _rename(self):
        source, target = self._collection(), self._collection()
        self.client.admin.command("renameCollection", source.full_name, to=target.full_name, dropTarget=self.noise.random() < 0.6)

    def _drop_database(self):
        if self.noise.random() < 0.3:
            self.client.drop_database(self._database().name)

    # --- indexes

    def _create_index(self):
        field = self.noise.choice(["n", "text", "deep.x", "other"])
        options = self.noise.choice([{}, {"sparse": True}, {"partialFilterExpression": {"n": {"$gt": 5}}}, {"expireAfterSeconds": 10**8}])
        if self.version >= (4, 4) and self.noise.random() < 0.2:
            options = {**options, "hidden": True}
        self._collection().create_index([(field, self.noise.choice([1, -1]))], **options)

    def _unique_index(self):
        self._plain().create_index("single", unique=True, sparse=True)

    def _special_index(self):
        self._plain().create_index(self.noise.choice([[("text", "text")], [("$**", 1)], [("deep.$**", 1)], [("place", "2dsphere")], [("n", "hashed")],
                                                      [("other", 1), ("n", -1)]]))

    def _drop_index(self):
        collection = self._collection()
        names = [name for name in collection.index_information() if name != "_id_"]
        if names:
            collection.drop_index(self.noise.choice(names))

    def _drop_indexes(self):
        if self.noise.random() < 0.3:
            self._plain().drop_indexes()

    def _coll_mod(self):
        change = self.noise.choice([{"validationLevel": "off"}, {"index": {"keyPattern": {"n": 1}, "expireAfterSeconds": 10**7}}])
        self._database().command("collMod", self.noise.choice(PLAIN), **change)

    def _validator(self):
        rule = self.noise.choice([{}, {"n": {"$exists": True}}, {"$jsonSchema": {"required": ["_id"]}}])
        self._database().command("collMod", self.noise.choice(PLAIN), validator=rule, validationAction=self.noise.choice(["warn", "error"]))

    def _mod_index(self, **change):
        """Changes an index that is there, or is made first."""
        collection = self._plain()
        names = [name for name in collection.index_information() if name != "_id_"] or [collection.create_index("n")]
        collection.database.command("collMod", collection.name, index={"name": self.noise.choice(names), **change})

    def _hide_index(self):
        self._mod_index(hidden=self.noise.random() < 0.6)

    def _prepare_unique(self):
        collection = self._plain()
        # Of two equal ones, which only this way leads to, no server takes the second when both are created.
        for name in [name for name, index in collection.index_information().items() if index["key"] == [("single", 1)] and name != "to be unique"]:
            collection.drop_index(name)
        collection.create_index("single", sparse=True, name="to be unique")
        collection.database.command("collMod", collection.name, index={"name": "to be unique", "prepareUnique": True})
        if self.noise.random() < 0.5:
            collection.database.command("collMod", collection.name, index={"name": "to be unique", "unique": True})

    def _pre_images(self):
        self._database().command("collMod", self.noise.choice(PLAIN), changeStreamPreAndPostImages={"enabled": self.noise.random() < 0.7})

    # --- what is made of queries, and who may ask them

    def _out(self):
        self._plain().aggregate([{"$match": {"n": {"$lt": 50}}}, {"$set": {"out": 1}}, {"$out": self.noise.choice(PLAIN)}])

    def _merge(self):
        self._collection().aggregate([{"$set": {"merged": 1}}, {"$merge": {"into": self.noise.choice(PLAIN), "whenMatched": "replace"}}])

    def _view(self):
        database = self._database()
        if "view" not in database.list_collection_names(filter={"type": "view"}):
            database.command("create", "view", viewOn=self.noise.choice(PLAIN), pipeline=[{"$match": {"n": self.noise.randrange(9)}}])
        elif self.noise.random() < 0.5:
            database.command("collMod", "view", viewOn=self.noise.choice(PLAIN), pipeline=[])
        else:
            database.drop_collection("view")

    def _stored_function(self):
        self._database()["system.js"].replace_one({"_id": "f"}, {"value": Code(f"function() {{ return {self.noise.randrange(9)} }}")}, upsert=True)

    def _user(self):
        database, name = self._database(), self.noise.choice(["anna", "ben"])
        known = database.command("usersInfo", name)["users"]
        if not known:
            database.command("createUser", name, pwd="secret", roles=["read"], mechanisms=["SCRAM-SHA-256"])
        elif self.noise.random() < 0.6:
            database.command("updateUser", name, customData={"n": self.noise.randrange(99)}, roles=self.noise.sample(["read", "dbAdmin"], 1))
        else:
            database.command("dropUser", name)

    def _role(self):
        database, name = self._database(), self.noise.choice(["clerk", "boss"])
        finds = [{"resource": {"db": database.name, "collection": self.noise.choice(PLAIN)}, "actions": ["find"]}]
        if not database.command("rolesInfo", name)["roles"]:
            database.command("createRole", name, privileges=finds, roles=[])
        elif self.noise.random() < 0.6:
            database.command("updateRole", name, privileges=finds)
        else:
            database.command("dropRole", name)
