# SPDX-License-Identifier: GPL-2.0-or-later
"""Xen guests on nested KVM, without hardware virtualization.

The L1 VM runs Debian 13's kernel, whose KVM has Xen support, on a CPU with
AMD-V that TCG emulates. It runs the QEMU under test, which runs the guests.
nested/init.sh is its first process. Guests that make hypercalls by port are run
in a second L1 VM, with Debian 12's kernel, which has no such support.
"""
import io
import json
import os
import re
import shlex
import subprocess
import tarfile

import bare
import bundle
import checks
import cpio
import exits
import faults
import guestvm
import hang
import images
import material
import nested_table
import paths
import report
import state
import vm
from nested_table import COMMON_ACCEL, PHASES, TABLE

L1_KERNEL = 'debian13'
L1_KERNELS = (L1_KERNEL, nested_table.OLD_L1)
# No name contains this word.
NO_FAULTS = (' ',)
L1_MODULES = ('kvm-amd', 'virtio-pci', 'virtio-blk')
L1_MEMORY = 1536
L1_CPUS = ('-accel', 'tcg,thread=multi', '-smp', 2)
# A microsecond of the clock is 250 instructions; an idle CPU takes no time of
# the host.
COUNTED_CPUS = ('-accel', 'tcg', '-smp', 1, '-icount', 'shift=2,sleep=off')
L1_PROGRAM = 'tcp-peer'
UPSTREAM_QEMU = '/bin/upstream-qemu'    # in L1 VMs that have it
L1_SCRIPTS = os.path.join(paths.HERE, 'nested')
L1_LIMIT = 120                      # seconds, without the guests
# Rarely, a vCPU of L1 stops taking interrupts while Linux boots: a vector
# stays in service in its emulated LAPIC.  No guest has run by then.
L1_TRIES = 3
GUEST_LIMIT = 600                   # seconds for each guest, on a busy host
RESULT_SIZE = 256 * guestvm.MIB     # sparse

UPSTREAM = os.path.join(paths.HERE, 'upstream-exits.json')


class InnerRun:
    """A guest of L1, with the interface of a finished Vm for checks.py."""

    def __init__(self, folder, command, allow_crash):
        self.log_folder = folder
        self.status = None
        self.seconds = self.ended_at = 0.0
        status = os.path.join(folder, 'status')
        if os.path.exists(status):
            with open(status) as f:
                self.status, began, ended = [int(w) for w in f.read().split()]
            self.seconds, self.ended_at = ended - began, ended
        self.facts = {}
        self._command = command
        self._allow_crash = allow_crash
        self.serial = vm.LogFile(os.path.join(folder, 'console.log'))
        self.errors = vm.LogFile(os.path.join(folder, 'qemu.log'))
        self.hang = hang.shown(vm.LogFile(os.path.join(folder, 'hang.log')).lines)
        for line in self.serial.lines:
            match = vm.FACT.search(line)
            if match:
                self.facts.setdefault(match.group(1), []).append(
                    match.group(2).strip())

    def fact(self, key):
        return self.facts.get(key, [None])[0]

    def command_line(self):
        return '(inside L1) ' + self._command

    def ending(self):
        if self.status is None:
            return 'L1 did not run it'
        if self.status == 137:
            return 'QEMU was killed (time limit, or out of memory)'
        if self.status > 128 and not self._allow_crash:
            return 'QEMU was killed by signal %d' % (self.status - 128)
        if 0 < self.status <= 128:
            return 'QEMU exited with status %d' % self.status
        return None


def add_member(tar, name, data):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mode = 0o644
    tar.addfile(member, io.BytesIO(data))


def add_texts(tar, folder, texts):
    """Adds files of one line each."""
    for name, text in texts.items():
        add_member(tar, '%s/%s' % (folder, name), text.encode() + b'\n')


