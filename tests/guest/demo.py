# SPDX-License-Identifier: GPL-2.0-or-later
"""One guest for users: `demo` shows its console and then what it detected,
`shell` connects its console to the terminal."""
import os
import subprocess
import textwrap
import time

import accel
import checks
import guestvm
import images
import paths
import webserver

GUEST = 'debian13'
CPUS = 2
STEPS = ('facts', 'modules', 'disk', 'write', 'net', 'console', 'sleep',
         'clock', 'interrupts')
SHELL_STEPS = ('modules', 'shell')
SLEEPS = 20
LIMIT = 180                         # seconds
# Rows in the report's table of events; more do not fit on a screen.
EVENT_ROWS = 12


def choose(options):
    """Returns (value of -accel, reason)."""
    if options.accel:
        return options.accel + ',xen-version=4.17', 'asked for'
    name, why = accel.best()
    return name + ',xen-version=4.17', why


class Watcher:
    """Shows the console, and queries QEMU once the guest has powered off,
    before QEMU exits."""

    def __init__(self, machine, qmp):
        self.machine = machine
        self.qmp = qmp
        self.xen = None
        self.begun_after = None
        self._started = time.monotonic()
        self._parse = machine.serial.on_line
        machine.serial.on_line = self._line
        machine.on_fact['begin'] = self._begin
        qmp.on_event['SHUTDOWN'] = self._powered_off

    def _line(self, line):
        if 'XENEMU: interrupts=' not in line:
            print(line, flush=True)
        self._parse(line)

    def _begin(self, _):
        self.begun_after = time.monotonic() - self._started

    def _powered_off(self, _):
        def answered(value, error):
            self.xen = value
            self.qmp.execute('quit')

        self.qmp.execute('query-xen', answered)


def demo(options):
    """The subcommand; returns the exit status."""
    with paths.log_folder('demo') as folder:
        return demo_in(folder, options)


def demo_in(folder, options):
    accel_value, why = choose(options)
    boot = images.guest(GUEST)
    stimulus = guestvm.Stimulus(folder)
    with webserver.WebServer() as server:
        url = server.offer(stimulus.nonce, stimulus.fetched)
        machine = guestvm.guest_vm(
            options.qemu, folder, boot, [accel_value], CPUS, stimulus,
            guestvm.init_parameters(stimulus, url, STEPS, SLEEPS))
        # The machine is kept after power-off, so that it can be queried.
        machine.add('-action', 'shutdown=pause', *options.qemu_arguments)
        watcher = Watcher(machine, machine.add_qmp())
        machine.run(LIMIT)
    print(report(machine, watcher, stimulus, accel_value, why))
    wrong = checks.failures(machine, stimulus, CPUS, STEPS, {}, SLEEPS)
    stimulus.remove()
    if not wrong:
        return 0
    print('Errors:')
    for reason in wrong + machine.errors.lines:
        print('    ' + reason)
    print('The console log is %s; the command was\n    %s'
          % (folder, machine.command_line()))
    return 1


def megabytes(value):
    return '%s MiB' % (int(value) >> 20) if value else 'nothing'


def verdict(same):
    return 'correct' if same else 'WRONG'


