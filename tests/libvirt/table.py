# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of domains, each with the steps of its life, and what runs it."""
import concurrent.futures
import contextlib
import fcntl
import os
import shutil
import threading
import time

import daemon
import diskimage
import domain
import images
import l1
import life
import network
import report
import shapes
import steps
import storage
import unpacked

GUEST = 'debian13'
PROGRAMS = 'emulated-disks virtio tcp-load disk-load'
COMMAND_LINE = 'console=ttyS0 panic=-1 quiet XE_STEPS=modules,serve'


class Row:
    """A domain; if it is @alone, no other is on the host. It is one of each change's
    tests if it is @quick."""

    def __init__(self, name, shape, *row_steps, alone=False, quick=False):
        self.name = name
        self.shape = shape
        self.steps = row_steps
        self.alone = alone
        self.quick = quick

    def step_name(self, step):
        return '%s.%s' % (self.name, step.__name__.replace('_', '-'))


TABLE = [
    Row('i440fx', shapes.I440fx,
        life.define, life.start, life.console, storage.domblkstat,
        network.domifstat, life.suspend_resume, life.save_restore,
        life.managed_save, life.reset, life.reboot,
        life.guest_reboot, life.shutdown, life.events, quick=True),
    Row('storage', shapes.I440fx,
        life.define, life.start, storage.domblkinfo, storage.blkdeviotune,
        storage.internal_snapshot, storage.external_snapshot,
        storage.blockresize, storage.change_media, storage.attach_disk,
        storage.blockcopy, network.domif_setlink, network.attach_interface,
        life.setmem, life.dump, life.refused, life.migrate,
        life.shutdown, quick=True),
    Row('vcpus', shapes.I440fx,
        life.define, life.start, life.setvcpus, life.save_restore,
        life.shutdown, quick=True),
    Row('q35', shapes.Q35,
        life.define, life.start, storage.domblkstat, network.domifstat,
        storage.external_snapshot, storage.change_media,
        network.attach_interface, network.domif_setlink,
        life.managed_save, life.migrate, life.reboot, life.shutdown),
    Row('i440fx-loader', shapes.I440fxLoader,
        life.define, life.start, life.sandbox, life.screenshot,
        life.guest_reboot, life.shutdown),
    Row('sleep', shapes.I440fx,
        life.define, life.start, life.s3, life.save_restore, life.shutdown,
        quick=True),
    Row('q35-loader', shapes.Q35Loader,
        life.define, life.start, life.screenshot, storage.domblkstat,
        life.save_restore, life.reset, life.shutdown),
    Row('override', shapes.Override,
        life.define, life.start, life.console, life.console_hvc,
        storage.domblkstat, network.domifstat, storage.blockresize,
        life.suspend_resume, life.save_restore, life.migrate, life.reboot,
        life.shutdown),
    Row('no-pv', shapes.NoPv,
        life.define, life.start, storage.domblkstat, life.save_restore,
        life.managed_save, storage.internal_snapshot, life.migrate,
        life.shutdown),
    Row('nova', shapes.Nova,
        life.define, life.start, storage.domblkstat, life.suspend_resume,
        life.save_restore, storage.attach_disk, life.reboot, life.migrate,
        life.shutdown, quick=True),
    Row('bare', shapes.Bare,
        life.define, life.start, life.console, life.suspend_resume,
        life.save_restore, life.migrate, life.shutdown),
    Row('autostart', shapes.I440fx,
        life.define, life.start, life.restart_daemon, life.shutdown,
        life.autostart, alone=True),
]


