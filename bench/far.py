"""usage: far.py HOST:PORT SECONDS - leads connections on to a server on loopback, each request so much later, as one far away
answers later. Prints its own port."""
import contextlib
import socket
import sys
import threading
import time


class Turn:
    """Whose turn it is to speak on a connection."""

    def __init__(self, wait):
        self.wait, self.answered = wait, True

    def asks(self):
        if self.answered:
            self.answered = False
            time.sleep(self.wait)

    def answers(self):
        self.answered = True


def pass_on(source, target, spoken):
    piece = bytearray(1 << 20)
    with contextlib.suppress(OSError):
        while size := source.recv_into(piece):
            spoken()
            target.sendall(memoryview(piece)[:size])
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        client = listener.accept()[0]
        server = socket.create_connection((host, int(port)))
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        turn = Turn(float(sys.argv[2]))
        threading.Thread(target=pass_on, args=(client, server, turn.asks), daemon=True).start()
        threading.Thread(target=pass_on, args=(server, client, turn.answers), daemon=True).start()


if __name__ == "__main__":
    main()
