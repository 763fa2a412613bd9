# SPDX-License-Identifier: GPL-2.0-or-later
"""Readers of a guest's further consoles: one that goes and comes back, one that
shares its stream with QEMU's monitor, and one that stops reading. The guest writes
LINES on each; each has to arrive once, whole and in order."""
import array
import fcntl
import os
import socket
import termios
import threading
import time

import hostside

LINES = 10000
# So often the reader of hvc1 goes, each time after so many bytes.
ABSENCES = 5
PIECE = 20000
PATIENCE = 120
ESCAPE = b'\x01'                    # of QEMU's multiplexer


class Reader(threading.Thread):
    """Collects what comes on a console until the guest's last line."""

    def __init__(self, number):
        super().__init__(daemon=True)
        self.number = number
        self.data = b''
        self.trouble = None

    def complete(self):
        return b'console %d ends\r\n' % self.number in self.data or (
            b'console %d ends\n' % self.number in self.data)

    def run(self):
        try:
            self.read()
        except OSError as e:
            self.trouble = str(e)

    def read_from(self, end, size=1 << 30):
        """Reads at most @size bytes from @end; stops at the guest's last
        line."""
        before = len(self.data)
        while len(self.data) - before < size and not self.complete():
            data = end.recv(4096)
            if not data:
                raise OSError('the stream ended early')
            self.data += data

    def failures(self, nonce):
        if self.trouble:
            yield 'hvc%d: %s' % (self.number, self.trouble)
        wanted = ['%d %s %d' % (self.number, nonce, i + 1)
                  for i in range(LINES)]
        found = [line for line in
                 self.data.decode('utf-8', 'replace').splitlines()
                 if line.startswith('%d ' % self.number)]
        if found != wanted:
            at = next((i for i, (a, b) in enumerate(zip(found, wanted))
                       if a != b), min(len(found), len(wanted)))
            yield ('hvc%d: line %d of %d is %r, %r wanted'
                   % (self.number, at + 1, len(found), found[at:at + 1],
                      wanted[at:at + 1]))


class Returning(Reader):
    """Listens at a path; QEMU connects, and connects again."""

    def __init__(self, number, folder):
        super().__init__(number)
        self.folder = folder
        self.listener = None
        self.absences = 0
        self.come()

    @property
    def path(self):
        # Relative, because the name of a socket must be short.
        return os.path.relpath(os.path.join(self.folder, 'hvc.sock'))

    def come(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.settimeout(PATIENCE)
        self.listener.bind(self.path)
        self.listener.listen()

    def go(self, end):
        """Says goodbye, and takes what QEMU had already sent."""
        self.listener.close()
        os.unlink(self.path)
        end.shutdown(socket.SHUT_WR)
        while True:
            data = end.recv(4096)
            if not data:
                break
            self.data += data
        self.absences += 1

    def read(self):
        while True:
            end, _ = self.listener.accept()
            with end:
                end.settimeout(PATIENCE)
                if self.absences == ABSENCES:
                    self.read_from(end)
                    self.listener.close()
                    os.unlink(self.path)
                    return
                self.read_from(end, PIECE)
                self.go(end)
            # QEMU has noticed; the guest goes on writing.
            self.come()

    def failures(self, nonce):
        yield from super().failures(nonce)
        if self.absences != ABSENCES:
            yield 'the reader of hvc1 was away %d times' % self.absences


class AtPair(Reader):
    """At the other end of a socket pair."""

    def __init__(self, number):
        super().__init__(number)
        self.end, self.theirs = socket.socketpair()
        self.end.settimeout(PATIENCE)
        self.stalled_at = 0

    def read(self):
        self.read_from(self.end)


class Shared(AtPair):
    """Types to the monitor, and then to the guest, which waits for that."""

    def read(self):
        self.read_from(self.end)
        self.end.sendall(ESCAPE + b'cinfo status\r')
        while b'VM status: running' not in self.data:
            data = self.end.recv(4096)
            if not data:
                raise OSError('the stream ended early')
            self.data += data
        self.end.sendall(ESCAPE + b'c' + b'typed\n')


class Stalled(AtPair):
    """Does not read until the guest waits for it. (Its vCPU does nothing else
    meanwhile: Linux's hvc_xen looks at the ring again and again.)"""

    def waiting(self):
        size = array.array('i', [0])
        fcntl.ioctl(self.end, termios.FIONREAD, size)
        return size[0]

    def read(self):
        before = -1
        while self.waiting() != before or not before:
            before = self.waiting()
            time.sleep(1)
        self.stalled_at = before
        self.read_from(self.end)

    def failures(self, nonce):
        yield from super().failures(nonce)
        if not 0 < self.stalled_at < len(self.data):
            yield 'the guest did not wait: %d bytes of %d were there' % (
                self.stalled_at, len(self.data))


class Consoles(hostside.HostSide):
    def __init__(self, folder):
        super().__init__(folder)
        self.returning = Returning(1, folder)
        self.shared = Shared(2)
        self.stalled = Stalled(3)
        self.readers = [self.returning, self.shared, self.stalled]
        self.nonce = None

    def parameters(self):
        return ('XE_LINES=%d,0' % LINES,)

    def arguments(self):
        return ('-chardev', 'socket,id=hvc1,path=%s,reconnect-ms=50'
                % self.returning.path,
                '-chardev', 'socket,id=hvc2,fd=%d,mux=on'
                % self.shared.theirs.fileno(),
                '-chardev', 'socket,id=hvc3,fd=%d'
                % self.stalled.theirs.fileno(),
                '-mon', 'chardev=hvc2,mode=readline',
                *(word for i in (1, 2, 3)
                  for word in ('-device', 'xen-console,chardev=hvc%d' % i)))

    def attach(self, vm, qmp):
        super().attach(vm, qmp)
        vm.inherited += [self.shared.theirs, self.stalled.theirs]
        self.returning.start()
        self.shared.start()
        vm.on_fact['consoles'] = lambda value: self.stalled.start()

    def close(self):
        for reader in self.readers:
            if reader.ident:
                reader.join()

    def failures(self):
        nonce = self.vm.fact('begin')
        for reader in self.readers:
            yield from reader.failures(nonce)
        if self.vm.fact('consoles-typed') != 'typed':
            yield 'the guest read %s on hvc2' % self.vm.fact('consoles-typed')
