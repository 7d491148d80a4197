"""What is under way for longer: a transaction and an index build, in a database that nothing else changes."""
import threading

from pymongo import WriteConcern
from pymongo.errors import OperationFailure

from support.hold import FailPoint

DATABASE = "h3"


class Underway:
    """Each `turn` begins one or ends one, at random. `close` ends both, and counts for nothing."""

    def __init__(self, client, noise, version):
        self._client, self._noise = client, noise
        self._session = self._building = self._point = None
        self._two_phases = version >= (4, 4)  # before that no other command finds its collection while it is built
        self.committed = self.built = 0

    def turn(self):
        try:
            self._noise.choice([self._turn_transaction, self._turn_index])()
        except OperationFailure:  # servers may give up a transaction that stays open
            self._end_session()

    def unfinished(self, state):
        """Takes out of a server's state the index that looks as if it were there."""
        if self._building:
            state[f"{DATABASE}.built"].indexes.pop("v_1", None)
        return state

    def close(self):
        self._end_session()
        if self._building:
            self._end_index()

    def _end_session(self):
        if self._session:
            if self._session.in_transaction:
                self._session.abort_transaction()
            self._session.end_session()
        self._session = None

    def _turn_transaction(self):
        collection = self._client[DATABASE].open
        if not self._session:
            durable = collection.with_options(write_concern=WriteConcern("majority"))  # a transaction sees no newer collection
            durable.update_one({"_id": "there"}, {"$inc": {"n": 1}}, upsert=True)
            self._session = self._client.start_session()
            self._session.start_transaction()
        for _ in range(3):
            collection.insert_one({"n": self._noise.random()}, session=self._session)
        collection.update_one({"_id": "there"}, {"$set": {"by": self._noise.random()}}, session=self._session)
        if self._noise.random() < 0.5:
            return
        if self._noise.random() < 0.7:
            self._session.commit_transaction()
            self.committed += 1
        self._end_session()

    def _turn_index(self):
        if not self._two_phases:
            return
        if self._building:
            self._end_index()
            self.built += 1
            return
        collection = self._client[DATABASE].built
        collection.insert_many([{"v": self._noise.randrange(9), "held": True} for _ in range(50)])
        collection.drop_indexes()
        held = {"fieldsToMatch": {"held": True}}  # no other collection's builds
        self._point = FailPoint(self._client, "hangIndexBuildDuringCollectionScanPhaseBeforeInsertion", held)
        self._building = threading.Thread(target=lambda: collection.create_index("v"))
        self._building.start()
        self._point.wait()
        collection.insert_many([{"v": self._noise.randrange(9)} for _ in range(20)])

    def _end_index(self):
        self._point.release()
        self._building.join()
        self._building = None
