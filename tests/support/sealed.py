"""Writes files of a repository (snapshots, index files) as restic's format has them, without either program: for tests that need
snapshots of times long gone, or an index of a million blobs, in seconds. Uses the machine's own libcrypto and libzstd."""
import base64
import ctypes
import ctypes.util
import hashlib
import json
import os
from datetime import datetime, timezone
from pathlib import Path

_crypto = ctypes.CDLL("libcrypto.so.3")
_zstd = ctypes.CDLL("libzstd.so.1")
for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_ctr", "EVP_aes_128_ecb", "EVP_MAC_fetch", "EVP_MAC_CTX_new"):
    getattr(_crypto, name).restype = ctypes.c_void_p
for name in ("ZSTD_compress", "ZSTD_compressBound"):
    getattr(_zstd, name).restype = ctypes.c_size_t


def _aes(cipher, key, iv, data):
    """Encrypts; in counter mode that is decrypting too."""
    context = ctypes.c_void_p(_crypto.EVP_CIPHER_CTX_new())
    out, length = ctypes.create_string_buffer(len(data) + 16), ctypes.c_int()
    assert _crypto.EVP_EncryptInit_ex(context, ctypes.c_void_p(cipher()), None, key, iv) == 1
    assert _crypto.EVP_CIPHER_CTX_set_padding(context, 0) == 1
    assert _crypto.EVP_EncryptUpdate(context, out, ctypes.byref(length), data, len(data)) == 1
    _crypto.EVP_CIPHER_CTX_free(context)
    return out.raw[:length.value]


_poly1305 = ctypes.c_void_p(_crypto.EVP_MAC_fetch(None, b"POLY1305", None))


def _mac(key, data):
    context = ctypes.c_void_p(_crypto.EVP_MAC_CTX_new(_poly1305))
    out, length = ctypes.create_string_buffer(16), ctypes.c_size_t()
    assert _crypto.EVP_MAC_init(context, key, ctypes.c_size_t(len(key)), None) == 1
    assert _crypto.EVP_MAC_update(context, data, ctypes.c_size_t(len(data))) == 1
    assert _crypto.EVP_MAC_final(context, out, ctypes.byref(length), ctypes.c_size_t(16)) == 1
    _crypto.EVP_MAC_CTX_free(context)
    return out.raw


def _compressed(data):
    bound = _zstd.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    out = ctypes.create_string_buffer(bound)
    size = _zstd.ZSTD_compress(out, ctypes.c_size_t(bound), data, ctypes.c_size_t(len(data)), 3)
    assert size <= bound
    return out.raw[:size]


class Sealer:
    """Seals with the master key of a repository (format 2) that the harness's password opens."""

    def __init__(self, repository):
        self.path = Path(repository.path)
        key = json.loads(next((self.path / "keys").iterdir()).read_text())
        derived = hashlib.scrypt(repository.password_file.read_bytes().strip(), salt=base64.b64decode(key["salt"]),
                                 n=key["N"], r=key["r"], p=key["p"], maxmem=1 << 28, dklen=64)
        unit = base64.b64decode(key["data"])
        assert _mac(self._one_time_key(derived[32:48], derived[48:64], unit[:16]), unit[16:-16]) == unit[-16:]
        master = json.loads(_aes(_crypto.EVP_aes_256_ctr, derived[:32], unit[:16], unit[16:-16]))
        self.encrypt = base64.b64decode(master["encrypt"])
        self.mac = base64.b64decode(master["mac"]["k"]), base64.b64decode(master["mac"]["r"])

    @staticmethod
    def _one_time_key(k, r, iv):
        return r + _aes(_crypto.EVP_aes_128_ecb, k, None, iv)

    def seal(self, plain):
        iv = os.urandom(16)
        sealed = _aes(_crypto.EVP_aes_256_ctr, self.encrypt, iv, plain)
        return iv + sealed + _mac(self._one_time_key(*self.mac, iv), sealed)

    def write(self, folder, text):
        """Stores JSON text as a file of this folder; gives its id."""
        sealed = self.seal(b"\x02" + _compressed(text.encode()))
        name = hashlib.sha256(sealed).hexdigest()
        (self.path / folder / name).write_bytes(sealed)
        return name

    def snapshot(self, **fields):
        """A snapshot of a tree that does not exist, unless `tree` names one."""
        return self.write("snapshots", json.dumps({"tree": "ac" * 32, "paths": ["/data"], **fields}))

    def lock(self, host, exclusive, pid=None):
        """A lock as a program holds it that lives as long as this one; gives its file."""
        now = datetime.now(timezone.utc).isoformat()
        return self.path / "locks" / self.write("locks", json.dumps(
            {"time": now, "exclusive": exclusive, "hostname": host, "username": "somebody", "pid": pid or os.getpid()}))


def write_big_index(sealer, blobs, a_pack=500, a_file=50_000):
    """Index files as a repository of so many data blobs has them: random ids, packs of 500 blobs that do not exist."""
    for _ in range(0, blobs, a_file):
        packs = []
        for _ in range(0, a_file, a_pack):
            ids = os.urandom(32 * a_pack).hex()
            lengths = [20_000 + x for x in os.urandom(a_pack)]
            entries, offset = [], 0
            for i, length in enumerate(lengths):
                entries.append(f'{{"id":"{ids[64 * i:64 * i + 64]}","type":"data","offset":{offset},"length":{length},'
                               f'"uncompressed_length":{3 * length}}}')
                offset += length
            packs.append(f'{{"id":"{os.urandom(32).hex()}","blobs":[{",".join(entries)}]}}')
        sealer.write("index", f'{{"packs":[{",".join(packs)}]}}')
