#!/usr/bin/env python3
"""Packs a recorded case (base/, oplog.bson, final/, case.json) into one file of BSON documents, compressed.

usage: pack.py CASE_FOLDER OUT.zst
In this order: {name, server, fuzzy, t0, t1}; for each collection of the base a header {db, collection, type, uuid,
options, indexes, documents: n} and its n documents; {oplog: n} and n entries; the collections of the final state.
"""
import json
import pathlib
import subprocess
import sys

import bson
from bson import json_util
from bson.son import SON

CANONICAL = json_util.JSONOptions(json_mode=json_util.JSONMode.CANONICAL, document_class=SON)


def split(data):
    while data:
        size = int.from_bytes(data[:4], "little")
        yield data[:size]
        data = data[size:]


def collections(side):
    for meta in sorted(side.glob("*/*.metadata.json")):
        info = json_util.loads(meta.read_text(), json_options=CANONICAL)
        data = meta.with_name(meta.name.removesuffix(".metadata.json") + ".bson")
        documents = list(split(data.read_bytes())) if data.exists() else []
        yield header(meta.parent.name, info["collectionName"], info["type"], info.get("uuid", ""), info.get("options", {}),
                     info["indexes"], len(documents))
        yield from documents


def header(db, collection, kind, uuid, options, indexes, documents):
    return bson.encode(SON([("db", db), ("collection", collection), ("type", kind), ("uuid", uuid), ("options", options),
                            ("indexes", indexes), ("documents", documents)]))


def case_header(name, server, fuzzy, t0, t1):
    return bson.encode(SON([("name", name), ("server", server), ("fuzzy", fuzzy), ("t0", bson.Timestamp(*t0)),
                            ("t1", bson.Timestamp(*t1))]))


def write(out, documents):
    subprocess.run(["zstd", "-q", "-19", "-f", "-o", str(out)], input=b"".join(documents), check=True)


def main():
    folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    case = json.loads((folder / "case.json").read_text())
    entries = list(split((folder / "oplog.bson").read_bytes()))
    write(out, [case_header(case["name"], case["server"], case["fuzzy"], case["t0"], case["t1"]),
                *collections(folder / "base"), bson.encode({"oplog": len(entries)}), *entries,
                *collections(folder / "final")])


if __name__ == "__main__":
    main()
