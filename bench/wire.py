"""MongoDB's wire protocol with nothing in the way, for a client that must not be the limit.

As a program, `wire.py HOST:PORT DB.COLLECTION...` reads the collections, one cursor at a time, and drops what comes without
a look at it: the floor of every backup that reads through the server.
"""
import socket
import struct
import sys

import bson

HEADER = struct.Struct("<iiii")
OP_MSG = 2013
LARGEST_REPLY = 48 << 20


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

    def drain(self, database, collection):
        """Reads it all and returns how many bytes its documents had."""
        total, cursor = self._batch(self.command({"find": collection, "$db": database}))
        while cursor:
            size, cursor = self._batch(self.command({"getMore": cursor, "collection": collection, "$db": database}))
            total += size
        return total

    @staticmethod
    def _batch(reply):
        """The size of the array in {cursor: {firstBatch|nextBatch: [...], id: N, ...}, ...}, and N."""
        cursor = bytes(reply[4:32])
        if not cursor.startswith(b"\x03cursor\0"):
            raise Failed(f"no cursor: {str(bson.decode(reply))[:500]}")
        array = 4 + cursor.index(b"Batch\0") + len(b"Batch\0")
        size = struct.unpack_from("<i", reply, array)[0]
        if reply[array + size:array + size + 4] != b"\x12id\0":
            raise Failed("a cursor of another shape than expected")
        return size, struct.unpack_from("<q", reply, array + size + 4)[0]


if __name__ == "__main__":
    connection = Connection(sys.argv[1])
    print(sum(connection.drain(*name.split(".", 1)) for name in sys.argv[2:]))
