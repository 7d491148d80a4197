"""The data of the benchmark: an online shop's orders, customers and reports, or the small collections of many tenants; the
same bytes for the same size each time.

As a program, `dataset.py HOST:PORT NAME MB ORDER WORKER WORKERS` inserts one worker's share of the batches.
"""
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from random import Random

import bson
from bson.binary import Binary
from bson.objectid import ObjectId
from pymongo import IndexModel, UpdateOne

from wire import Connection

FULL_MB = 880
WORKERS = 2
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
CITIES = ("Amsterdam", "Bergamo", "Coimbra", "Dresden", "Esbjerg", "Fukuoka", "Gdansk", "Haarlem", "Izmir", "Jakarta")
STATES = ("new", "paid", "packed", "shipped", "delivered", "delivered", "delivered", "returned")


def _vocabulary():
    """Words, and weights as in a natural language: the n-th is used 1/n as often as the first."""
    random = Random("words")
    syllables = [a + b for a in "bcdfghklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "in", "on", "es")]
    words = ["".join(random.choices(syllables, k=random.choice((1, 2, 2, 3, 3, 4)))) for _ in range(5000)]
    weights, total = [], 0.0
    for rank in range(1, len(words) + 1):
        total += 1 / rank
        weights.append(total)
    return words, weights


WORDS, WEIGHTS = _vocabulary()


def _text(random, words):
    return " ".join(random.choices(WORDS, cum_weights=WEIGHTS, k=words))


def _order(random, number):
    at = number * 11 + int(random.random() * 300)
    return {"_id": ObjectId(f"{1767225600 + number * 11:08x}{number % 4:010x}{number % 2**24:06x}"),
            "customer": int(random.random() * 150_000), "at": START + timedelta(seconds=at),
            "state": STATES[int(random.random() * 8)], "city": CITIES[int(random.random() * 10)],
            "cents": int(random.random() * 50_000), "currency": "EUR", "grams": round(random.random() * 5000, 1),
            "sku": f"sku-{int(random.random() ** 2 * 20_000):05}", "session": f"{random.getrandbits(96):024x}"}


def _customer(random, number):
    name = f"{_text(random, 1)} {_text(random, 1)}".title()
    wide = {"_id": Binary(random.randbytes(16), 4), "number": number, "name": name,
            "email": f"{name.lower().replace(' ', '.')}{number}@example.org",
            "address": {"street": _text(random, 2), "house": int(random.random() * 200), "city": random.choice(CITIES)},
            "joined": START - timedelta(seconds=int(random.random() * 1e8)), "balance": round(random.random() * 1000, 2),
            "tags": _text(random, 5).split(), "note": _text(random, 40),
            "points": [int(random.random() * 1000) for _ in range(12)]}
    wide |= {f"setting_{i:02}": random.random() < 0.2 for i in range(12)}
    return wide | {f"score_{i:02}": random.random() for i in range(8)}


def _report(random, number):
    return {"_id": f"2026/{number:07}", "title": _text(random, 6), "at": START + timedelta(minutes=number),
            "preview": Binary(random.randbytes(57_000)), "pages": [_text(random, 1000) for _ in range(47)]}


@dataclass
class Data:
    """Of each collection: how to make a document, how many there are in the full size, and how many go in a batch."""

    collections: dict
    indexes: dict = field(default_factory=dict)

    @property
    def databases(self):
        return sorted({name.split(".")[0] for name in self.collections})

    def batches(self, megabytes):
        """(name, first document, document after the last) of all, in the order in which they are inserted."""
        for name, (_, full, size) in self.collections.items():
            count = max(1, full * megabytes // FULL_MB)
            for first in range(0, count, size):
                yield name, first, min(first + size, count)


SHOP = Data({"shop.orders": (_order, 1_500_000, 10_000), "shop.customers": (_customer, 150_000, 2_000),
             "docs.reports": (_report, 1_200, 10)},
            {"shop.orders": ([("customer", 1), ("at", -1)], [("sku", 1)])})
TENANTS = Data({f"tenants.orders_{n:04}": (_order, 20, 20) for n in range(2_000)})
DATA = {"shop": SHOP, "tenants": TENANTS}


def insert_share(host, data, megabytes, order, worker, workers):
    connection = Connection(host)
    batches = list(data.batches(megabytes))[::-1 if order == "backwards" else 1]
    for name, first, last in batches[worker::workers]:
        make, random = data.collections[name][0], Random(f"{name} {first}")
        connection.insert(*name.split("."), b"".join(bson.encode(make(random, n)) for n in range(first, last)))


def load(server, client, name, megabytes, order="forwards"):
    workers = [subprocess.Popen([sys.executable, __file__, server.host, name, str(megabytes), order, str(n), str(WORKERS)])
               for n in range(WORKERS)]
    if any([worker.wait() for worker in workers]):
        raise RuntimeError("the data could not be loaded")
    create_indexes(client, DATA[name])
    settle(client)


def create_indexes(client, data):
    for name, indexes in data.indexes.items():
        database, collection = name.split(".")
        client[database][collection].create_indexes([IndexModel(keys) for keys in indexes])


def settle(client):
    """Has the server write out what it holds, so that it does not do so during the next measurement."""
    client.admin.command("fsync")


def drop(client):
    for data in DATA.values():
        for name in data.databases:
            client.drop_database(name)
    settle(client)


def update(client, data, share=None, most=None):
    """One field of documents taken at random: of a share of each collection's, or of `most` of the first one's."""
    random, updated = Random("updates"), 0
    for name in list(data.collections)[:1 if most else None]:
        database, collection = name.split(".")
        target = client[database][collection]
        ids = [document["_id"] for document in target.find({}, {"_id": 1})]
        chosen = random.sample(ids, min(len(ids), most or int(len(ids) * share)))
        for first in range(0, len(chosen), 10_000):
            target.bulk_write([UpdateOne({"_id": key}, {"$set": {"grams": -round(1 + random.random() * 5000, 1)}})
                               for key in chosen[first:first + 10_000]], ordered=False)
        updated += len(chosen)
    return updated


def state(client, data):
    """What a restore must bring back: the number of documents and the indexes."""
    found = {}
    for name in data.collections:
        database, collection = name.split(".")
        target = client[database][collection]
        found[name] = target.estimated_document_count(), sorted(target.index_information())
    return found


def size(client, data):
    """The bytes of all documents."""
    return sum(client[name].command("dbStats")["dataSize"] for name in data.databases)


if __name__ == "__main__":
    insert_share(sys.argv[1], DATA[sys.argv[2]], int(sys.argv[3]), sys.argv[4], *map(int, sys.argv[5:7]))
