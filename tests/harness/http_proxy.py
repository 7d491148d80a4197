"""A proxy before a store that speaks HTTP, which does what stores do on bad days, and what stands before them.

    with HttpProxy(store) as proxy:
        proxy.disturb(answers(503, {"Retry-After": "1"}), every=4)   each fourth request meets it
        proxy.disturb(loses, when=lambda method, path: method == "PUT")
        proxy.calm()                                                  all goes through again

A fault is a function of the request under way.
"""
import contextlib
import http.client
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .proxy import reset


def answers(status, headers=None, body=b""):
    """The request does not reach the store."""
    return lambda request: request.give(status, list((headers or {}).items()), body)


def loses(request):
    """The store does what it was asked to; nobody hears of it."""
    request.ask()
    request.reset()


def cuts(request):
    """The connection ends in the middle of the answer's body."""
    status, headers, body = request.ask()
    request.give(status, headers, body, sent=len(body) // 2)
    request.reset()


def shortens(request):
    """The answer lacks its end, and its length says so, too."""
    status, headers, body = request.ask()
    request.give(status, headers, body[:len(body) * 2 // 3])


def flips(request):
    """A bit of the answer is another one."""
    status, headers, body = request.ask()
    changed = bytearray(body)
    if changed:
        changed[len(changed) // 2] ^= 4
    request.give(status, headers, bytes(changed))


def leaves_out(names):
    """A listing lacks the files of these names, and is a whole one otherwise."""
    def fault(request):
        status, headers, body = request.ask()
        request.give(status, headers, _without(names, body) if body else body)
    return fault


def _without(names, listing):
    kept = lambda text: not any(name in text for name in names)
    if listing.lstrip().startswith(b"<"):
        return re.sub(r"<(Contents|Blob)>.*?</\1>", lambda file: file[0] * kept(file[0]), listing.decode(), flags=re.DOTALL).encode()
    read = json.loads(listing)
    files = [file for file in (read.get("items", []) if isinstance(read, dict) else read) if kept(json.dumps(file))]
    return json.dumps({**read, "items": files} if isinstance(read, dict) else files).encode()


class HttpProxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, store):
        super().__init__(("127.0.0.1", 0), _Request)
        self.store = store.host
        self._lock = threading.Lock()
        self.calm()
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()

    @property
    def host(self):
        return "127.0.0.1:%d" % self.server_address[1]

    def disturb(self, fault, every=1, when=lambda method, path: True):
        with self._lock:
            self._fault, self._every, self._when, self._met, self.struck = fault, every, when, 0, 0

    def calm(self):
        with self._lock:
            self._fault = None

    def fault_of(self, method, path):
        with self._lock:
            if self._fault is None or not self._when(method, path):
                return _pass_on
            self._met += 1
            if self._met % self._every:
                return _pass_on
            self.struck += 1
            return self._fault

    def handle_error(self, *_):
        """Clients go away in the middle, as they may."""

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def _pass_on(request):
    request.give(*request.ask())


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do(self):
        self._body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.fault_of(self.command, self.path)(self)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do

    def ask(self):
        """The store's own answer: status, headers and the whole body."""
        store = http.client.HTTPConnection(self.server.store, timeout=60)
        with contextlib.closing(store):
            try:
                store.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in ("expect", "connection"):
                        store.putheader(name, value)
                store.endheaders(self._body or None)
                answer = store.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            except (OSError, http.client.HTTPException):
                self.reset()
                raise

    def give(self, status, headers, body, sent=None):
        self.send_response_only(status)
        length = len(body)
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = int(value)
            elif name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:sent])

    def reset(self):
        self.close_connection = True
        self.wfile.flush()
        reset(self.connection)
        self.connection = self.request = socket.socket()  # which the server may close as it likes

    def log_message(self, *_):
        pass
