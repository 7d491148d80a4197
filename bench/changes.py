"""What a second backup adds to the repository: after one document in a hundred was updated, by the average size of the chunks,
and when it reads another member of the set.

Each figure is that of one collection in a repository of its own, in which a first backup lies.
"""
import argparse
import sys
import tempfile
from pathlib import Path

from harness.servers import ReplicaSet
from harness.tools import Varve

import dataset
import report
from support.runs import at, new_repository

MONGOD = "6.0.5"
SHARE = 0.01
SIZES = ("256K", "1M", "2M", "4M", "8M")
ORDERS = {"id": "by `_id`", "natural": "in natural order"}


class Place:
    """A repository that holds backups of one collection."""

    def __init__(self, folder, server, name, *args):
        folder.mkdir(parents=True)
        self._varve, self._server, self._name, self._args = Varve(folder), server, name, args
        new_repository(self._varve)
        self.stored = self.back_up("primary")

    def back_up(self, member):
        """The bytes that it added."""
        saved = self._varve.json("backup", at(self._varve, self._server.uri), "--source", "shop", "--ns-include", self._name,
                                 "--member", member, *self._args, timeout=900)[-1]
        assert saved["collections"] == 1, saved
        return saved["data_added_packed"]

    def share(self, added):
        return f"{added / 1e6:.2f} ({added / self.stored:.1%})"


def measure(server, client, name, folder):
    """The cells of both tables' rows for a collection."""
    print(f"  {name}", file=sys.stderr, flush=True)
    sizes = {size: Place(folder / size, server, name, "--chunk-size", size) for size in SIZES}
    orders = {order: Place(folder / order, server, name, "--order", order) for order in ORDERS}
    unchanged = {order: place.share(place.back_up("secondary")) for order, place in orders.items()}
    updated = dataset.update(client, dataset.Data({name: dataset.SHOP.collections[name]}), share=SHARE)
    server.wait_for_replication()
    print(f"  {updated} documents updated", file=sys.stderr, flush=True)
    by_size = [place.share(place.back_up("primary")) for place in sizes.values()]
    by_order = [(unchanged[order], place.share(place.back_up("secondary"))) for order, place in orders.items()]
    return by_size, by_order


def rows_title(client, name):
    database, collection = name.split(".")
    stats = client[database].command("collStats", collection)
    return f"{stats['count']:,} of {stats['avgObjSize']:,.0f} bytes" if stats["avgObjSize"] < 10_000 else \
        f"{stats['count']:,} of {stats['avgObjSize'] / 1000:,.0f} KB"


def tables(found):
    """`found`: for each title the two lists of cells."""
    by_size = report.align([("documents", *(f"chunks of {size}" for size in SIZES)), *((title, *cells) for title, (cells, _) in found.items())])
    rows = [("documents", "order", "nothing changed", "1 % updated")]
    for title, (_, cells) in found.items():
        rows += [(title if first else "", order, *pair) for first, order, pair in zip((True, False), ORDERS.values(), cells)]
    return (f"**Added after 1 % of the documents were updated, MB (share of what the first backup stored)**\n\n{by_size}\n\n"
            f"**Added by a backup that reads another member than the first, MB (share), chunks of 1M**\n\n{report.align(rows)}")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench changes", description=__doc__)
    parser.add_argument("--mb", type=int, default=200, help="size of the data")
    parser.add_argument("--write", type=Path, help="put the figures into this page")
    options = parser.parse_args()
    found = {}
    with ReplicaSet(MONGOD, members=2, hidden=0) as server, server.client() as client, tempfile.TemporaryDirectory() as folder:
        dataset.load(server.primary, client, "shop", options.mb)
        server.wait_for_replication()
        for name in dataset.SHOP.collections:
            found[rows_title(client, name)] = measure(server, client, name, Path(folder) / name)
        data = f"{dataset.size(client, dataset.SHOP) / 1e6:,.0f} MB of BSON"
    figures = f"{report.origin('changes', data, (), (f'mongod {MONGOD}',))}\n\n{tables(found)}"
    report.finish("changes", {"figures": figures}, options.write, [])


if __name__ == "__main__":
    main()
