# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands in a guest that serves them on its second serial port, see
tests/guest/guest/serve.sh."""
import itertools
import re
import secrets
import socket
import time

BOOT_ID = 'cat /proc/sys/kernel/random/boot_id'
# How often to ask a guest that may not listen yet.
PROBE_SECONDS = 1
# Bounds for a busy machine; nothing is judged by them.
COMMAND_SECONDS = 300
BOOT_SECONDS = 600


class GuestError(Exception):
    """A command failed in the guest, or there is no answer."""


class Guest:
    """@path is a Unix socket on which QEMU listens."""

    def __init__(self, path):
        self._path = path
        self._socket = None
        self._rest = b''
        self._session = secrets.token_hex(4)
        self._numbers = itertools.count()
        self.boot_id = None

    def disconnect(self):
        if self._socket:
            self._socket.close()
            self._socket = None
        self._rest = b''

    def _connect(self, path, end):
        while not self._socket:
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(path)
            except OSError as e:
                self.disconnect()
                if time.monotonic() > end:
                    raise GuestError('%s: %s' % (path, e)) from e
                time.sleep(0.1)

    def _lines(self, end):
        """Yields lines, and None when there is none for now."""
        while True:
            *lines, self._rest = self._rest.split(b'\n')
            for line in lines:
                yield line.decode('utf-8', 'replace').strip('\r')
            left = end - time.monotonic()
            if left <= 0:
                return
            self._socket.settimeout(min(left, PROBE_SECONDS))
            try:
                data = self._socket.recv(65536)
            except socket.timeout:
                yield None
                continue
            if not data:
                self.disconnect()
                raise GuestError('QEMU has closed the serial port')
            self._rest += data

    def _send(self, command):
        word = '%s.%d' % (self._session, next(self._numbers))
        # An empty line ends what may be left of another request.
        self._socket.sendall(('\n%s %s\n' % (word, command)).encode())
        return word

    def run(self, command, timeout=COMMAND_SECONDS):
        """The output of @command. Raises GuestError, also if its status is not 0."""
        end = time.monotonic() + timeout
        self._connect(self._path, end)
        try:
            word = self._send(command)
            output = []
            for line in self._lines(end):
                match = line and re.match(r'=%s (.*)$' % re.escape(word), line)
                if not match:
                    continue
                status = re.match(r'end (\d+)$', match.group(1))
                if not status:
                    output.append(match.group(1))
                elif status.group(1) == '0':
                    return '\n'.join(output)
                else:
                    raise GuestError('%s: status %s: %s' % (
                        command, status.group(1), ' / '.join(output)))
        except OSError as e:
            raise GuestError('%s: %s' % (command, e)) from e
        raise GuestError('%s: no answer' % command)

    def send(self, command):
        """For a command without an answer, such as "reboot"."""
        self._connect(self._path, time.monotonic() + COMMAND_SECONDS)
        self._send(command)

    def wait_for_boot(self):
        """Waits for a kernel that is not the one of the last call."""
        end = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < end:
            try:
                self._connect(self._path, end)
                found = self._find_boot(end, lambda b: b != self.boot_id)
                if found:
                    self.boot_id = found
                    return
            except (GuestError, OSError):
                # It is starting, or a new QEMU will be.
                self.disconnect()
                time.sleep(0.1)
        raise GuestError('no new boot within %d s' % BOOT_SECONDS)

    def wait_awake(self):
        """Waits for the same kernel after S3: what it is sent before is lost."""
        end = time.monotonic() + COMMAND_SECONDS
        self._connect(self._path, end)
        if not self._find_boot(end, lambda b: b == self.boot_id):
            raise GuestError('not awake within %d s' % COMMAND_SECONDS)

    def _find_boot(self, end, fits):
        """The id of the boot that the guest tells, if it @fits; or None."""
        self._send(BOOT_ID)
        for line in self._lines(end):
            if line is None:
                self._send(BOOT_ID)
                continue
            match = re.match(r'=%s\.\d+ ([0-9a-f]{8}-[-0-9a-f]+)$'
                             % self._session, line)
            if match and fits(match.group(1)):
                return match.group(1)
        return None