class Plan:
    """A guest that L1 runs, as files in the tar archive for it."""

    def __init__(self, row, folder):
        self.row = row
        self.folder = os.path.join(folder, row.name)
        self.stimulus = guestvm.Stimulus(self.folder, disk_mib=row.disk_mib)
        self.hosts = [host(self.folder) for host in row.hosts]
        self.files = [self.stimulus.disk, self.stimulus.written,
                      *(path for host in self.hosts for path in host.files())]
        self.limit = GUEST_LIMIT + sum(host.TIME for host in self.hosts)
        boot, boots = boot_in_l1(image_name(row)), guestvm.direct_boot
        booter = next((host for host in self.hosts if host.boot), None)
        if booter:
            boots = booter.boot
            if booter.READS_BOOT:
                boot = images.guest(row.guest, row.program)
        url = 'http://10.0.2.2:8000/%s/fetched' % row.name
        words = [bundle.PROGRAM, '-L', bundle.FIRMWARE_FOLDER,
                 '-chardev', 'file,id=serial,path=console.log,append=on',
                 '-chardev', 'pipe,id=hvc,path=hvc',
                 # Two QEMUs at a time cannot have the same pipe.
                 *([] if row.moves else hang.IN_L1),
                 *guestvm.guest_arguments(
                     boot, [row.accel], row.smp, 'disk.img', 'written.img',
                     guestvm.init_parameters(self.stimulus, url, row.steps,
                                             row.sleeps, row.then)
                     + list(row.append)
                     + [w for host in self.hosts for w in host.parameters()],
                     boots=boots, serial=booter.SERIAL if booter else True),
                 *(w for host in self.hosts for w in host.arguments())]
        words = [word.replace(self.folder + '/', '') for word in words]
        if row.monitor or row.sleeper:
            words += ['-chardev', 'pipe,id=monitor,path=monitor',
                      '-mon', 'chardev=monitor']
        self.command = ' '.join(shlex.quote(w) for w in words)

    def add_to(self, tar):
        texts = {'command': self.command, 'nonce': self.stimulus.nonce,
                 'answer': self.stimulus.answer, 'limit': str(self.limit)}
        if not self.row.traced:
            texts['untraced'] = ''
        if self.row.monitor:
            texts['monitor'] = self.row.monitor
        if self.row.sleeper:
            texts['sleeper'] = ''
        if self.row.moves:
            texts['qemu'] = texts['command']
            texts['command'] = 'sh /etc/moves.sh ' + self.row.moves
        if len(self.files) > 2:
            texts['returned'] = '\n'.join(map(os.path.basename, self.files[2:]))
        add_texts(tar, self.row.name, texts)
        add_member(tar, '%s/fetched' % self.row.name, self.stimulus.fetched)
        for path in self.files + [path for host in self.hosts
                                  for path in host.boot_files]:
            tar.add(path, '%s/%s' % (self.row.name, os.path.basename(path)))

    def outcome(self, allow_crash):
        """Checks the results; returns (reasons, phases measured or None,
        run)."""
        run = InnerRun(self.folder, self.command, allow_crash)
        if self.row.refused:
            return list(self._not_refused(run)), None, run
        reasons = checks.failures(run, self.stimulus, self.row.cpus,
                                  self.row.steps + self.row.then,
                                  self.row.expect,
                                  self.row.sleeps)
        for host in self.hosts:
            host.vm = run
            host.close()
            reasons += host.failures()
        counts = None
        if run.status is not None and self.row.traced:
            try:
                counts = self._counts(run)
            except exits.LostEvents as e:
                reasons.append('the trace lost events: %s' % e)
        return reasons, counts, run

    def _not_refused(self, run):
        if run.status != 1:
            yield run.ending() or 'QEMU ran the guest'
        for text in self.row.refused:
            if text not in '\n'.join(run.errors.lines):
                yield 'the message of QEMU does not contain %s' % text

    def _counts(self, run):
        def read(name):
            with open(os.path.join(self.folder, name)) as f:
                return f.read()

        phases = exits.phases(read('trace'), read('trace-stats'))
        return {'accel': self.row.accel,
                'event_ns': [int(v.split()[1])
                             for v in run.facts.get('event-ns', [])],
                'userspace_exits': exits.exits_by_reason(read('exits')),
                'phases': {name: phase.as_json()
                           for name, phase in zip(PHASES, phases)}}


