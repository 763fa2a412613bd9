# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of guests that `check` runs, and the subcommand itself."""
import collections
import concurrent.futures
import time

import bare
import checks
import consoles
import forward
import guestvm
import hostside
import images
import material
import media
import migration
import ovmf
import paths
import power
import pvgrub
import report
import sandbox
import scp
import shim
import tcpserver
import travel
import twins
import upcalls
import webserver
import xenstore

ALL_STEPS = ('facts', 'modules', 'disk', 'write', 'net', 'console', 'sleep',
             'clock', 'interrupts')
SLEEPS = 20
MOVES = 6 if hostside.LONG else 3

# accel: options after -accel NAME; expect: facts that the guest must report in
# addition to those of every guest, or with other values (None: any value);
# extra: additional arguments for QEMU; append: words for the kernel's command
# line; program: the one of images.PROGRAM_MODULES that the steps need; then:
# the steps of the kernel that the step "kexec" starts; move: the fact at which
# the guest is migrated to another QEMU; live: how often, while it runs and has
# PV devices, or 0 for once by a file and without; postcopy: its memory follows;
# hosts: the classes of hostside.py that the steps need; pause: between two moves, in
# seconds.
Row = collections.namedtuple(
    'Row', 'name guest cpus accel machine expect steps extra append program '
    'then move live postcopy hosts pause')


def row(name, guest, cpus, accel='xen-version=4.17', machine='pc', expect=None,
        steps=ALL_STEPS, extra=(), append=(), program=None, then=(),
        move=None, live=0, postcopy=False, hosts=(), pause=0):
    wanted = {'xen': '4.17', 'abi': 'fifo'}
    wanted.update(expect or {})
    return Row(name, guest, cpus, accel, machine, wanted, steps, extra, append,
               program, then, move, live, postcopy, hosts, pause)


# A kernel without a vector for event channels does not use Xen's clock, nor
# IPIs and timers by event channel. Its PV devices use the INTx of the platform
# device.
NO_VECTOR_STEPS = tuple(s for s in ALL_STEPS
                        if s not in ('sleep', 'interrupts'))

# For 20,000 channels; the guest needs 3 KiB for the interrupt of each.
CHANNEL_STEPS = ALL_STEPS + ('channels',)
# Without PV devices, and without sleeps afterwards, because the kernel is busy
# for seconds with freeing the interrupts. The program shows that timers work:
# it waits on each vCPU to see that no further event arrives.
MOVED_STEPS = ('facts', 'modules', 'channels', 'clock', 'interrupts')

# A console whose reader is slow.
LINES_STEPS = ('facts', 'lines', 'clock')

# kexec of a second kernel while the first is busy with events.
KEXEC_STEPS = ('modules', 'disk', 'net', 'kexec')
# The same with writes in flight.
BUSY_KEXEC_STEPS = ('modules', 'disk', 'net', 'writing', 'kexec')

# TCP over PV network, where a lost frame shows as a retransmission, and a file
# system on a PV disk.
PV_STEPS = ALL_STEPS[:2] + ('code',) + ALL_STEPS[2:] + ('tcp', 'fs')
FLOOD_STEPS = ('facts', 'modules', 'net', 'flood')
FORWARD_STEPS = ('facts', 'modules', 'forward')
DISKS_STEPS = ('facts', 'modules', 'disks', 'disk', 'resize')
CONSOLES_STEPS = ('facts', 'consoles', 'console')

# S3 with PV devices at work; system_powerdown afterwards.
S3_STEPS = ('modules', 'disk', 'net', 'console', 's3', 'facts', 'write',
            'sleep', 'clock', 'interrupts', 'powerdown')

# The same while the host suspends the guest by control/shutdown.
SUSPEND_STEPS = ('modules', 'disk', 'net', 'console', 'suspend', 'facts', 'write',
                 'sleep', 'clock', 'interrupts')

# A panic, with a kernel for the dump.
PANIC_STEPS = ('modules', 'disk', 'panic')
VMCORE_STEPS = ('modules', 'vmcore', 'disk', 'write', 'net', 'console', 'facts')

# A disk that is taken away while it is in use; system_powerdown.
REMOVE_STEPS = ('modules', 'disk', 'remove', 'net', 'powerdown')

# A vCPU that is plugged, unplugged and plugged again.
REPLUG_STEPS = ('modules', 'disk', 'hotadd', 'replug', 'net', 'sleep', 'facts',
                'clock', 'interrupts')

# The same with sleeps after the vCPU was plugged for the first time.
REPLUG_S3_STEPS = ('modules', 'disk', 'net', 'console', 'hotadd', 's3', 'replug',
                   'net', 'sleep', 'facts', 'clock', 'interrupts')

