# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs one QEMU to its end and listens to it.

Consoles and QMP are socket pairs whose far ends QEMU inherits: no paths to
clean up, no ports to collide. One thread, one select loop a machine; callers
run several machines in threads of their own.
"""
import json
import os
import re
import selectors
import shlex
import signal
import socket
import subprocess
import time

import hang

FACT = re.compile(r'XENEMU: ([a-z0-9-]+)=(.*)$')


class Channel:
    """A byte stream to and from QEMU, split into lines and logged."""

    def __init__(self, name, log_path, on_line=None):
        self.name = name
        self.on_line = on_line
        self.on_bytes = None
        self.lines = []
        self._log = open(log_path, 'wb')
        self._rest = b''
        self.ours, self.theirs = socket.socketpair()

    def send(self, text):
        try:
            self.ours.sendall(text.encode())
        except OSError:
            # QEMU has exited; its status says more than this error.
            pass

    def readable(self):
        """Reads what has arrived; returns False at the end of the stream."""
        try:
            data = self.ours.recv(65536)
        except OSError:
            data = b''
        self._log.write(data)
        self._log.flush()
        if self.on_bytes and data:
            self.on_bytes(data)
        *whole, self._rest = (self._rest + data).split(b'\n')
        if not data and self._rest:
            whole, self._rest = [self._rest], b''
        for line in whole:
            text = line.decode('utf-8', 'replace').rstrip('\r')
            self.lines.append(text)
            if self.on_line:
                self.on_line(text)
        return bool(data)

    def close(self):
        self.ours.close()
        self._log.close()


class LogFile:
    """The lines of a log written by another program, if there is one."""

    def __init__(self, path):
        self.lines = []
        if os.path.exists(path):
            with open(path, errors='replace') as f:
                self.lines = [line.rstrip('\r') for line in
                              f.read().split('\n')]


class Qmp:
    """The part of QMP that is needed: commands in order, events by name.
    Answers arrive in the machine's select loop and are passed to callbacks."""

    def __init__(self, channel):
        self._channel = channel
        self._waiting = []
        self.on_event = {}
        channel.on_line = self._message
        self.execute('qmp_capabilities')

    def execute(self, command, answered=lambda value, error: None, **arguments):
        self._waiting.append(answered)
        self._channel.send(json.dumps(
            {'execute': command, 'arguments': arguments}) + '\n')

    def _message(self, line):
        message = json.loads(line)
        if 'event' in message:
            self.on_event.get(message['event'], lambda m: None)(message)
        elif 'return' in message or 'error' in message:
            self._waiting.pop(0)(message.get('return'), message.get('error'))


class Vm:
    """One machine. It always has the chardev 'serial', which is searched for
    the guest's facts; the caller adds a device for it."""

    def __init__(self, qemu, log_folder):
        self.argv = [qemu]
        self.log_folder = log_folder
        os.makedirs(log_folder, exist_ok=True)
        self.channels = {}
        # Further sockets for QEMU, closed here once it has them.
        self.inherited = []
        self.facts = {}
        self.on_fact = {}
        self.timed_out = False
        self.seconds = 0.0
        self.ended_at = 0.0
        self.status = None
        self._process = None
        self._qmp = None
        self.errors = self._channel('stderr')
        self.serial = self.add_channel('serial')
        self.serial.on_line = self._serial_line
        self._hang = self._channel('hang')
        self.add(*hang.arguments('hang', 'socket,id=hang,fd=%d'
                                 % self._hang.theirs.fileno()))

    def add(self, *arguments):
        self.argv += [str(a) for a in arguments]

    def _channel(self, name):
        channel = Channel(name, os.path.join(self.log_folder, name + '.log'))
        self.channels[name] = channel
        return channel

    def add_channel(self, name):
        """Adds a chardev with id @name; the caller adds a device for it."""
        channel = self._channel(name)
        self.add('-chardev', 'socket,id=%s,fd=%d' % (name,
                                                     channel.theirs.fileno()))
        return channel

    def add_qmp(self):
        """The machine's QMP; there is one, for all who call this."""
        if not self._qmp:
            self._qmp = Qmp(self.add_channel('qmp'))
            self.add('-mon', 'chardev=qmp,mode=control')
        return self._qmp

    def _serial_line(self, line):
        match = FACT.search(line)
        if match:
            key, value = match.group(1), match.group(2).strip()
            self.facts.setdefault(key, []).append(value)
            if key in self.on_fact:
                self.on_fact[key](value)

    def fact(self, key):
        """The first value that the guest reported, or None."""
        return self.facts.get(key, [None])[0]

    @property
    def hang(self):
        """What QEMU told of a guest that hung, lines for a report."""
        return hang.shown(self._hang.lines)

    def command_line(self):
        """The command for a user to run: with the first console on the
        terminal and the others unused, instead of sockets."""
        words = []
        for word in self.argv:
            match = re.match(r'socket,id=(\w+),fd=', word)
            if match:
                kind = 'stdio' if match.group(1) == 'serial' else 'null'
                word = '%s,id=%s' % (kind, match.group(1))
            words.append(shlex.quote(word))
        return ' '.join(words)

    @property
    def pid(self):
        """QEMU's, while it runs."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def send_signal(self, number):
        """Sends to QEMU while it is running."""
        self._process.send_signal(number)

    def run(self, timeout, silence=None):
        """Runs until QEMU exits; kills it after @timeout seconds, or if the
        guest has printed nothing in the first @silence seconds."""
        with open(os.path.join(self.log_folder, 'command'), 'w') as f:
            f.write(self.command_line() + '\n')
        started = time.monotonic()
        selector = selectors.DefaultSelector()
        try:
            self._start(selector)
            if silence and not self._listen(selector, started + silence,
                                            until_heard=True):
                self.timed_out = True
            else:
                self.timed_out = not self._listen(selector, started + timeout)
            if self.timed_out:
                self._hang.send(hang.QUESTIONS)
                self._listen(selector, time.monotonic() + hang.SECONDS)
        finally:
            self._stop()
            self.seconds = time.monotonic() - started
            self.ended_at = time.time()
            selector.close()
            for channel in self.channels.values():
                channel.close()

    def _start(self, selector):
        theirs = [c.theirs for c in self.channels.values()] + self.inherited
        try:
            self._process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL,
                stdout=self.errors.theirs, stderr=self.errors.theirs,
                pass_fds=[s.fileno() for s in theirs])
        finally:
            for end in theirs:
                end.close()
        for channel in self.channels.values():
            selector.register(channel.ours, selectors.EVENT_READ, channel)

    def _listen(self, selector, deadline, until_heard=False):
        """Waits until all streams have ended, because QEMU has exited, or
        until the guest prints a line; returns False at @deadline."""
        while selector.get_map():
            if until_heard and self.serial.lines:
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in selector.select(left):
                if not key.data.readable():
                    selector.unregister(key.fileobj)
        return True

    def _stop(self):
        if self._process is None:
            return
        if self.timed_out or self._process.poll() is None:
            try:
                self._process.wait(timeout=0 if self.timed_out else 10)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self.status = self._process.wait()

    def ending(self):
        """How QEMU ended, in words; None if it exited with status 0."""
        if self.timed_out:
            return 'still running after %.0f s' % self.seconds
        if self.status < 0:
            return 'QEMU was killed by %s' % signal.Signals(-self.status).name
        if self.status:
            return 'QEMU exited with status %d' % self.status
        return None
