#!/usr/bin/env python3
"""usage: record.py BSONDUMP: writes types.bson, every BSON type and its odd values, and types.json, bsondump's words for it."""
import pathlib, struct, subprocess, sys

here = pathlib.Path(__file__).parent


def element(kind, name, value):
    return bytes([kind]) + name + b'\0' + value


def document(*elements):
    body = b''.join(elements)
    return struct.pack('<i', len(body) + 5) + body + b'\0'


def text(value):
    return struct.pack('<i', len(value) + 1) + value + b'\0'


def binary(subtype, value):
    return struct.pack('<iB', len(value), subtype) + value


def code_with_scope(code, scope):
    inner = text(code) + scope
    return struct.pack('<i', len(inner) + 4) + inner


doubles = [0.0, -0.0, 1.0, -1.5, 0.1, 123456.0, 999999.0, 1e6, 1234567.0, 1e20, 1e21, 1e22, 1e-4, 0.00001234, 5e-324,
           1.7976931348623157e308, float('inf'), float('-inf'), float('nan'), 2.0**53, 3.141592653589793, 100.0, 1e5]
strings = [b'', b'abc', b'<a href="x">&', b'back\\slash', b'\b\f\n\r\t', bytes(range(1, 32)), b'\x7f', '\u00e9\u2603\U0001f600'.encode(),
           '\u2028\u2029'.encode(), b'bad\xff\xfe', b'cut\xe2\x98', b'over\xc0\x80', b'sur\xed\xa0\x80', b'nul\0in', b'/']
decimals = ['00000000000000000000000000004030', '01000000000000000000000000004030', 'f2af967ed05c82de3297ff6fde3cfc2f', '0000000000000000000000000000007c',
            '000000000000000000000000000000f8', '00000000000000000000000000000078', '01000000000000000000000000000000',
            'ffffffff638e8d37c087adbe09edff5f', '0a00000000000000000000000000fe2f', '000000000000000000000000000040b0']
documents = [document(*[element(1, b'd%d' % i, struct.pack('<d', d)) for i, d in enumerate(doubles)])]
documents += [document(element(2, b's', text(s)), element(2, s.replace(b'\0', b''), text(b'as name'))) for s in strings]
documents += [document(*[element(0x13, b'n%d' % i, bytes.fromhex(d)) for i, d in enumerate(decimals)])]
documents += [document(element(3, b'o', document(element(8, b't', b'\1'), element(8, b'f', b'\0'))), element(3, b'e', document())),
              document(element(4, b'a', document(element(16, b'0', struct.pack('<i', -5)), element(10, b'1', b''))), element(4, b'e', document()))]
documents += [document(element(5, b'b', binary(s, b'\xfb\xff\x00data'))) for s in (0, 1, 3, 4, 5, 6, 0x80, 0xff)]
documents += [document(element(5, b'b', binary(2, struct.pack('<i', 3) + b'old')), element(5, b'e', binary(0, b'')))]
documents += [document(element(7, b'_id', bytes(range(12)))), document(element(6, b'u', b'')), document(element(10, b'n', b''))]
documents += [document(*[element(9, b'd%d' % i, struct.pack('<q', d)) for i, d in enumerate(
    [0, 1, 1500, 1356351330501, -1, 253402300799999, 253402300800000, -2**63, 2**63 - 1])])]
documents += [document(element(11, b'r', b'^a"\\d\0xim\0'), element(11, b'e', b'\0\0')), document(element(12, b'p', text(b'db.c') + bytes(12)))]
documents += [document(element(13, b'c', text(b'f("x")')), element(14, b'y', text(b'sym'))),
              document(element(15, b'w', code_with_scope(b'g()', document(element(16, b'x', struct.pack('<i', 1))))))]
documents += [document(*[element(16, b'i%d' % i, struct.pack('<i', v)) for i, v in enumerate([0, 7, -2**31, 2**31 - 1])]),
              document(*[element(18, b'l%d' % i, struct.pack('<q', v)) for i, v in enumerate([0, 7, -2**63, 2**63 - 1])])]
documents += [document(element(17, b't', struct.pack('<II', 2, 1)), element(17, b'm', struct.pack('<II', 2**32 - 1, 2**32 - 1)))]
documents += [document(element(0xff, b'min', b''), element(0x7f, b'max', b'')), document(element(16, b'', struct.pack('<i', 1)))]
(here / 'types.bson').write_bytes(b''.join(documents))
with open(here / 'types.json', 'wb') as out:
    subprocess.run([sys.argv[1], '--quiet', here / 'types.bson'], stdout=out, check=True)