# Boots that end by each kind of reset, in the middle of writes.
RESETS_STEPS = ('modules', 'resets', 'disk', 'net', 'facts')

# For the rows that are about PV devices and their life.
RELEASES = ('debian11', 'debian12', 'debian13', 'debian13-backports')

# A guest that boots by its own boot loader, again and again.
TWINS_STEPS = ('modules', 'net', 'twins', 'facts', 'sleep', 'clock',
               'interrupts')

# For the rows that are about event channels, clocks and interrupts.
GUESTS = ('debian12', 'debian13', 'debian12-pae')

# PV devices that move with the guest to another QEMU, under load.
LIVE_STEPS = ('facts', 'modules', 'net', 'moved', 'net', 'disk', 'console',
              'clock')

# Moved, or set back, often, under load.
TRAVEL_STEPS = ('facts', 'modules', 'net', 'travel', 'net', 'disk', 'console',
                'clock', 'interrupts')
SET_BACK_STEPS = tuple(s for s in TRAVEL_STEPS if s != 'net')

# The longest first, so that all jobs end at about the same time.
MATRIX = [
    row('%s-4cpu-channels' % guest, guest, 4,
        accel='xen-version=4.17,xen-evtchn-abi=fifo', steps=CHANNEL_STEPS,
        extra=('-m', '1024'),
        append=('XE_CHANNELS=%d' % checks.CHANNELS,),
        program='many-channels')
    for guest in ('debian13', 'debian12')
] + [
    # A kernel without a hypercall page tells its layout after it has mapped shared
    # info, in whose pending bits was the wall clock of the other layout.
    row('debian13-backports-2cpu-channels-2level', 'debian13-backports', 2,
        accel='xen-version=4.17,xen-evtchn-abi=2level', expect={'abi': '2level'},
        steps=('facts', 'modules', 'channels'), extra=('-m', '1024'),
        append=('XE_CHANNELS=%d' % checks.CHANNELS_2LEVEL,),
        program='many-channels'),
] + [
    # Migrated while all 20,000 are unmasked and in use.
    row('debian13-4cpu-moved', 'debian13', 4,
        accel='xen-version=4.17,xen-evtchn-abi=fifo',
        steps=MOVED_STEPS, extra=('-m', '1024'),
        append=('XE_CHANNELS=%d' % checks.CHANNELS,),
        program='many-channels', move='channels-pass'),
] + [
    row('debian13-2cpu-live-' + abi, 'debian13', 2,
        accel='xen-version=4.17,xen-evtchn-abi=' + abi, expect={'abi': abi},
        steps=LIVE_STEPS, program='disk-load', move='moves', live=MOVES)
    for abi in ('fifo', '2level')
] + [
    row('debian13-2cpu-postcopy', 'debian13', 2, steps=LIVE_STEPS,
        program='disk-load', move='moves', live=2, postcopy=True),
] + [
    row('debian13-2cpu-%s-%s' % (name, abi), 'debian13', 2,
        accel='xen-version=4.17,xen-evtchn-abi=' + abi, expect={'abi': abi},
        steps=steps, program='tcp-load disk-load', move=move, live=live,
        hosts=hosts)
    for abi in ('fifo', '2level') if hostside.LONG
    for name, steps, move, live, hosts in (
        ('travel', TRAVEL_STEPS, 'moves', travel.TIMES,
         (travel.Wire, travel.Output)),
        ('set-back', SET_BACK_STEPS, None, 0, (travel.Snapshots,)))
] + [
    row('debian13-8cpu', 'debian13', 8),
] + [
    row(guest + '-2cpu-pv', guest, 2, steps=PV_STEPS,
        program='tcp-load fs-load code-read',
        hosts=(hostside.Tcp, hostside.Ext4))
    for guest in RELEASES
] + [
    row(guest + '-2cpu-scp', guest, 2, steps=('facts', 'modules', 'scp'),
        program='scp', hosts=(scp.Scp,))
    for guest in (RELEASES if hostside.LONG else ('debian13',))
] + [
    row('%s-%dcpu' % (guest, cpus), guest, cpus)
    for cpus in (4, 2, 1) for guest in GUESTS
] + [
    row('debian13-2cpu-2level', 'debian13', 2,
        accel='xen-version=4.17,xen-evtchn-abi=2level',
        expect={'abi': '2level'}),
    row('debian12-pae-2cpu-2level', 'debian12-pae', 2,
        accel='xen-version=4.17,xen-evtchn-abi=2level',
        expect={'abi': '2level'}),
    # Xen before 4.17 has no per-vCPU upcall vector, only a domain-wide one.
    row('debian12-2cpu-vector', 'debian12', 2, accel='xen-version=0x4000a',
        expect={'xen': '4.10'}),
    # On TCG, the per-vCPU vector is not offered by default.
    row('debian13-2cpu-own-vector', 'debian13', 2,
        accel='xen-version=4.17,x-xen-upcall-vector=on'),
    # All vCPUs in one thread, which the main loop has to kick.
    row('debian13-2cpu-single', 'debian13', 2,
        accel='xen-version=4.17,thread=single'),
    row('debian13-2cpu-single-own-vector', 'debian13', 2,
        accel='xen-version=4.17,thread=single,x-xen-upcall-vector=on'),
    # Its clock counts instructions, so the length of sleeps is not checked.
    row('debian13-1cpu-icount', 'debian13', 1, extra=('-icount', 'shift=2'),
        steps=tuple(s for s in ALL_STEPS if s != 'sleep')),
    *(row('debian13-%dcpu-%s-%s' % (cpus, way.name, abi), 'debian13', cpus,
          accel='xen-version=4.17,xen-evtchn-abi=' + abi, steps=upcalls.STEPS,
          expect={'abi': abi, **upcalls.expect(way)}, program=upcalls.PROGRAM,
          hosts=(upcalls.side(way),))
      for way in upcalls.WAYS for cpus in (2, 1, 4) for abi in ('2level', 'fifo')
      if hostside.LONG or (cpus, abi) == (2, '2level')),
    row('debian12-1cpu-intx', 'debian12', 1, steps=NO_VECTOR_STEPS,
        expect={'clockevent': 'lapic', 'clocksource': None},
        append=('xen_no_vector_callback',)),
    *(row('%s-2cpu-%s' % (guest, name), guest, 2, steps=steps, program=program,
          hosts=(host,))
      for guest in (RELEASES if hostside.LONG else ('debian13',))
      for name, steps, program, host in (
          ('flood', FLOOD_STEPS, 'udp-flood', hostside.Flood),
          ('forward', FORWARD_STEPS, None, forward.Forward))),
    row('debian13-2cpu-disks', 'debian13', 2, steps=DISKS_STEPS,
        hosts=(media.Resize, media.Disks)),
    row('debian13-2cpu-consoles', 'debian13', 2, steps=CONSOLES_STEPS,
        hosts=(consoles.Consoles,)),
    row('debian13-2cpu-q35', 'debian13', 2, machine='q35'),
    row('debian13-2cpu-sandbox', 'debian13', 2, hosts=(sandbox.Sandbox,)),
] + [
    row('%s-2cpu-kexec-%s' % (guest, abi), guest, 2,
        accel='xen-version=4.17,xen-evtchn-abi=' + abi, expect={'abi': abi},
        steps=KEXEC_STEPS, program='kexec-now', then=ALL_STEPS)
    for guest in ('debian13', 'debian12') for abi in ('2level', 'fifo')
] + [
    row('debian12-1cpu-s3', 'debian12', 1, steps=S3_STEPS,
        hosts=(power.S3, power.PowerDown)),
    row('debian13-2cpu-s3-2level', 'debian13', 2,
        accel='xen-version=4.17,xen-evtchn-abi=2level',
        expect={'abi': '2level'}, steps=S3_STEPS,
        hosts=(power.S3, power.PowerDown)),
    row('debian13-2cpu-suspend', 'debian13', 2, steps=SUSPEND_STEPS,
        hosts=(power.Suspend,)),
] + [
    # A release's test: what the rows above and below do once, everywhere.  But
    # docs/pv-devices.rst says why Debian 11 does not survive S3.
    row('%s-%dcpu-%s-%s' % (guest, cpus, name, abi), guest, cpus,
        accel='xen-version=4.17,xen-evtchn-abi=' + abi, expect={'abi': abi},
        steps=steps, hosts=hosts)
    for guest in (RELEASES if hostside.LONG else ()) for cpus in (1, 4)
    for abi in ('fifo', '2level')
    for name, steps, hosts in (
        ('s3', S3_STEPS, (power.S3, power.PowerDown)),
        ('suspend', SUSPEND_STEPS, (power.Suspend,)),
        ('resets', RESETS_STEPS, (power.Resets,)))
    if (guest, name) != ('debian11', 's3')
] + [
    row('%s-%dcpu-busy-kexec-%s' % (guest, cpus, abi), guest, cpus,
        accel='xen-version=4.17,xen-evtchn-abi=' + abi, expect={'abi': abi},
        steps=BUSY_KEXEC_STEPS, program='kexec-now', then=ALL_STEPS)
    for guest in (RELEASES if hostside.LONG else ()) for cpus in (1, 4)
    for abi in ('fifo', '2level')
] + [
    row('debian13-1cpu-twins', 'debian13', 1, machine='pc-i440fx-xen',
        accel='thread=multi', steps=TWINS_STEPS, program='emulated-disks',
        hosts=(twins.Twins,)),
    row('debian13-2cpu-twins-q35', 'debian13', 2, machine='pc-q35-xen',
        accel='thread=multi', steps=TWINS_STEPS, program='emulated-disks',
        hosts=(twins.TwinsQ35,)),
    row('debian13-1cpu-ovmf', 'debian13', 1, machine='pc-i440fx-xen',
        accel='thread=multi', steps=TWINS_STEPS, program='emulated-disks',
        hosts=(ovmf.Ovmf,)),
    row('debian13-2cpu-ovmf-q35', 'debian13', 2, machine='pc-q35-xen',
        accel='thread=multi', steps=TWINS_STEPS, program='emulated-disks',
        hosts=(ovmf.OvmfQ35,)),
] + [
    row('debian13-1cpu-twins-s3', 'debian13', 1, machine='pc-i440fx-xen',
        accel='thread=multi', steps=TWINS_STEPS, program='emulated-disks',
        hosts=(twins.TwinsSleep,))
    for _ in range(1 if hostside.LONG else 0)
] + [
    row('debian13-2cpu-pvgrub', 'debian13', 2, hosts=(pvgrub.PvGrub,)),
    row('debian13-1cpu-pvgrub-twin', 'debian13', 1, machine='pc-i440fx-xen',
        accel='thread=multi', steps=('facts', 'modules', 'net', 'console', 'clock'),
        hosts=(pvgrub.PvGrubTwin,)),
    # The front end of Debian 11 binds a second console's port as if it were the
    # other side's, and gets EINVAL, as on Xen.
    *(row('%s-%dcpu-shim' % (guest, cpus), guest, cpus, expect=shim.EXPECT,
          steps=tuple(s for s in ALL_STEPS
                      if (guest, s) != ('debian11', 'console')),
          hosts=(shim.Shim,))
      for guest in (RELEASES if hostside.LONG else ('debian13',))
      for cpus in ((1, 2, 4) if hostside.LONG else (1, 4))),
    row('debian13-2cpu-shim-pvgrub', 'debian13', 2, expect=shim.EXPECT,
        hosts=(shim.PvGrub,)),
    *(row('debian13-2cpu-shim-' + name, 'debian13', 2, expect=shim.EXPECT,
          steps=steps, program=program, move=move, live=live,
          hosts=(shim.Shim, *hosts))
      for name, steps, program, move, live, hosts in (
          ('pv', tuple(s for s in PV_STEPS if s != 'code'), 'tcp-load fs-load',
           None, 0, (hostside.Tcp, hostside.Ext4)),
          ('live', LIVE_STEPS, 'disk-load', 'moves', MOVES, ()),
          ('suspend', SUSPEND_STEPS, None, None, 0, (power.Suspend,)))
      if hostside.LONG),
    row('debian13-2cpu-panic', 'debian13', 2, steps=PANIC_STEPS,
        program='kexec-now', then=VMCORE_STEPS, expect={'cpus': 1},
        hosts=(power.Panic,)),
    row('debian13-1cpu-remove', 'debian13', 1, steps=REMOVE_STEPS,
        hosts=(power.Remove, power.PowerDown)),
    row('debian13-2cpu-replug', 'debian13', 2, steps=REPLUG_STEPS,
        hosts=(power.Replug,)),
    row('debian13-2cpu-replug-s3', 'debian13', 2, steps=REPLUG_S3_STEPS,
        hosts=(power.Replug, power.S3)),
    row('debian13-1cpu-resets', 'debian13', 1, steps=RESETS_STEPS,
        hosts=(power.Resets,)),
    row('debian13-1cpu-store', 'debian13', 1, steps=('store',),
        accel='xen-version=4.17,xen-extraversion=' + xenstore.EXTRAVERSION,
        program='xenstore-utils', hosts=(xenstore.Store,)),
    row('debian13-2cpu-lines', 'debian13', 2, steps=LINES_STEPS,
        append=(guestvm.LINES_PARAMETER,)),
    row('debian12-pae-1cpu-lines', 'debian12-pae', 1,
        accel='xen-version=4.17,xen-evtchn-abi=2level',
        expect={'abi': '2level'}, steps=LINES_STEPS,
        append=(guestvm.LINES_PARAMETER,)),
    # Linux makes hypercalls with VMCALL on Intel and VMMCALL on AMD.
    row('debian13-2cpu-intel', 'debian13', 2,
        extra=('-cpu', 'qemu64,vendor=GenuineIntel')),
]