def image_name(row):
    return '%s-%s' % (row.guest, row.program) if row.program else row.guest


def l1_boot(qemu, boots, name='l1', modules=(), extras=(), l1_kernel=L1_KERNEL):
    """L1's Boot; it contains the QEMU under test, and @boots by the names of
    their files. @modules are further ones; each of @extras is a list of files
    on which what it adds depends, and a function that adds it."""
    l1 = images.GUESTS[l1_kernel]
    kernel = material.kernel(l1.suite, l1.arch, l1.flavour)
    busybox = material.package(l1.suite, l1.arch, 'busybox-static')
    modules = L1_MODULES + tuple(modules)
    extras = [bundle.qemu(qemu), *extras]
    key = images.content_key(
        kernel, busybox, ' '.join(modules), __file__, bundle.__file__,
        hang.__file__, cpio.__file__, images.__file__,
        *images.scripts_in(L1_SCRIPTS),
        *images.program_sources(L1_PROGRAM),
        *(path for files, _ in extras for path in files),
        *(part for item in boots.items() for part in (item[0], *item[1])))

    def fill(archive):
        images.add_userland(archive, busybox)
        images.add_scripts(archive, L1_SCRIPTS)
        images.add_modules(archive, kernel, modules)
        archive.file('etc/hang', hang.QUESTIONS.encode(), 0o644)
        archive.file('bin/' + L1_PROGRAM, images.compiled(L1_PROGRAM), 0o755)
        for _, add in extras:
            add(archive)
        for guest, boot in boots.items():
            inside = boot_in_l1(guest)
            archive.copy(inside.kernel, boot.kernel)
            archive.copy(inside.initrd, boot.initrd)

    return images.Boot(images.kernel_image(kernel),
                       images.cached_initrd('%s-%s' % (name, l1_kernel), key,
                                            fill))


def boot_in_l1(guest):
    """Where L1 has the files of a guest's Boot."""
    return images.Boot('/guests/%s.kernel' % guest,
                       '/guests/%s.initrd' % guest)


def run_l1(outer, folder, boot, plans, tally, cpus=L1_CPUS, memory=L1_MEMORY):
    """Runs L1 with @plans, and puts the results into their folders. @cpus are
    QEMU's arguments for its CPUs, @memory is in MiB."""
    plan_path = os.path.join(folder, 'plan.tar')
    result_path = os.path.join(folder, 'result.tar')
    with tarfile.open(plan_path, 'w', format=tarfile.USTAR_FORMAT) as tar:
        for plan in plans:
            plan.add_to(tar)
    with open(result_path, 'wb') as f:
        f.truncate(RESULT_SIZE)
    for _ in range(L1_TRIES):
        l1 = vm.Vm(outer, folder)
        l1.add(*cpus, '-cpu', 'max', '-machine', 'pc', '-m', memory,
               *guestvm.BASE,
               '-serial', 'chardev:serial',
               '-drive', 'file=%s,format=raw,if=virtio' % plan_path,
               '-drive', 'file=%s,format=raw,if=virtio' % result_path,
               '-kernel', boot.kernel, '-initrd', boot.initrd,
               '-append', 'console=ttyS0 panic=-1 quiet no_timer_check')
        l1.on_fact['ran'] = lambda value: tally.say('    L1: ' + value)
        l1.run(L1_LIMIT + sum(getattr(plan, 'limit', GUEST_LIMIT)
                              for plan in plans), silence=L1_LIMIT)
        if l1.serial.lines:
            break
        tally.say('    L1 has not booted in %.0f s' % l1.seconds)
    if l1.fact('end'):
        try:
            with tarfile.open(result_path, 'r:') as tar:
                for member in tar:
                    if member.isfile():
                        unpack_member(tar, member, folder)
        except tarfile.ReadError as e:
            # A guest that hung has filled the disk with its trace.
            tally.say('    L1: not all results are there: %s' % e)
    for path in (plan_path, result_path):
        os.unlink(path)
    return l1


