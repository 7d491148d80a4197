"""A name server of the tests' own, on a loopback address of its own, and programs that ask nobody else.

It wants port 53 and a mount namespace, so root; without those `available()` is false.
"""
import os
import socket
import struct
import subprocess
import threading

ADDRESS = f"127.{os.getpid() >> 16 & 127 | 128}.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"  # nobody else's
TYPES = {1: "A", 16: "TXT", 33: "SRV"}


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def encode(kind, value):
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "TXT":
        return bytes([len(value)]) + value.encode()
    host, port = value
    return struct.pack(">HHH", 0, 0, port) + encode_name(host)


class NameServer:
    """`records` is {(name, type): [value]}; a SRV's value is (host, port). Other names do not exist."""

    def __init__(self, records):
        self._records = records
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ADDRESS, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                query, sender = self._socket.recvfrom(512)
            except OSError:
                return
            self._socket.sendto(self._answer(query), sender)

    def _answer(self, query):
        labels, at = [], 12
        while size := query[at]:
            labels.append(query[at + 1:at + 1 + size].decode())
            at += size + 1
        number, = struct.unpack_from(">H", query, at + 1)
        name, kind = ".".join(labels), TYPES.get(number)
        values = self._records.get((name, kind), [])
        known = any(name == known for known, _ in self._records)
        flags = 0x8180 if known else 0x8183  # NXDOMAIN
        answers = b""
        for value in values:
            data = encode(kind, value)
            answers += b"\xc0\x0c" + struct.pack(">HHIH", number, 1, 60, len(data)) + data
        return query[:2] + struct.pack(">HHHHH", flags, 1, len(values), 0, 0) + query[12:at + 5] + answers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()


def asking_it(folder, program):
    """A script that runs `program` so that it knows this name server alone."""
    resolver, script = folder / "resolv.conf", folder / "with-names"
    resolver.write_text(f"nameserver {ADDRESS}\noptions timeout:2 attempts:3\n")
    script.write_text(f"#!/bin/sh\nmount --bind {resolver} /etc/resolv.conf && exec {program} \"$@\"\n")
    script.chmod(0o755)
    return ["unshare", "-m", str(script)]


def available():
    mount = "mount --bind /dev/null /etc/resolv.conf"
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True).returncode == 0