def time_limit(cpus):
    """The limit in seconds, for a busy host."""
    return 120 + 30 * cpus


def run_row(row, options, server):
    """Runs and checks one guest; returns a list of one outcome."""
    name = '%s-%s' % (options.accel, row.name)
    try:
        with paths.log_folder(name) as folder:
            return [run_in(folder, name, row, options, server)]
    except material.MissingMaterial as e:
        return [report.Outcome(name, 0, skipped=str(e))]
    except OSError as e:
        return [report.Outcome(name, 0, ['cannot run %s: %s'
                                         % (options.qemu, e)])]


def run_in(folder, name, row, options, server):
    started = time.monotonic()
    stimulus = guestvm.Stimulus(folder)
    url = server.offer(stimulus.nonce, stimulus.fetched)
    hosts = [host(folder) for host in row.hosts]

    parameters = guestvm.init_parameters(stimulus, url, row.steps, SLEEPS,
                                         row.then) + list(row.append)
    extra = list(row.extra)
    for host in hosts:
        parameters += host.parameters()
        extra += host.arguments()

    booter = next((h for h in hosts if h.boot), None)
    boots = booter.boot if booter else guestvm.direct_boot

    def new_vm(logs):
        machine = guestvm.guest_vm(
            options.qemu, logs, images.guest(row.guest, row.program),
            ['%s,%s,x-xen-bql-check=on' % (options.accel, row.accel)],
            row.cpus, stimulus, parameters, machine=row.machine,
            extra=extra, boots=boots,
            pv=booter.PV if booter else not row.move or row.live,
            serial=booter.SERIAL if booter else True,
            user_net=all(host.USER_NET for host in hosts))
        if 'lines' in row.steps:
            guestvm.read_slowly(machine.channels['hvc'])
        qmp = machine.add_qmp() if hosts else None
        for host in hosts:
            host.attach(machine, qmp)
        return machine

    limit = sum((host.TIME for host in hosts), time_limit(row.cpus))
    limit *= 5 if hostside.LONG else 1
    with tcpserver.TcpServer() as tcp:
        parameters += tcp_parameters(row, hosts, tcp.port)
        machine, reasons = run_machine(row, new_vm, folder, limit)
    reasons += checks.failures(machine, stimulus, row.cpus,
                               row.steps + row.then, row.expect, SLEEPS)
    for host in hosts:
        host.close()
        reasons += host.failures()
    if not options.keep:
        stimulus.remove()
    return report.Outcome(
        name, time.monotonic() - started, reasons, machine=machine,
        figures=[f for f in (host.figures() for host in hosts) if f])


