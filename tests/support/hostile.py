"""What a server that is broken or means harm may answer: documents that are none, and documents that say nonsense."""
import random
import struct

import bson
from bson import Int64

from support.raw import document, element


def _inner_lengths(raw):
    """Where the lengths of documents, lists and strings are, as far as can be told by their types."""
    found, at = [], 4
    while at < len(raw) - 1 and raw[at]:
        kind, value = raw[at], raw.index(b"\0", at + 1) + 1
        if kind in (2, 3, 4):
            found.append(value)
        if kind in (3, 4):
            found += [value + inner for inner in _inner_lengths(raw[value:value + struct.unpack_from("<i", raw, value)[0]])]
        at = value + _size(kind, raw, value)
    return found


def _size(kind, raw, at):
    fixed = {1: 8, 7: 12, 8: 1, 9: 8, 10: 0, 16: 4, 17: 8, 18: 8}
    if kind in fixed:
        return fixed[kind]
    length = struct.unpack_from("<i", raw, at)[0]
    return length if kind in (3, 4) else length + 5 if kind == 5 else length + 4


def empty(_, __):
    return bson.encode({"ok": 1.0})


def refused(_, __):
    return bson.encode({"ok": 0.0})


def torn(raw, dice):
    """A length inside that lies, too."""
    places = _inner_lengths(raw)
    if not places:
        return raw[:4] + b"\x7e" + raw[5:]
    at = dice.choice(places)
    return raw[:at] + struct.pack("<i", dice.choice([-1, 0, 1, 4, 2**31 - 1, len(raw)])) + raw[at + 4:]


def cut_short(raw, dice):
    """Its own length is right, what is in it is not whole."""
    kept = raw[4:dice.randrange(6, max(7, len(raw) - 1))]
    return struct.pack("<i", len(kept) + 5) + kept + b"\0"


def flipped(raw, dice):
    changed = bytearray(raw)
    for _ in range(dice.choice([1, 3, 20])):
        changed[dice.randrange(4, len(raw))] = dice.randrange(256)
    return bytes(changed)


def other_types(raw, _):
    def changed(value):
        if isinstance(value, dict):
            return [changed(inner) for inner in value.values()]
        if isinstance(value, list):
            return {str(n): changed(inner) for n, inner in enumerate(value)}
        return {"is": value} if isinstance(value, str) else "text"
    return bson.encode({name: value if name == "ok" else changed(value) for name, value in bson.decode(raw).items()})


def without_values(raw, dice):
    """A field or more of every document is not there."""
    def changed(value):
        if isinstance(value, dict):
            return {name: changed(inner) for name, inner in value.items() if dice.random() < 0.7 or name == "ok"}
        return [changed(inner) for inner in value] if isinstance(value, list) else value
    return bson.encode(changed(bson.decode(raw)))


def odd_numbers(raw, dice):
    def changed(value):
        if isinstance(value, dict):
            return {name: value if name == "ok" else changed(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [changed(inner) for inner in value]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return dice.choice([Int64(-1), Int64(2**63 - 1), Int64(-2**63), float("nan"), 1e300])
        return value
    decoded = bson.decode(raw)
    return bson.encode({name: value if name == "ok" else changed(value) for name, value in decoded.items()})


def deep(raw, _):
    """Each field's value is nested deeper than anybody nests."""
    nested = document()
    for _ in range(3000):
        nested = document(element(3, "d", nested))
    names = list(bson.decode(raw))
    return document(*(element(3, name, nested) for name in names[:5] if name != "ok"), element(1, "ok", struct.pack("<d", 1)))


CHANGES = {change.__name__: change for change in (empty, refused, torn, cut_short, flipped, other_types, without_values, odd_numbers, deep)}


class Liar:
    """For Proxy.answer: changes what is answered to one command, from its `nth` answer on."""

    def __init__(self, command, change, seed=0, nth=0):
        self._command, self._change, self._dice, self._nth = command, CHANGES[change], random.Random(seed), nth
        self.lied, self.asked = 0, set()

    def __call__(self, command, raw):
        self.asked.add(command)
        if command != self._command:
            return raw
        self._nth -= 1
        if self._nth >= 0:
            return raw
        self.lied += 1
        return self._change(raw, self._dice)
