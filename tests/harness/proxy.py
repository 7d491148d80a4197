"""A TCP proxy between a client and a server that does what networks do.

    with Proxy(server) as proxy:
        proxy.cut_after(1_000_000)      the connection that carries so many bytes from the server from now on is reset
        proxy.stall_after(1_000_000)    from then on nothing is passed on, in no direction, and nothing is closed
        proxy.truncate_after(1_000_000) the reply under way ends there, and the connection is closed in order
        proxy.delay(0.05)               everything from the server comes so much later
        proxy.mangle(change)            what comes from the server, piece by piece, is change(piece)
        proxy.answer(change)            what it answers is change(command, document), of connections that are made from now on
        proxy.refuse()                  new connections are reset; proxy.accept() ends that
        proxy.cut_all()                 those that exist are reset

Those that count bytes count what the client sends with `sent=True`.
"""
import socket
import struct
import threading
import time

from .wire import Messages, asked, request_id, response_to, with_answer

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


class Proxy:
    def __init__(self, server):
        self._server = server
        self._lock = threading.Lock()
        self._pairs = set()
        self._left, self._fault, self._sent = None, None, False
        self._change = lambda piece: piece
        self._answer = None
        self._delay, self._refusing, self._stalled = 0, False, False
        self.struck = threading.Event()  # a fault that counts bytes has come
        self.healed = threading.Event()  # ends a stall
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def uri(self, uri=None):
        """The server's own URI, or another one to it, through here and to this one member."""
        uri = (uri or self._server.direct_uri).replace(self._server.host, self.host)
        return uri if "directConnection" in uri else uri + ("&" if "?" in uri else "?") + "directConnection=true"

    def cut_after(self, size, sent=False):
        self._arm(size, self._cut, sent)

    def truncate_after(self, size, sent=False):
        self._arm(size, self._truncate, sent)

    def stall_after(self, size, sent=False):
        self._arm(size, self._stall, sent)

    def delay(self, seconds):
        self._delay = seconds

    def mangle(self, change):
        self._change = change

    def answer(self, change):
        self._answer = change

    def refuse(self):
        self._refusing = True

    def accept(self):
        self._refusing = False

    def cut_all(self):
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._cut(pair)

    def _arm(self, size, fault, sent):
        self.struck.clear()
        with self._lock:
            self._left, self._fault, self._sent = size, fault, sent

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                if self._refusing:
                    raise OSError
                host, port = self._server.host.rsplit(":", 1)
                server = socket.create_connection((host, int(port)))
            except OSError:
                reset(client)
                continue
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            requests, answers = self._messages() if self._answer else (self._same, self._change_piece)
            threading.Thread(target=self._pass_on, args=(pair, client, server, False, requests), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(pair, server, client, True, answers), daemon=True).start()

    def _same(self, piece):
        return piece

    def _change_piece(self, piece):
        return self._change(piece)

    def _messages(self):
        """What is done with the pieces of either direction where answers are changed."""
        commands, requests, answers = {}, Messages(), Messages()

        def note(piece):
            for message in requests.take(piece):
                commands[request_id(message)] = asked(message)
            return piece

        def change(piece):
            return b"".join(with_answer(message, lambda document, of=commands.pop(response_to(message), ""): self._answer(of, document))
                            for message in answers.take(piece))
        return note, change

    def _pass_on(self, pair, source, target, from_server, change):
        try:
            while data := source.recv(65536):
                if self._stalled:
                    self.healed.wait()
                fault, part = self._count(data, from_server)
                if self._delay and from_server:
                    time.sleep(self._delay)
                target.sendall(change(part))
                if fault:
                    self.struck.set()  # first: whoever the fault ends may ask at once
                    fault(pair)
        except OSError:
            pass
        self._close(pair)

    def _count(self, data, from_server):
        """The fault that is due, and what is passed on before it."""
        with self._lock:
            if self._left is None or self._sent == from_server:
                return None, data
            if len(data) < self._left:
                self._left -= len(data)
                return None, data
            part, fault = data[:self._left], self._fault
            self._left = self._fault = None
            return fault, part

    def _cut(self, pair):
        for end in pair:
            reset(end)

    def _truncate(self, pair):
        self._close(pair)

    def _stall(self, _):
        self._stalled = True

    def _close(self, pair):
        with self._lock:
            self._pairs.discard(pair)
        for end in pair:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.healed.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all()


def reset(end):
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.shutdown(socket.SHUT_RD)  # wakes whoever waits in it
    except OSError:
        pass
    end.close()
