"""Every BSON type, also the deprecated ones, in the forms that decoding and encoding again would lose."""
import struct

from support.raw import binary, doc, document, double, element, int32, int64, sized, string, timestamp

OID = bytes(range(1, 13))
DECIMALS = {  # the 16 bytes, high half last: cohorts of one number, zeros, what is not a number
    "1000": (1000, 0x3040000000000000), "1E3": (1, 0x3046000000000000), "minus zero": (0, 0xB040000000000000),
    "zero E+6": (0, 0x304C000000000000), "NaN": (0, 0x7C00000000000000), "sNaN": (0, 0x7E00000000000000),
    "NaN with payload": (42, 0x7C00000000000000), "infinity": (0, 0x7800000000000000), "-infinity": (0, 0xF800000000000000),
    "largest": (0x378D8E63FFFFFFFF, 0x5FFFED09BEAD87C0),
}


def decimal(name, low, high):
    return element(0x13, name, struct.pack("<QQ", low, high))


def date(name, milliseconds):
    return element(0x09, name, struct.pack("<q", milliseconds))


def regex(name, pattern, options):
    return element(0x0B, name, pattern + b"\0" + options + b"\0")


def code_with_scope(name, code, scope):
    body = sized(code) + scope
    return element(0x0F, name, struct.pack("<i", len(body) + 4) + body)


def every_value(n=b"v"):
    """(label, element named `n`) of every type."""
    yield "double", double(n, 1.5)
    yield "zero", double(n, 0.0)
    yield "minus zero", double(n, -0.0)
    yield "infinity", double(n, float("inf"))
    yield "denormal", double(n, 5e-324)
    yield "NaN", double(n, bytes.fromhex("000000000000f87f"))
    yield "NaN with payload", double(n, bytes.fromhex("efbeadde0000f8ff"))
    yield "signalling NaN", double(n, bytes.fromhex("010000000000f07f"))
    yield "string", string(n, "grüße, 世界 \U0001f30d")
    yield "string with NUL", string(n, b"a\0b")
    yield "invalid UTF-8", string(n, b"\xff\xfe\xc0\x80 torn \xe2\x82")
    yield "lone surrogate", string(n, b"\xed\xa0\x80")
    yield "document", element(3, n, document(string("b", "x"), string("a", "y")))
    yield "empty document", element(3, n, document())
    yield "duplicate names", element(3, n, document(int32("a", 1), int32("a", 2), string("a", "3")))
    yield "empty and dotted names", element(3, n, document(int32("", 1), int32("a.b", 2)))
    yield "array", element(4, n, document(int32("0", 1), string("1", "two"), element(0x0A, "2")))
    yield "array with odd keys", element(4, n, document(int32("7", 1), int32("7", 2), int32("x", 3)))
    for subtype in (0, 1, 3, 4, 5, 0x80, 0xFF):
        yield f"binary {subtype}", binary(n, b"sixteen bytes...", subtype)
    yield "binary 2", binary(n, struct.pack("<i", 3) + b"old", 2)
    yield "empty binary", binary(n, b"")
    yield "undefined", element(0x06, n)
    yield "object id", element(0x07, n, OID)
    yield "false", element(0x08, n, b"\0")
    yield "true", element(0x08, n, b"\1")
    for milliseconds in (0, -1, 2**63 - 1, -2**63):
        yield f"date {milliseconds}", date(n, milliseconds)
    yield "null", element(0x0A, n)
    yield "regex", regex(n, b"^a/b$", b"imsx")
    yield "empty regex", regex(n, b"", b"")
    yield "pointer", element(0x0C, n, sized("db.coll") + OID)
    yield "code", element(0x0D, n, sized("function() { return 1 }"))
    yield "symbol", element(0x0E, n, sized("symbol"))
    yield "code with scope", code_with_scope(n, "x", document(int32("x", 1)))
    yield "int32", int32(n, -2**31)
    yield "timestamp", timestamp(n, 2**32 - 1, 2**32 - 1)
    yield "int64", int64(n, 1)
    for label, (low, high) in DECIMALS.items():
        yield f"decimal {label}", decimal(n, low, high)
    yield "max key", element(0x7F, n)
    yield "min key", element(0xFF, n)


NO_ID = {"array", "array with odd keys", "undefined", "regex", "empty regex"}  # a server refuses these as `_id`
SAME_ID = {"minus zero", "NaN with payload", "signalling NaN", "decimal 1000", "decimal zero E+6", "decimal minus zero", "decimal NaN",
           "decimal sNaN", "decimal NaN with payload", "decimal infinity", "int64"}  # equal to another one in the list as a key


def documents_of_every_value():
    for number, (label, value) in enumerate(every_value()):
        yield doc(int32("_id", number), string("label", label), value, element(3, "nested", document(value, timestamp("t", 0, 0))))


def documents_with_every_id():
    for label, value in every_value(b"_id"):
        if label not in NO_ID | SAME_ID:
            yield doc(value, string("label", label))
