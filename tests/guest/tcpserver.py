# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's side of tcp-load.c: connections from guests, each of which begins
with a line that is a command."""
import functools
import socket
import socketserver
import threading

PATIENCE = 120


# Byte i of a stream is i % PERIOD + i // BLOCK.
PERIOD = 251
BLOCK = 65521


@functools.lru_cache(maxsize=2)
def stream(size):
    """The bytes that both sides know."""
    periods = bytes(range(PERIOD)) * (BLOCK // PERIOD + 2)
    blocks = []
    for number in range(size // BLOCK + 1):
        start = number * BLOCK % PERIOD
        add = bytes((b + number) & 0xff for b in range(256))
        blocks.append(periods[start:start + BLOCK].translate(add))
    return b''.join(blocks)[:size]


class Handler(socketserver.StreamRequestHandler):
    timeout = PATIENCE
    disable_nagle_algorithm = True

    def handle(self):
        try:
            words = self.rfile.readline().split()
            {b'echo': self.echo, b'take': self.take, b'give': self.give}[
                words[0]](*map(int, words[1:]))
        except (OSError, KeyError, IndexError):
            # The guest notices that its connection is closed.
            pass

    def echo(self):
        while True:
            data = self.rfile.read1(4096)
            if not data:
                return
            self.wfile.write(data)

    def take(self, size):
        right = self.rfile.read(size) == stream(size)
        self.wfile.write(b'right\n' if right else b'wrong\n')

    def give(self, size):
        self.wfile.write(stream(size))


class TcpServer(socketserver.ThreadingTCPServer):
    """Serves while it is entered; at self.port of @address."""
    daemon_threads = True
    address_family = socket.AF_INET

    def __init__(self, address='127.0.0.1'):
        super().__init__((address, 0), Handler)
        self.port = self.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.shutdown()
        self.server_close()