def unpack_member(tar, member, folder):
    name = os.path.normpath(member.name)
    if name.startswith(('..', '/')):
        raise ValueError('L1 sent a file named %s' % member.name)
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(tar.extractfile(member).read())


# What L1's kernel logs of a program that it ends: QEMU's status does not tell.
KILLED = re.compile(r'Out of memory|segfault at|general protection|traps: ')


def l1_failures(l1):
    wrong = [l1.ending()] if l1.ending() else []
    wrong += ['L1 says: ' + text for text in l1.facts.get('error', [])]
    if not l1.fact('end'):
        wrong.append('L1 did not come to its end')
    log = vm.LogFile(os.path.join(l1.log_folder, 'dmesg'))
    wrong += ["L1's kernel: " + line for line in log.lines
              if KILLED.search(line)]
    return wrong


def nested(options):
    """The subcommand; returns the exit status."""
    rows = [r for r in TABLE if not options.filter or any(
        word in r.name for word in options.filter)]
    if options.record:
        rows = [r for r in rows if r.measured]
    bare_rows = [] if options.record else bare.selection('kvm',
                                                         options.filter)
    widths = [] if options.record else [
        width for width in state.WIDTHS if not options.filter or any(
            word in 'kvm-upstream-state-%d' % width
            for word in options.filter)]
    fault_words = NO_FAULTS if options.record else options.filter
    work = {l1: ([row for row in rows if (row.l1 or L1_KERNEL) == l1],
                 [(row, names) for row, names in bare_rows
                  if (row.l1 or L1_KERNEL) == l1],
                 widths if l1 == L1_KERNEL else [],
                 fault_words if l1 == L1_KERNEL else NO_FAULTS)
            for l1 in L1_KERNELS}
    work = {l1: what for l1, what in work.items()
            if any(what[:3]) or faults.count(what[3])}
    tally = report.Tally(len(work) + len(rows) + bare.count(bare_rows) +
                         len(widths) + faults.count(fault_words), options.tap)
    measured = {}
    for l1, what in work.items():
        measured.update(run_kernel(l1, *what, options, tally))
    keep_figures(measured, options, tally)
    return tally.end()


def run_kernel(l1, rows, bare_rows, widths, fault_words, options, tally):
    """Runs L1 with kernel @l1 and these guests; returns {name: counts}."""
    try:
        boot = l1_boot(options.qemu, {image_name(r): images.guest(
            r.guest, r.program) for r in rows}, l1_kernel=l1)
    except material.MissingMaterial as e:
        for name in [l1_name(l1)] + [r.name for r in rows]:
            tally.add(report.Outcome(name, 0, skipped=str(e)))
        return {}
    with paths.log_folder('nested' if l1 == L1_KERNEL else
                          'nested-' + l1) as folder:
        plans = [Plan(row, folder) for row in rows]
        bare_plans = [bare.Plan(row, names, folder)
                      for row, names in bare_rows]
        load_plans = [state.LoadPlan(width, folder, 'kvm,xen-version=4.17')
                      for width in widths]
        fault_plans = faults.selection(folder, fault_words)
        return run_plans(l1_name(l1), folder, boot, plans,
                         bare_plans + fault_plans, load_plans, options, tally)


def l1_name(l1):
    return 'L1' if l1 == L1_KERNEL else 'L1-' + l1


