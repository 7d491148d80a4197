"""MongoDB's messages as a proxy sees them: whole ones out of a stream of pieces, what they ask, and other answers in their place."""
import struct

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
HEADER = 16
DOCUMENT_AT = {OP_MSG: HEADER + 5, OP_REPLY: HEADER + 20}  # in the only section, and after flags, cursor and counts


class Messages:
    """Puts the pieces of one direction of one connection together."""

    def __init__(self):
        self._rest = b""

    def take(self, piece):
        """The messages that are whole now."""
        self._rest += piece
        whole = []
        while len(self._rest) >= HEADER:
            length = struct.unpack_from("<i", self._rest)[0]
            if len(self._rest) < length:
                break
            whole.append(self._rest[:length])
            self._rest = self._rest[length:]
        return whole


def request_id(message):
    return struct.unpack_from("<i", message, 4)[0]


def response_to(message):
    return struct.unpack_from("<i", message, 8)[0]


def _opcode(message):
    return struct.unpack_from("<i", message, 12)[0]


def _name_at(message, document):
    """The name of a document's first field."""
    begin = document + 5
    return message[begin:message.index(b"\0", begin)].decode()


def asked(message):
    """The command, and for a find the collection that it reads: "find oplog.rs"."""
    if _opcode(message) == OP_QUERY:
        return _name_at(message, message.index(b"\0", HEADER + 4) + 9)
    name = _name_at(message, DOCUMENT_AT[OP_MSG])
    for collection in (b"oplog.rs", b"transactions"):
        if name in ("find", "getMore") and collection in message:
            return f"{name} {collection.decode()}"
    return name


def with_answer(message, change):
    """The reply with change(its document) in it; the lengths outside of the document are right."""
    at = DOCUMENT_AT[_opcode(message)]
    length = struct.unpack_from("<i", message, at)[0]
    changed = message[HEADER:at] + change(message[at:at + length])
    return struct.pack("<i", HEADER + len(changed)) + message[4:HEADER] + changed
