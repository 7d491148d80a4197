"""The data of the benchmark: an online shop's orders, customers and reports; the same bytes for the same size each time.

As a program, `dataset.py HOST:PORT MB WORKER WORKERS` inserts one worker's share of the batches.
"""
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from random import Random

import bson
from bson.binary import Binary
from bson.objectid import ObjectId

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


# How to make a document, how many there are in the full size, and how many go in a batch.
COLLECTIONS = {
    "shop.orders": (_order, 1_500_000, 10_000),
    "shop.customers": (_customer, 150_000, 2_000),
    "docs.reports": (_report, 1_200, 10),
}
INDEXES = {"shop.orders": ([("customer", 1), ("at", -1)], [("sku", 1)])}
DATABASES = sorted({name.split(".")[0] for name in COLLECTIONS})


def batches(megabytes):
    """(name, first document, document after the last) of all, in the order in which they are inserted."""
    for name, (_, full, size) in COLLECTIONS.items():
        count = max(1, full * megabytes // FULL_MB)
        for first in range(0, count, size):
            yield name, first, min(first + size, count)


def insert_share(host, megabytes, worker, workers):
    connection = Connection(host)
    for name, first, last in list(batches(megabytes))[worker::workers]:
        make, random = COLLECTIONS[name][0], Random(f"{name} {first}")
        connection.insert(*name.split("."), b"".join(bson.encode(make(random, n)) for n in range(first, last)))


def load(server, client, megabytes):
    workers = [subprocess.Popen([sys.executable, __file__, server.host, str(megabytes), str(n), str(WORKERS)])
               for n in range(WORKERS)]
    if any([worker.wait() for worker in workers]):
        raise RuntimeError("the data could not be loaded")
    for name, indexes in INDEXES.items():
        database, collection = name.split(".")
        for keys in indexes:
            client[database][collection].create_index(keys)
    settle(client)


def settle(client):
    """Has the server write out what it holds, so that it does not do so during the next measurement."""
    client.admin.command("fsync")


def drop(client):
    for name in DATABASES:
        client.drop_database(name)
    settle(client)


def state(client):
    """What a restore must bring back: the number of documents and the indexes."""
    found = {}
    for name in COLLECTIONS:
        database, collection = name.split(".")
        target = client[database][collection]
        found[name] = target.estimated_document_count(), sorted(target.index_information())
    return found


def size(client):
    """The bytes of all documents."""
    return sum(client[name].command("dbStats")["dataSize"] for name in DATABASES)


if __name__ == "__main__":
    insert_share(sys.argv[1], *map(int, sys.argv[2:5]))
