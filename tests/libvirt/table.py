# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of domains, each with the steps of its life, and what runs it."""
import concurrent.futures
import contextlib
import os
import shutil
import threading
import time

import daemon
import diskimage
import domain
import images
import life
import network
import report
import steps
import storage

GUEST = 'debian13'
PROGRAMS = 'emulated-disks tcp-load disk-load'
COMMAND_LINE = 'console=ttyS0 panic=-1 quiet XE_STEPS=modules,serve'


class Row:
    def __init__(self, name, shape, *row_steps):
        self.name = name
        self.shape = shape
        self.steps = row_steps

    def step_name(self, step):
        return '%s.%s' % (self.name, step.__name__.replace('_', '-'))


TABLE = [
    Row('i440fx', domain.I440fx,
        life.define, life.start, life.console, storage.domblkstat,
        network.domifstat, life.suspend_resume, life.save_restore,
        life.managed_save, life.reset, life.reboot, life.guest_reboot,
        life.shutdown),
]


class Runner:
    """Runs rows on hosts that are up, and hands each outcome to @tally."""

    def __init__(self, hosts, server, shared, boot, image, tally):
        self._hosts = hosts
        self._server = server
        self._shared = shared
        self._boot = boot
        self._image = image
        self._tally = tally
        self._lock = threading.Lock()

    def run_row(self, number, row):
        subject = domain.Domain(self._hosts[0], row.shape, row.name, number,
                                self._shared, self._boot, self._image, COMMAND_LINE)
        scene = steps.Scene(subject, self._hosts, self._server)
        lost = None
        for step in row.steps:
            began = time.monotonic()
            reasons = [lost] if lost else self._failures(scene, step)
            if reasons and not lost:
                lost = self._recover(scene, step)
            with self._lock:
                self._tally.add(report.Outcome(
                    row.step_name(step), time.monotonic() - began, reasons))
        with contextlib.suppress(daemon.VirshError):
            subject.virsh('destroy')

    @staticmethod
    def _failures(scene, step):
        try:
            step(scene)
            return []
        except steps.FAILURES as e:
            return [*str(e).splitlines(),
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


def selected(words):
    return [row for row in TABLE
            if not words or any(w in row.name for w in words)]


def check(options):
    """Runs the rows that @options selects; returns the exit status."""
    rows = selected(options.filter)
    tally = report.Tally(sum(len(row.steps) for row in rows))
    folder = os.path.join(os.path.abspath(options.build_dir), 'libvirt')
    shared = os.path.join(folder, 'guests')
    shutil.rmtree(shared, ignore_errors=True)
    os.makedirs(shared)
    boot = images.guest(GUEST, PROGRAMS)
    image = os.path.join(folder, 'boot.qcow2')
    diskimage.make(image, boot, COMMAND_LINE)
    with contextlib.ExitStack() as stack:
        hosts = [stack.enter_context(daemon.Host(
            'host%d' % number, number, folder, shared, options.qemu))
            for number in (1,)]
        server = stack.enter_context(hosts[0].tcp_server())
        runner = Runner(hosts, server, shared, boot, image, tally)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            running = [pool.submit(runner.run_row, number, row)
                       for number, row in enumerate(rows)]
            for done in concurrent.futures.as_completed(running):
                done.result()
    if not options.keep:
        shutil.rmtree(shared)
    return tally.end()
