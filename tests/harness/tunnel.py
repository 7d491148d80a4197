"""A proxy as HTTP clients take them, which leads whatever is asked for to one server on loopback: so a client reaches it by a
name that no name server knows.

    with Tunnel(server) as tunnel: env = {"HTTPS_PROXY": tunnel.url}
"""
import contextlib
import socket
import socketserver
import threading


class Tunnel(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, server):
        super().__init__(("127.0.0.1", 0), _Connection)
        self._target = server
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.server_address[1]

    def connect(self):
        host, port = self._target.host.rsplit(":", 1)
        return socket.create_connection((host, int(port)))

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class _Connection(socketserver.StreamRequestHandler):
    def handle(self):
        asked = self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        if not asked.startswith(b"CONNECT "):
            self.wfile.write(b"HTTP/1.1 405 Only CONNECT\r\nContent-Length: 0\r\n\r\n")
            return
        try:
            target = self.server.connect()
        except OSError:
            self.wfile.write(b"HTTP/1.1 502 Not there\r\nContent-Length: 0\r\n\r\n")
            return
        self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        back = threading.Thread(target=_pass_on, args=(target, self.connection), daemon=True)
        back.start()
        _pass_on(self.connection, target)
        back.join()
        target.close()


def _pass_on(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
