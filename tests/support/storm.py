"""Writers that change documents in every way that reaches the oplog, as fast as they can, until stopped."""
import random
import threading

from bson import Binary, Int64, Timestamp
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from harness.servers import wait_until
from support.raw import RAW, first_element

COLLECTIONS = ("a", "b", "c")


class Storm:
    """`threads` writers on database storm of a replica set, which begins with `each` documents a collection. Does no DDL."""

    def __init__(self, server, each=3000, threads=2):
        self.client = server.client(w=1)
        self.database = self.client["storm"]
        self.each = each
        self.done, self.errors = 0, []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(threads)]

    def _seed(self):
        for name in COLLECTIONS:
            self.database[name].insert_many([{"_id": i, "n": 0, "list": [i], "deep": {"a": {"b": i}}, "text": f"{name} {i} " * 5}
                                             for i in range(self.each)])

    def __enter__(self):
        self._seed()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.client.close()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert not self.errors, self.errors

    def wait_for(self, operations):
        """Returns when that many more have been done."""
        target = self.done + operations
        wait_until(lambda: self.errors or self.done >= target, f"{operations} operations of the storm")
        assert not self.errors, self.errors

    def _run(self, number):
        noise = random.Random(number)
        kinds = [self._insert, self._insert, self._update, self._replace, self._pipeline, self._array, self._delete, self._modify,
                 self._transaction, self._many]
        try:
            while not self._stop.is_set():
                noise.choice(kinds)(noise, self.database[noise.choice(COLLECTIONS)])
                self.done += 1
        except Exception as error:  # stop() and wait_for() tell it
            self.errors.append(error)

    def _id(self, noise):
        return noise.randrange(self.each + self.each // 5)

    def _insert(self, noise, collection):
        collection.update_one({"_id": self._id(noise)}, {"$setOnInsert": {"n": -1, "new": noise.random()}}, upsert=True)

    def _update(self, noise, collection):
        collection.update_one({"_id": self._id(noise)}, {"$inc": {"count": 1}, "$set": {"deep.a.c": noise.random()}, "$unset": {"text": 1}})

    def _replace(self, noise, collection):
        collection.replace_one({"_id": self._id(noise)}, {"n": noise.random(), "text": "replaced " * noise.randrange(9), "list": []}, upsert=True)

    def _pipeline(self, noise, collection):
        collection.update_one({"_id": self._id(noise)}, [{"$set": {"n": {"$type": "$n"}, "deep": {"$literal": {"b": 1}}, "text": "$$NOW"}}])

    def _array(self, noise, collection):
        collection.update_one({"_id": self._id(noise)}, {"$push": {"list": {"$each": [noise.random()], "$slice": -4}}})

    def _delete(self, noise, collection):
        collection.delete_one({"_id": self._id(noise)})

    def _modify(self, noise, collection):
        collection.find_one_and_update({"_id": self._id(noise)}, {"$set": {"modified": noise.random()}})

    def _many(self, noise, collection):
        low = self._id(noise)
        collection.update_many({"_id": {"$gte": low, "$lt": low + 5}}, {"$set": {"many": noise.random()}})

    def _transaction(self, noise, _):
        with self.client.start_session() as session:
            try:
                with session.start_transaction():
                    for name in COLLECTIONS:
                        self.database[name].replace_one({"_id": self._id(noise)}, {"n": "together"}, upsert=True, session=session)
                    self.database[COLLECTIONS[0]].delete_one({"_id": self._id(noise)}, session=session)
                    if noise.random() < 0.2:
                        session.abort_transaction()
            except OperationFailure as error:
                if not error.has_error_label("TransientTransactionError"):
                    raise


def moment_of(summary):
    """A summary's "seconds:increment" as a Timestamp."""
    seconds, increment = summary["moment"].split(":")
    return Timestamp(int(seconds), int(increment))


def documents_at(client, database, moment, names=COLLECTIONS):
    """{collection: documents by `_id`} as the server itself shows them at that cluster time; by UUID, so never an empty lie."""
    found = {}
    with client.start_session(causal_consistency=False) as session:
        for info in client[database].list_collections(filter={"type": "collection"}):
            if info["name"] in names:
                found[info["name"]] = _read_at(client[database], Binary(bytes(info["info"]["uuid"]), 4), moment, session)
    return found


def _read_at(database, uuid, moment, session):
    reply = database.command({"find": uuid, "batchSize": 1_000_000, "readConcern": {"level": "snapshot", "atClusterTime": moment}},
                             session=session, codec_options=RAW)
    documents = {}
    while True:
        cursor = RawBSONDocument(reply.raw)["cursor"]
        batch = cursor["firstBatch"] if "firstBatch" in cursor else cursor["nextBatch"]
        documents.update((first_element(d.raw), d.raw) for d in batch)
        if not cursor["id"]:
            return documents
        more = {"getMore": Int64(cursor["id"]), "collection": cursor["ns"].split(".", 1)[1], "batchSize": 1_000_000}
        reply = database.command(more, session=session, codec_options=RAW)