def run_plans(name, folder, boot, plans, bare_plans, load_plans, options,
              tally):
    """Runs L1 and checks the results; returns {name: counts}."""
    outer = os.path.abspath(options.outer or options.qemu)
    l1 = run_l1(outer, folder, boot, plans + bare_plans + load_plans, tally)
    tally.add(report.Outcome(name, l1.seconds, l1_failures(l1), machine=l1))
    measured = {}
    for plan in plans:
        reasons, counts, run = plan.outcome(allow_crash=options.record)
        if counts:
            measured[plan.row.name] = counts
            if not options.record:
                reasons += nested_table.over_budget(plan.row, counts)
            if plan.row.measured and not options.record:
                reasons += above_upstream(plan.row.name, counts)
        tally.add(report.Outcome(plan.row.name, run.seconds, reasons,
                                 machine=run))
        if not options.keep:
            plan.stimulus.remove()
    for plan in bare_plans:
        run = InnerRun(plan.folder, plan.command, allow_crash=False)
        for outcome in plan.outcomes(run):
            tally.add(outcome)
    for plan in load_plans:
        tally.add(plan.outcome(InnerRun(plan.folder, plan.command,
                                        allow_crash=False)))
    return measured


def record_state(options):
    """The subcommand that saves guests with upstream QEMU."""
    outer = os.path.abspath(options.outer or
                            paths.default_qemu(options.build_dir))
    tally = report.Tally(len(state.WIDTHS) + 1, False)
    try:
        boot = l1_boot(options.qemu, {})
    except material.MissingMaterial as e:
        tally.add(report.Outcome('L1', 0, skipped=str(e)))
        return tally.end()
    with paths.log_folder('state') as folder:
        plans = [state.SavePlan(width, folder, COMMON_ACCEL)
                 for width in state.WIDTHS]
        l1 = run_l1(outer, folder, boot, plans, tally)
        tally.add(report.Outcome('L1', l1.seconds, l1_failures(l1),
                                 machine=l1))
        for plan in plans:
            run = InnerRun(plan.folder, plan.command, allow_crash=False)
            wrong = plan.keep(run)
            tally.add(report.Outcome(plan.name, run.seconds,
                                     [wrong] if wrong else [], machine=run))
    return tally.end()


def upstream_figures():
    with open(UPSTREAM) as f:
        return json.load(f)['guests']


def total_exits(counts):
    """Hypercalls with an exit to QEMU in all phases together: a single phase
    has as few as a dozen, and their number varies by the unmasks of one."""
    return sum(counts['phases'].get(phase, {}).get('exits_total', 0)
               for phase in PHASES)


def above_upstream(name, counts):
    """Yields what is wrong with the counts, compared with upstream's."""
    upstream = upstream_figures().get(name)
    if upstream is None:
        yield 'upstream-exits.json has no figures for this guest'
        return
    if set(counts['phases']) != set(PHASES):
        yield 'the guest set %d of %d marks' % (len(counts['phases']),
                                                len(PHASES))
    ours, theirs = total_exits(counts), total_exits(upstream)
    if ours > theirs:
        yield ('%d exits for hypercalls, %d with upstream' % (ours, theirs))


def keep_figures(measured, options, tally):
    """Writes and prints the counts."""
    if not measured:
        return
    if options.record:
        record = {
            'about': "upstream QEMU's exits to userspace, see nested.py",
            'command': 'tests/guest/run nested --record --qemu UPSTREAM_QEMU',
            'qemu': qemu_version(options.qemu), 'accel': COMMON_ACCEL,
            'guests': measured}
        write_json(UPSTREAM, record)
    else:
        write_json(os.path.join(paths.BUILD, 'nested.json'),
                   {'guests': measured})
    upstream = {} if options.record else upstream_figures()
    for row in TABLE:
        if row.measured and row.name in measured:
            tally.say('\n%s\n%s\n' % (row.name, report.exit_tables(
                measured[row.name], upstream.get(row.name), PHASES)))
    tally.say('Hypercalls with an exit to QEMU, and those handled by KVM:\n\n%s\n'
              % report.table(*nested_table.summary(measured)))
    if any(counts['event_ns'] for counts in measured.values()):
        tally.say('What an event costs (tests/guest/programs/event-rate.c):'
                  '\n\n%s\n' % report.table(*nested_table.rates(measured)))


def qemu_version(qemu):
    return subprocess.run([qemu, '--version'], capture_output=True, text=True,
                          check=True).stdout.splitlines()[0]


def write_json(path, value):
    images.write_atomically(
        path, (json.dumps(value, indent=1) + '\n').encode())
