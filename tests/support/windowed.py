"""A dump with operations in its window, as many as one likes, without a server to write them."""
import bson
from bson import Binary, Timestamp


def dump_with_a_window(folder, documents, text=200):
    """What mongodump --oplog writes where every document is replaced while it runs."""
    (folder / "shop").mkdir(parents=True)
    uuid = Binary(b"\x07" * 16, 4)
    (folder / "shop" / "orders.bson").write_bytes(b"".join(bson.encode({"_id": i, "text": ""}) for i in range(documents)))
    (folder / "shop" / "orders.metadata.json").write_text(
        '{"indexes":[{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"}],"uuid":"' + "07" * 16 +
        '","collectionName":"orders","type":"collection"}')
    with open(folder / "oplog.bson", "wb") as oplog:
        for i in range(documents):
            oplog.write(bson.encode({"ts": Timestamp(100 + i // 1000, i % 1000 + 1), "t": 1, "v": 2, "op": "u", "ns": "shop.orders", "ui": uuid,
                                     "o": {"_id": i, "text": f"{i:06}" + "x" * text}, "o2": {"_id": i}}))