def report(machine, watcher, stimulus, accel_value, why):
    fact = machine.fact
    begun = watcher.begun_after
    with open(stimulus.written, 'rb') as f:
        written = f.read() == stimulus.expected_written()
    lines = [
        ('Accelerator', '%s (%s)' % (accel_value, why)),
        ('Guest', '%s, Linux %s, %s vCPUs'
         % (images.GUESTS[GUEST].title, fact('kernel'), fact('cpus'))),
        ('Detected', '%s %s, event channels %s, clock %s, timer %s'
         % (fact('hypervisor'), fact('xen'), fact('abi'), fact('clocksource'),
            fact('clockevent'))),
        ('Boot', '%s s to the first process (%s s by the guest\'s clock); '
         '%.1f s in all'
         % ('%.1f' % begun if begun else 'never', fact('uptime'),
            machine.seconds)),
        ('PV disk xvda', '%s read, SHA-256 %s'
         % (megabytes(fact('disk-size')),
            verdict(fact('disk-sha256') == stimulus.disk_sha256))),
        ('PV disk xvdb', '%s written, content %s'
         % (megabytes(stimulus.written_size), verdict(written))),
        ('PV net eth0', '%s by DHCP; %s fetched over HTTP, SHA-256 %s'
         % (fact('net-address'), megabytes(fact('net-size')),
            verdict(fact('net-sha256') == stimulus.fetched_sha256))),
        ('PV console', 'asked on hvc0, %s'
         % ('answered' if fact('hvc-answer') == stimulus.answer
            else 'got no correct answer')),
    ]
    text = ['', '-' * 78]
    text += ['%-13s %s' % line for line in lines]
    text += events(machine)
    if watcher.xen:
        text += describe_answer(watcher.xen)
    text.append('-' * 78)
    return '\n'.join(text)


def events(machine):
    """The most frequent of the guest's Xen interrupts, per vCPU."""
    counts = checks.interrupt_counts(machine)
    busy = sorted(((name, numbers) for name, numbers in counts.items()
                   if any(numbers)), key=lambda item: -sum(item[1]))
    return by_vcpu('By the guest', busy[:EVENT_ROWS], CPUS)


def by_vcpu(title, rows, cpus):
    return ['%-20s' % title + ''.join('%10s' % ('vCPU %d' % cpu)
                                      for cpu in range(cpus))] + [
        '  %-18s' % name + ''.join('%10s' % n for n in numbers)
        for name, numbers in rows]


def describe_answer(answer):
    """The answer to query-xen: a table of the counters per vCPU, and the rest
    in a few lines. Zeros are left out."""
    vcpus = answer.get('vcpus', [])
    names = [name for name in (vcpus[0] if vcpus else {})
             if name not in ('vcpu', 'kinds')
             and any(v.get(name) for v in vcpus)]
    lines = by_vcpu('By QEMU', [(name, [v.get(name) for v in vcpus])
                                for name in names], len(vcpus))
    lines += by_vcpu('', kinds(vcpus), len(vcpus))[1:]
    rest = ', '.join('%s %s' % (name, ' '.join(map(str, value))
                                if isinstance(value, list) else value)
                     for name, value in sorted(answer.items())
                     if value and name != 'vcpus')
    return lines + textwrap.wrap(rest, 76, initial_indent='  ',
                                 subsequent_indent='  ')


def kinds(vcpus):
    """Yields (kind of event, number delivered per vCPU)."""
    delivered = {}
    for number, vcpu in enumerate(vcpus):
        for kind in vcpu['kinds']:
            row = delivered.setdefault('of ' + kind['kind'], [0] * len(vcpus))
            row[number] = kind['fast'] + kind['slow'] + kind['kernel']
    return [(kind, row) for kind, row in delivered.items() if any(row)]


def shell(options):
    """The subcommand, with the guest's console hvc0 on the terminal. Returns
    QEMU's exit status."""
    with paths.log_folder('shell') as folder:
        accel_value, why = choose(options)
        boot = images.guest(GUEST)
        stimulus = guestvm.Stimulus(folder)
        early = os.path.join(folder, 'serial.log')
        command = [options.qemu,
                   '-chardev', 'file,id=serial,path=' + early,
                   '-chardev', 'stdio,id=hvc,mux=on,signal=off',
                   '-mon', 'chardev=hvc',
                   *guestvm.guest_arguments(
                       boot, [accel_value], CPUS, stimulus.disk,
                       stimulus.written,
                       ['console=hvc0', 'quiet', *guestvm.init_parameters(
                           stimulus, '', SHELL_STEPS, 0)]),
                   *options.qemu_arguments]
        print('Starting %s on %s (%s); the early console is logged to %s. '
              "Ctrl-a c switches to QEMU's monitor and back."
              % (images.GUESTS[GUEST].title, accel_value, why, early),
              flush=True)
        try:
            return subprocess.run(command).returncode
        finally:
            stimulus.remove()
