"""BSON by hand, for bytes that no driver would write, and reading without decoding."""
import struct

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

RAW = CodecOptions(document_class=RawBSONDocument)


def element(kind, name, payload=b""):
    return bytes([kind]) + (name if isinstance(name, bytes) else name.encode()) + b"\0" + payload


def document(*elements):
    body = b"".join(elements)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def doc(*elements):
    """The same, as something that pymongo sends untouched."""
    return RawBSONDocument(document(*elements))


def double(name, value):
    """`value` may be the eight bytes themselves."""
    return element(0x01, name, value if isinstance(value, bytes) else struct.pack("<d", value))


def sized(text):
    text = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<i", len(text) + 1) + text + b"\0"


def string(name, text):
    return element(0x02, name, sized(text))


def binary(name, data, subtype=0):
    return element(0x05, name, struct.pack("<iB", len(data), subtype) + data)


def int32(name, value):
    return element(0x10, name, struct.pack("<i", value))


def int64(name, value):
    return element(0x12, name, struct.pack("<q", value))


def timestamp(name, seconds, increment):
    return element(0x11, name, struct.pack("<II", increment, seconds))


def first_element(raw):
    """The bytes of a document's first element, which is `_id` in everything that a server stores."""
    end = 4 + raw[4:].index(b"\0") + 1
    return raw[4:end + _size(raw[4], raw, end)]


def _size(kind, raw, at):
    length = struct.unpack_from("<i", raw, at)[0] if at + 4 <= len(raw) else 0
    fixed = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0xFF: 0, 0x7F: 0}
    if kind in fixed:
        return fixed[kind]
    if kind in (0x03, 0x04, 0x0F):
        return length
    if kind == 0x05:
        return length + 5
    if kind == 0x0C:
        return length + 16
    if kind == 0x0B:
        first = raw.index(b"\0", at)
        return raw.index(b"\0", first + 1) + 1 - at
    return length + 4


def split(data):
    """The documents of a .bson file, as bytes."""
    at, documents = 0, []
    while at < len(data):
        length = struct.unpack_from("<i", data, at)[0]
        assert 5 <= length <= len(data) - at, f"torn at byte {at}"
        documents.append(data[at:at + length])
        at += length
    return documents
