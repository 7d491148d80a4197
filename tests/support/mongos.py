"""A scripted double of a mongos: it answers the handshake as the real one does (recorded) and knows nothing else."""
import socket
import struct
import threading

import bson

HELLO = {"ismaster": True, "isWritablePrimary": True, "msg": "isdbgrid", "helloOk": True, "maxBsonObjectSize": 16777216,
         "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000, "logicalSessionTimeoutMinutes": 30, "connectionId": 7,
         "maxWireVersion": 17, "minWireVersion": 0, "ok": 1.0}
BUILD = {"version": "6.0.5", "versionArray": [6, 0, 5, 0], "ok": 1.0}
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013


def answer(command):
    name = next(iter(command))
    if name.lower() in ("ismaster", "hello"):
        return HELLO
    if name.lower() == "buildinfo":
        return BUILD
    if name in ("ping", "endSessions"):
        return {"ok": 1.0}
    return {"ok": 0.0, "errmsg": f"no such command: '{name}'", "code": 59, "codeName": "CommandNotFound"}


class Mongos:
    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"mongodb://127.0.0.1:{self._listener.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as incoming:
            while header := incoming.read(16):
                length, request, _, opcode = struct.unpack("<iiii", header)
                body = incoming.read(length - 16)
                connection.sendall(_reply(request, opcode, body))


def _reply(request, opcode, body):
    if opcode == OP_QUERY:
        command = bson.decode(body[body.index(b"\0", 4) + 9:])
        payload = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(answer(command))
        return struct.pack("<iiii", 16 + len(payload), 1, request, OP_REPLY) + payload
    assert opcode == OP_MSG and body[4] == 0
    payload = struct.pack("<IB", 0, 0) + bson.encode(answer(bson.decode(body[5:5 + struct.unpack_from("<i", body, 5)[0]])))
    return struct.pack("<iiii", 16 + len(payload), 1, request, OP_MSG) + payload
