"""A writer that keeps an invariant over two collections whatever it does to them."""
import random
import threading
from collections import Counter

from harness.servers import wait_until

COINS, TOTAL = 1500, 1500 * 100
SIDES = ("left", "right")


class Ledger:
    """In database ledger every coin is in exactly one of two collections and their values add up to TOTAL. One thread moves
    coins and values in transactions, and makes, renames, replaces, indexes and drops collections; each step keeps it true."""

    def __init__(self, server, seed):
        self.client = server.client(w=1)
        self.database = self.client["ledger"]
        self.noise = random.Random(seed)
        self.names = {side: side for side in SIDES}
        self.where = {coin: self.noise.choice(SIDES) for coin in range(COINS)}
        self.done, self.kinds, self.errors = 0, Counter(), []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        for side in SIDES:
            self._of(side).insert_many([{"_id": coin, "coin": True, "value": 100, "text": f"coin {coin} " * 20}
                                        for coin, its in self.where.items() if its == side])
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.client.close()

    def stop(self):
        self._stop.set()
        self._thread.join()
        assert not self.errors, self.errors

    def wait_for(self, steps):
        target = self.done + steps
        wait_until(lambda: self.errors or self.done >= target, f"{steps} steps of the ledger")
        assert not self.errors, self.errors

    def _run(self):
        often = [self._move, self._move, self._pay, self._pay, self._touch, self._blank, self._unblank]
        seldom = [self._rename, self._replace, self._index, self._scratch, self._sweep]
        try:
            while not self._stop.is_set():
                kind = self.noise.choice(often * 6 + seldom)
                kind()
                self.kinds[kind.__name__] += 1
                self.done += 1
        except Exception as error:  # stop() and wait_for() tell it
            self.errors.append(error)

    def _of(self, side):
        return self.database[self.names[side]]

    def _side(self):
        return self.noise.choice(SIDES)

    def _in_a_transaction(self, work):
        """Again where the server asks for that, as it does while the catalog changes."""
        with self.client.start_session() as session:
            session.with_transaction(work)

    def _move(self):
        to = {coin: SIDES[self.where[coin] == SIDES[0]] for coin in self.noise.sample(range(COINS), 3)}

        def move(session):
            for coin, there in to.items():
                document = self._of(self.where[coin]).find_one_and_delete({"_id": coin}, session=session)
                self._of(there).insert_one(document, session=session)

        self._in_a_transaction(move)
        self.where.update(to)

    def _pay(self):
        giver, taker = self.noise.sample(range(COINS), 2)
        amount = self.noise.randrange(50)

        def pay(session):
            for coin, change in ((giver, -amount), (taker, amount)):
                self._of(self.where[coin]).update_one({"_id": coin}, {"$inc": {"value": change}}, session=session)

        self._in_a_transaction(pay)

    def _touch(self):
        low = self.noise.randrange(COINS)
        self._of(self._side()).update_many({"_id": {"$gte": low, "$lt": low + 20}}, {"$set": {"touched": self.done}})

    def _blank(self):
        self._of(self._side()).insert_many([{"value": 0, "n": self.noise.random()} for _ in range(10)])

    def _unblank(self):
        self._of(self._side()).delete_one({"coin": {"$exists": False}})

    def _sweep(self):
        self._of(self._side()).delete_many({"coin": {"$exists": False}, "n": {"$lt": 0.5}})

    def _rename(self):
        side = self._side()
        new = side if self.names[side] != side else f"{side} renamed"
        self._of(side).rename(new)
        self.names[side] = new

    def _replace(self):
        name = self.names[self._side()]
        self.database[name].aggregate([{"$set": {"replaced": self.done}}, {"$out": name}])

    def _index(self):
        collection = self._of(self._side())
        if "value_1" in collection.index_information():
            collection.drop_index("value_1")
        else:
            collection.create_index("value")

    def _scratch(self):
        self.database.scratch.drop()
        self.database.scratch.insert_many([{"value": 7} for _ in range(20)])


def broken(client):
    """What of the invariant does not hold on a server: sentences, none if all is well."""
    names = [name for name in client.ledger.list_collection_names() if name.startswith(SIDES)]
    found, total = Counter(), 0
    for name in names:
        for document in client.ledger[name].find({}, {"text": 0}):
            total += document["value"]
            if document.get("coin"):
                found[document["_id"]] += 1
    said = [] if len(names) == 2 else [f"collections {names}"]
    if total != TOTAL:
        said.append(f"the values add up to {total}, not {TOTAL}")
    said += [f"coin {coin} is there {found[coin]} times" for coin in range(COINS) if found[coin] != 1][:5]
    return said
