# SPDX-License-Identifier: GPL-2.0-or-later
"""The same on nested KVM: an L1 VM (tests/guest/nested.py) whose root file system has
this test, the libvirt of the host and the QEMU under test."""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import bundle
import diskimage
import guestvm
import nested
import paths
import report
import vm

HERE = os.path.dirname(os.path.realpath(__file__))
MODULES = ('ext4', 'tun', 'bridge', 'veth')
MEMORY = 2048                       # MiB
DISK = 2 << 30                      # sparse
LIMIT = 3600                        # seconds for all domains, on a busy host
LINE = re.compile(r'\[\d+/\d+\] (\S+) +(passed|failed|skipped) in ([\d.]+) s'
                  r'(?:: (.*))?$')

# Those of them that are installed; of what they depend on only libraries.
PYTHON = 'python3.%d-minimal' % sys.version_info[1]
PACKAGES = ('coreutils', 'dash', 'grep', 'iproute2', 'mount', 'sed', 'util-linux',
            'ipxe-qemu', 'qemu-system-data', 'seabios',
            'libvirt0', 'libvirt-clients', 'libvirt-common', 'libvirt-daemon',
            'libvirt-daemon-common', 'libvirt-daemon-driver-qemu',
            'libvirt-daemon-log', 'python3-minimal', PYTHON, 'lib' + PYTHON,
            'lib' + PYTHON.replace('minimal', 'stdlib'))
LEFT_OUT = re.compile(
    r'/usr/share/(doc|man|locale|lintian|bash-completion)/'
    r'|/usr/share/qemu/(.*(ppc|sparc|s390|riscv|hppa|clipper|skiboot))')
MERGED = ('bin', 'lib', 'lib64', 'sbin')

# Where the files of the caller are in L1.
CHECKOUT = '/src'
QEMU = '/bin/qemu-under-test'
BOOT = '/boot'


def _files():
    """The paths of what is installed by PACKAGES."""
    listed = subprocess.run(['dpkg', '-L', *PACKAGES], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            stdin=subprocess.DEVNULL).stdout.splitlines()
    return [path for path in listed
            if not LEFT_OUT.match(path) and os.path.lexists(path)
            and (os.path.islink(path) or not os.path.isdir(path))]


def _is_elf(path):
    with open(path, 'rb') as f:
        return f.read(4) == b'\x7fELF'


class Root:
    """A file system that is filled in a folder."""

    def __init__(self, folder):
        self._folder = folder
        for name in MERGED:
            os.makedirs(os.path.join(folder, 'usr', name))
            os.symlink('usr/' + name, os.path.join(folder, name))
        for name in ('dev', 'etc', 'proc', 'root', 'run', 'sys', 'tmp', 'var'):
            os.mkdir(os.path.join(folder, name))
        self.write('/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n')
        self.write('/etc/group', 'root:x:0:\ntty:x:5:\nkvm:x:103:\n')

    def _place(self, path):
        place = os.path.join(self._folder, path.lstrip('/'))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        return place

    def write(self, path, text):
        with open(self._place(path), 'w') as f:
            f.write(text)

    def copy(self, source, path):
        shutil.copy2(source, self._place(path))

    def add_system(self, qemu):
        """The packages' files, and the libraries of all programs."""
        files = _files()
        for path in files:
            place = self._place(path)
            if not os.path.lexists(place):
                shutil.copy2(path, place, follow_symlinks=False)
        shell = self._place('/bin/sh')
        if not os.path.lexists(shell):
            os.symlink('dash', shell)
        programs = [path for path in files
                    if os.path.isfile(path) and _is_elf(path)]
        for path in bundle.shared_objects(qemu, *programs):
            if not os.path.lexists(self._place(path)):
                self.copy(path, path)
        if subprocess.run(['strip', '-o', self._place(QEMU), qemu]).returncode:
            self.copy(qemu, QEMU)

    def add_test(self, boot, image, command):
        """This test, what its domains boot, and the command that runs it."""
        for name in 'guest', 'libvirt':
            shutil.copytree(os.path.join(paths.CHECKOUT, 'tests', name),
                            self._place('%s/tests/%s' % (CHECKOUT, name)))
        for source, name in zip((boot.kernel, boot.initrd, image),
                                ('kernel', 'initrd', 'image')):
            self.copy(source, os.path.join(BOOT, name))
        self.write('/command', command + '\n')


def _command(options):
    """The same call, inside."""
    words = ['%s/tests/libvirt/run' % CHECKOUT, '--build-dir', '/var/build',
             '--qemu', QEMU, '--boot',
             *(os.path.join(BOOT, name) for name in ('kernel', 'initrd', 'image')),
             '--type', 'kvm', '--jobs', options.jobs]
    for word in options.filter or ():
        words += ['--filter', word]
    if options.quick:
        words.append('--quick')
    return ' '.join(shlex.quote(str(w)) for w in words)


def _make_disk(path, options, boot, image):
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
        root = Root(folder)
        root.add_system(options.qemu)
        root.add_test(boot, image, _command(options))
        diskimage.make_file_system(path, folder, DISK)


def _outcomes(lines):
    """Those that the test in L1 has printed."""
    found = []
    for line in lines:
        match = LINE.match(line)
        if match:
            name, word, seconds, why = match.groups()
            found.append((report.Outcome(name, float(seconds), skipped=why), word))
        elif found and found[-1][1] == 'failed' and line.startswith('    '):
            found[-1][0].reasons.append(line[4:])
    for outcome, word in found:
        if word == 'failed' and not outcome.reasons:
            outcome.reasons.append('no reason was printed')
    return [outcome for outcome, _ in found]


def check(options, boot, image, total, folder):
    """Runs the @total steps in L1; returns the exit status."""
    tally = report.Tally(total + 1)
    script = os.path.join(HERE, 'l1-init.sh')
    extra = [script], lambda archive: archive.copy('etc/l1-init.sh', script, 0o755)
    l1_boot = nested.l1_boot(options.qemu, {}, 'l1-libvirt', MODULES, [extra])
    disk = os.path.join(folder, 'l1.img')
    _make_disk(disk, options, boot, image)
    for _ in range(nested.L1_TRIES):
        l1 = vm.Vm(options.qemu, os.path.join(folder, 'l1'))
        l1.add(*nested.L1_CPUS, '-cpu', 'max', '-machine', 'pc', '-m', MEMORY,
               *guestvm.BASE, '-serial', 'chardev:serial',
               '-drive', 'file=%s,format=raw,if=virtio,cache=unsafe' % disk,
               '-kernel', l1_boot.kernel, '-initrd', l1_boot.initrd, '-append',
               'console=ttyS0 panic=-1 quiet no_timer_check '
               'rdinit=/etc/l1-init.sh')
        l1.run(LIMIT, silence=nested.L1_LIMIT)
        if l1.serial.lines:
            break
        tally.say('    L1 has not booted in %.0f s' % l1.seconds)
    if not options.keep:
        os.unlink(disk)
    wrong = [l1.ending()] if l1.ending() else []
    wrong += ['L1 says: ' + text for text in l1.facts.get('error', [])]
    outcomes = _outcomes(l1.serial.lines)
    if len(outcomes) != total:
        wrong.append('L1 has run %d of %d steps' % (len(outcomes), total))
    tally.add(report.Outcome('L1', l1.seconds, wrong, machine=l1))
    for outcome in outcomes:
        tally.add(outcome)
    return tally.end()