def tcp_parameters(row, hosts, port):
    if 'tcp' in row.steps:
        return ['XE_TCP=%s,%d,%d,%d' % (webserver.GATEWAY, port,
                                        checks.TCP_ROUNDS, checks.TCP_BYTES)]
    if any(host.STREAMS for host in hosts):
        return ['XE_TCP=%s,%d,0,%d' % (webserver.GATEWAY, port,
                                       travel.TCP_BYTES)]
    return []


def run_machine(row, new_vm, folder, limit):
    """Runs one guest; returns its last Vm and a list of what went wrong."""
    if row.live:
        machine, reasons, downtimes = migration.run_live(
            new_vm, folder, row.move, row.live, 2 * limit,
            lambda last: last.channels['hvc'].send('.enough\n'),
            row.postcopy, row.pause)
        machine.facts['downtimes-ms'] = [str(d) for d in downtimes]
        return machine, reasons
    if row.move:
        return migration.run(new_vm, folder, row.move, limit)
    machine = new_vm(folder)
    machine.run(limit)
    return machine, []


def selected(options):
    return [r for r in MATRIX if not options.filter or any(
        word in r.name for word in options.filter)]


def check(options):
    """The subcommand; returns the exit status."""
    rows = selected(options)
    bare_rows = bare.selection(options.accel, options.filter)
    tally = report.Tally(len(rows) + bare.count(bare_rows), options.tap)
    with webserver.WebServer() as server:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            running = [pool.submit(run_row, r, options, server) for r in rows]
            running += [pool.submit(bare.run_row, row, names, options)
                        for row, names in bare_rows]
            for done in concurrent.futures.as_completed(running):
                for outcome in done.result():
                    tally.add(outcome)
    return tally.end()