class Runner:
    """Runs rows on hosts that are up, and hands each outcome to @tally."""

    def __init__(self, hosts, server, shared, boot, image, virt_type, tally):
        self._hosts = hosts
        self._server = server
        self._shared = shared
        self._boot = boot
        self._image = image
        self._type = virt_type
        self._tally = tally
        self._lock = threading.Lock()

    def run_row(self, number, row):
        subject = domain.Domain(self._hosts[0], row.shape, row.name, number,
                                self._shared, self._boot, self._image, COMMAND_LINE,
                                self._type)
        scene = steps.Scene(subject, self._hosts, self._server)
        lost = None
        for step in row.steps:
            began = time.monotonic()
            skipped, reasons = None, [lost]
            if not lost:
                skipped, reasons = self._try(scene, step)
            if reasons and not lost:
                lost = self._recover(scene, step)
            with self._lock:
                self._tally.add(report.Outcome(
                    row.step_name(step), time.monotonic() - began, reasons,
                    skipped=skipped))
        scene.close()

    @staticmethod
    def _try(scene, step):
        """Why it cannot run, or None; and a list of what is wrong."""
        try:
            step(scene)
            return None, []
        except steps.Skipped as e:
            return str(e), []
        except steps.FAILURES as e:
            return None, [
                *str(e).splitlines(),
                '--- the end of the console ---',
                *('| ' + line for line in scene.domain.console_tail())]

    @staticmethod
    def _recover(scene, step):
        """Why the steps after @step cannot be tried, or None."""
        try:
            scene.recover()
            return None
        except steps.FAILURES as e:
            return 'not reached: after %s: %s' % (step.__name__, e)


def selected(words, quick):
    return [row for row in TABLE
            if (row.quick or not quick) and
            (not words or any(w in row.name for w in words))]


def skip(options, reason):
    """Reports that nothing can run; returns the exit status."""
    rows = selected(options.filter, options.quick)
    tally = report.Tally(sum(len(row.steps) for row in rows))
    for row in rows:
        for step in row.steps:
            tally.add(report.Outcome(row.step_name(step), 0, skipped=reason))
    return tally.end()


def check(options):
    """Runs the rows that @options selects; returns the exit status."""
    rows = selected(options.filter, options.quick)
    folder = os.path.join(os.path.abspath(options.build_dir), 'libvirt')
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'lock'), 'w') as lock:
        # Another run would find its files gone.
        fcntl.flock(lock, fcntl.LOCK_EX)
        boot, image = boot_files(options, folder)
        steps_total = sum(len(row.steps) for row in rows)
        if options.nested:
            return l1.check(options, boot, image, steps_total, folder)
        return run_rows(options, rows, boot, image, report.Tally(steps_total),
                        folder)


def boot_files(options, folder):
    """What domains boot: a kernel with its initramfs, and an image with both."""
    if options.boot:
        *files, image = options.boot
        return images.Boot(*files), image
    boot = images.guest(GUEST, PROGRAMS)
    image = os.path.join(folder, 'boot.qcow2')
    diskimage.make(image, boot, COMMAND_LINE)
    return boot, image


def run_rows(options, rows, boot, image, tally, folder):
    """Runs them, with @folder for its own; returns the exit status."""
    shared = os.path.join(folder, 'guests')
    shutil.rmtree(shared, ignore_errors=True)
    os.makedirs(shared)
    libvirt = None
    if options.libvirt:
        libvirt = os.path.join(folder, options.libvirt)
        unpacked.unpack(options.libvirt, libvirt)
    with contextlib.ExitStack() as stack:
        hosts = [stack.enter_context(daemon.Host(
            'host%d' % number, number, folder, shared, options, libvirt))
            for number in (1, 2)]
        tally.say(hosts[0].version())
        hosts[0].connect(hosts[1])
        server = stack.enter_context(hosts[0].tcp_server())
        runner = Runner(hosts, server, shared, boot, image, options.type, tally)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            running = [pool.submit(runner.run_row, number, row)
                       for number, row in enumerate(rows) if not row.alone]
            for done in concurrent.futures.as_completed(running):
                done.result()
        for number, row in enumerate(rows):
            if row.alone:
                runner.run_row(number, row)
    if not options.keep:
        shutil.rmtree(shared)
    return tally.end()
