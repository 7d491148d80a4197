"""MongoDB's wire protocol with nothing in the way, for a client that must not be the limit.

As a program it is a floor. `wire.py read HOST:PORT DB.COLLECTION...` reads the collections, one cursor at a time, and drops
what comes without a look at it, as every backup through the server must at least. `wire.py keep HOST:PORT FOLDER
DB.COLLECTION...` keeps what comes, and `wire.py write HOST:PORT FOLDER NAME` inserts what lies there through two connections,
builds the indexes of the data set NAME and waits until all of it is durable, as every restore must.
"""
import queue
import socket
import struct
import sys
import threading
from pathlib import Path

import bson

HEADER = struct.Struct("<iiii")
OP_MSG = 2013
LARGEST_REPLY = 48 << 20
BATCH = 2 << 20
WRITERS = 2


class Failed(Exception):
    pass


class Connection:
    def __init__(self, host):
        name, _, port = host.rpartition(":")
        self._socket = socket.create_connection((name, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(LARGEST_REPLY)

    def command(self, body, sequence=None, documents=b""):
        """Sends a command with encoded `documents` as the argument named `sequence`. Returns a view of the reply, which
        is good until the next command."""
        message = bytes(4) + b"\0" + bson.encode(body)
        if sequence:
            name = sequence.encode() + b"\0"
            message += b"\1" + struct.pack("<i", 4 + len(name) + len(documents)) + name
        self._socket.sendall(HEADER.pack(HEADER.size + len(message) + len(documents), 1, 0, OP_MSG) + message)
        self._socket.sendall(documents)
        self._receive(0, HEADER.size)
        length = HEADER.unpack_from(self._buffer)[0]
        self._receive(HEADER.size, length)
        return memoryview(self._buffer)[HEADER.size + 5:length]

    def _receive(self, begin, end):
        view = memoryview(self._buffer)
        while begin < end:
            got = self._socket.recv_into(view[begin:end])
            if not got:
                raise Failed("the server closed the connection")
            begin += got

    def insert(self, database, collection, documents):
        reply = bson.decode(self.command({"insert": collection, "ordered": False, "$db": database}, "documents", documents))
        if not reply["ok"] or "writeErrors" in reply:
            raise Failed(f"insert into {database}.{collection}: {str(reply)[:500]}")

    def arrays(self, database, collection):
        """The array of documents in each reply, as bytes that are good until the next one."""
        array, cursor = self._batch(self.command({"find": collection, "$db": database}))
        yield array
        while cursor:
            array, cursor = self._batch(self.command({"getMore": cursor, "collection": collection, "$db": database}))
            yield array

    @staticmethod
    def _batch(reply):
        """The array in {cursor: {firstBatch|nextBatch: [...], id: N, ...}, ...}, and N."""
        cursor = bytes(reply[4:32])
        if not cursor.startswith(b"\x03cursor\0"):
            raise Failed(f"no cursor: {str(bson.decode(reply))[:500]}")
        array = 4 + cursor.index(b"Batch\0") + len(b"Batch\0")
        size = struct.unpack_from("<i", reply, array)[0]
        if reply[array + size:array + size + 4] != b"\x12id\0":
            raise Failed("a cursor of another shape than expected")
        return reply[array:array + size], struct.unpack_from("<q", reply, array + size + 4)[0]


def documents_in(array):
    """(documents, how many) of some megabytes each: an array without its keys."""
    batch, count, at, end = bytearray(), 0, 4, len(array) - 1
    while at < end:
        begin = at + 2
        while array[begin - 1]:  # the key's end
            begin += 1
        at = begin + struct.unpack_from("<i", array, begin)[0]
        batch += array[begin:at]
        count += 1
        if len(batch) >= BATCH or at >= end:
            yield batch, count
            batch, count = bytearray(), 0


def read(host, *names):
    connection = Connection(host)
    print(sum(len(array) for name in names for array in connection.arrays(*name.split(".", 1))))


def keep(host, folder, *names):
    """A file for each insert command: its namespace is its name's beginning."""
    connection, folder, number = Connection(host), Path(folder), 0
    for name in names:
        for array in connection.arrays(*name.split(".", 1)):
            for documents, _ in documents_in(array):
                (folder / f"{number:06} {name}").write_bytes(documents)
                number += 1


def write(host, folder, data):
    import pymongo  # for what is not measured by its speed
    import dataset
    files = queue.SimpleQueue()
    for file in sorted(Path(folder).iterdir()):
        files.put(file)
    failed = []

    def insert():
        try:
            connection = Connection(host)
            while not failed:
                file = files.get_nowait()
                connection.insert(*file.name.split(" ", 1)[1].split(".", 1), file.read_bytes())
        except queue.Empty:
            pass
        except Exception as error:
            failed.append(error)

    writers = [threading.Thread(target=insert) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    if failed:
        raise failed[0]
    with pymongo.MongoClient(f"mongodb://{host}/?directConnection=true") as client:
        dataset.create_indexes(client, dataset.DATA[data])
        client.admin.command("appendOplogNote", data={"bench": "all written"}, writeConcern={"w": "majority", "j": True})


if __name__ == "__main__":
    {"read": read, "keep": keep, "write": write}[sys.argv[1]](*sys.argv[2:])
