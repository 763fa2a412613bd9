# SPDX-License-Identifier: GPL-2.0-or-later
"""Two networks, and a guest that forwards between them: the peers are here, at
stream netdevs, and speak Ethernet, ARP, IPv4, UDP and TCP just so far."""
import itertools
import selectors
import socket
import struct
import threading
import time

import hostside

DATAGRAMS = 100000 if hostside.LONG else 3000
SEGMENTS = 50000 if hostside.LONG else 1500
SEGMENT = 1448
# Frames that are under way in one direction; Linux queues far more.
WINDOW = 64
# With no frame for so long, what is missing is lost.
PATIENCE = 30
ARP, IPV4 = 0x0806, 0x0800
TCP, UDP = 6, 17
PORT = 7000


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def content(number, size):
    """What datagram @number carries behind its number."""
    return bytes([(number + number // 251) & 0xff]) * size


class Peer:
    """A machine at one of the guest's networks: 10.@net.0.2."""

    def __init__(self, net):
        self.address = bytes((10, net, 0, 2))
        self.mac = bytes((2, 0, 0, 0, net, 2))
        self.router = None          # the guest's MAC, once it has asked
        self.socket, self.theirs = socket.socketpair()
        self.other = None
        self.rest = b''
        self.datagrams = set()
        self.segments = set()
        self.wrong = []
        self.sent = 0

    @property
    def received(self):
        return len(self.datagrams) + len(self.segments)

    def send(self, kind, payload):
        frame = self.router + self.mac + struct.pack('!H', kind) + payload
        self.socket.sendall(struct.pack('!I', len(frame)) + frame)

    def ask_for_router(self):
        """Once answered, the guest knows this peer, too: it need not queue frames
        until it does, of which it would drop some."""
        self.router = b'\xff' * 6
        gateway = self.address[:3] + b'\1'
        self.send(ARP, struct.pack('!HHBBH', 1, IPV4, 6, 4, 1) + self.mac +
                  self.address + bytes(6) + gateway)
        self.router = None

    def send_packet(self, protocol, transport, at):
        """@transport's checksum is to go to its byte @at."""
        ends = self.address + self.other.address
        total = checksum(ends + struct.pack('!HH', protocol, len(transport)) +
                         transport)
        transport = (transport[:at] + struct.pack('!H', total or 0xffff) +
                     transport[at + 2:])
        head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(transport), 0,
                           0x4000, 64, protocol, 0) + ends
        head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
        self.send(IPV4, head + transport)
        self.sent += 1

    def send_next(self):
        """Two datagrams, then a segment, as long as there are some."""
        number = self.sent
        if number % 3 == 2 and number // 3 < SEGMENTS:
            number //= 3
            data = content(number, SEGMENT)
            head = struct.pack('!HHIIBBHHH', PORT, PORT, number * SEGMENT, 1,
                               0x50, 0x10, 0xffff, 0, 0)
            self.send_packet(TCP, head + data, 16)
        else:
            number -= min(number // 3, SEGMENTS)
            data = (struct.pack('!I', number) +
                    content(number, number * 7 % 1469))
            self.send_packet(UDP, struct.pack('!HHHH', PORT, PORT,
                                              8 + len(data), 0) + data, 6)

    def take(self):
        """Takes what has arrived; False at the end."""
        data = self.socket.recv(1 << 20)
        self.rest += data
        at = 0
        while len(self.rest) - at >= 4:
            size = struct.unpack_from('!I', self.rest, at)[0]
            if len(self.rest) - at < 4 + size:
                break
            self.take_frame(self.rest[at + 4:at + 4 + size])
            at += 4 + size
        self.rest = self.rest[at:]
        return bool(data)

    def take_frame(self, frame):
        kind, payload = struct.unpack_from('!H', frame, 12)[0], frame[14:]
        if kind == ARP:
            self.take_arp(payload)
        elif kind == IPV4 and payload[12:16] == self.other.address:
            if frame[:6] != self.mac:
                self.wrong.append('a frame for %s' % frame[:6].hex(':'))
            self.take_packet(payload)

    def take_arp(self, payload):
        op, sender = struct.unpack_from('!H', payload, 6)[0], payload[8:18]
        if payload[24:28] != self.address:
            return
        self.router = payload[8:14]
        if op == 1:
            self.send(ARP, struct.pack('!HHBBH', 1, IPV4, 6, 4, 2) + self.mac +
                      self.address + sender)

    def take_packet(self, packet):
        size = struct.unpack_from('!H', packet, 2)[0]
        protocol, transport = packet[9], packet[20:size]
        if checksum(packet[:20]) or checksum(
                packet[12:20] + struct.pack('!HH', protocol, size - 20) +
                transport):
            self.wrong.append('a wrong checksum')
        elif protocol == UDP:
            number = struct.unpack_from('!I', transport, 8)[0]
            self.note(self.datagrams, 'datagram', number, DATAGRAMS,
                      transport[12:] == content(number, number * 7 % 1469))
        elif protocol == TCP:
            number, within = divmod(
                struct.unpack_from('!I', transport, 4)[0], SEGMENT)
            data = transport[transport[12] // 16 * 4:]
            self.note(self.segments, 'segment', number, SEGMENTS,
                      not within and data == content(number, SEGMENT))

    def note(self, seen, what, number, end, right):
        if number in seen or number >= end:
            self.wrong.append('%s %d came twice' % (what, number))
        elif not right:
            self.wrong.append('%s %d arrived changed' % (what, number))
        seen.add(number)


class Forward(hostside.HostSide):
    """The guest's eth0 and eth1 are 10.1.0.1 and 10.2.0.1."""
    USER_NET = False

    def __init__(self, folder):
        super().__init__(folder)
        self.peers = [Peer(1), Peer(2)]
        self.peers[0].other, self.peers[1].other = reversed(self.peers)
        self.thread = threading.Thread(target=self._forward, daemon=True)

    def arguments(self):
        words = []
        for number, peer in enumerate(self.peers):
            words += ['-netdev', 'stream,id=net%d,addr.type=fd,addr.str=%d'
                      % (number, peer.theirs.fileno()),
                      '-device', 'xen-net-device,netdev=net%d' % number]
        return words

    def attach(self, vm, qmp):
        super().attach(vm, qmp)
        vm.inherited += [peer.theirs for peer in self.peers]
        vm.on_fact['forward'] = lambda value: self.thread.start()

    def _forward(self):
        wanted = DATAGRAMS + SEGMENTS
        selector = selectors.DefaultSelector()
        for peer in self.peers:
            selector.register(peer.socket, selectors.EVENT_READ, peer)
        last, before = time.monotonic(), 0
        try:
            while True:
                received = sum(peer.received for peer in self.peers)
                if received == 2 * wanted:
                    break
                if received != before:
                    last, before = time.monotonic(), received
                elif time.monotonic() - last > PATIENCE:
                    break
                known = all(peer.router for peer in self.peers)
                for peer in self.peers:
                    if not peer.router:
                        peer.ask_for_router()
                    while (known and peer.sent < wanted and
                           peer.sent - peer.other.received < WINDOW):
                        peer.send_next()
                for key, _ in selector.select(1):
                    if not key.data.take():
                        return
        finally:
            selector.close()
            self.vm.channels['hvc'].send('enough\n')

    def close(self):
        if self.thread.ident:
            self.thread.join()
        for peer in self.peers:
            peer.socket.close()

    def failures(self):
        for peer in self.peers:
            yield from peer.wrong[:5]
            for what, seen, wanted in (
                    ('datagrams', peer.datagrams, DATAGRAMS),
                    ('segments', peer.segments, SEGMENTS)):
                if len(seen) != wanted:
                    missing = (n for n in range(wanted) if n not in seen)
                    yield '%d of %d %s reached 10.%d.0.2, but not number %s' % (
                        len(seen), wanted, what, peer.address[1],
                        ', '.join(str(n) for n in itertools.islice(missing, 5)))
        for number in (0, 1):
            for key in ('eth%d-dropped' % number, 'eth%d-errors' % number):
                if self.vm.fact(key) != '0':
                    yield '%s is %s' % (key, self.vm.fact(key))

    def figures(self):
        return '%d frames each way' % (DATAGRAMS + SEGMENTS)
