# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel images and initramfs images, created from Debian packages and this
tree's scripts. Their names contain a hash of all inputs, so an existing image
is up to date, and a second run neither unpacks nor fetches."""
import collections
import glob
import hashlib
import io
import os
import re
import subprocess
import tempfile
import threading

import cpio
import material
import paths

# What a guest boots: its table row and the sources of its parts.
GuestKernel = collections.namedtuple(
    'GuestKernel', 'name suite arch flavour cpu64 title')

GUESTS = {k.name: k for k in (
    GuestKernel('debian12', 'bookworm', 'amd64', 'cloud-amd64', True,
                'Debian 12 cloud, 64-bit'),
    GuestKernel('debian13', 'trixie', 'amd64', 'cloud-amd64', True,
                'Debian 13 cloud, 64-bit'),
    GuestKernel('debian12-pae', 'bookworm', 'i386', '686-pae', False,
                'Debian 12 PAE, 32-bit'),
    GuestKernel('debian11', 'bullseye', 'amd64', 'cloud-amd64', True,
                'Debian 11 cloud, 64-bit'),
    GuestKernel('debian13-backports', 'trixie-backports', 'amd64',
                'cloud-amd64', True, 'Debian 13 backports cloud, 64-bit'),
)}
# The suite of the userland, where it is another: backports have only some
# packages, and Debian 11's busybox has no direct I/O.
USERLAND = {'bullseye': 'trixie', 'trixie-backports': 'trixie'}

GUEST_MODULES = ('xen-blkfront', 'xen-netfront')
GUEST_SCRIPTS = os.path.join(paths.HERE, 'guest')

# Programs of this tree, and the kernel modules that each needs.
PROGRAMS = os.path.join(paths.HERE, 'programs')
PROGRAM_MODULES = {'many-channels': ('xen-evtchn',), 'kexec-now': (),
                   'event-rate': ('xen-evtchn',), 'lateness': (),
                   'tcp-load': (), 'fs-load': ('ext4',), 'udp-flood': (),
                   'pv-load': ('virtio-pci', 'virtio-blk', 'virtio-net'),
                   'disk-load': (), 'code-read': ()}
# Modules without a program.
MODULE_SETS = {'emulated-disks': ('ata-piix', 'ahci', 'sd-mod', 'sr-mod',
                                  'ext4'),
               'cpuid': ('cpuid',),
               'virtio': ('virtio-pci', 'virtio-blk', 'virtio-net')}
# Programs of Debian's, whatever the guest's kernel: packages that hold them and
# their libraries, and further names of a program, by which the guest calls it.
DebianProgram = collections.namedtuple('DebianProgram', 'suite packages links')
DEBIAN_PROGRAMS = {
    'xenstore-utils': DebianProgram(
        'trixie',
        ('xenstore-utils', 'libxenstore4', 'libxentoolcore1', 'libc6',
         'libgcc-s1'),
        [('xenstore-' + verb, 'xenstore')
         for verb in ('chmod', 'exists', 'list', 'ls', 'read', 'rm', 'watch',
                      'write')]),
    'scp': DebianProgram(
        'trixie',
        ('openssh-client', 'dropbear-bin', 'libc6', 'libcrypt1',
         'libtomcrypt1', 'libtommath1', 'libgmp10', 'zlib1g'), []),
}
# The files of these packages that a guest needs, and where it looks for them.
DEBIAN_FILES = (
    (re.compile(r'usr/s?bin/(xenstore|scp|dropbear|dropbearkey|dbclient)$'),
     'bin/%s', 0o755),
    (re.compile(r'usr/lib/x86_64-linux-gnu/(ld-linux-x86-64\.so\.2)$'),
     'lib64/%s', 0o755),
    (re.compile(r'usr/lib/x86_64-linux-gnu/'
                r'(lib(?:c|gcc_s|xen\w+|crypt|tom\w+|gmp|z)\.so\.\d+)'
                r'(?:[.\d]+)?$'),
     'lib/x86_64-linux-gnu/%s', 0o644),
)
# Those that need the guest's kernel as a file.
NEEDS_KERNEL = ('kexec-now',)

Boot = collections.namedtuple('Boot', 'kernel initrd')

_lock = threading.Lock()


def write_atomically(path, data):
    """Writes @path so that readers see all of it or nothing, even after a
    crash."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    part = '%s.%d.part' % (path, os.getpid())
    with open(part, 'wb') as f:
        f.write(data)
    os.rename(part, path)


def content_key(*parts):
    """A short hash of files (by their names and contents) and strings."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, (material.Package, material.Kernel)):
            # A package's file name holds its version: no need to read it.
            digest.update(part.file_name.encode())
        elif os.path.isabs(part):
            with open(part, 'rb') as f:
                digest.update(os.path.basename(part).encode() + f.read())
        else:
            digest.update(part.encode())
        digest.update(b'\0')
    return digest.hexdigest()[:16]


def scripts_in(folder):
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def add_userland(archive, busybox):
    """Busybox, and the device node that the kernel opens for init."""
    for name, read in busybox.files():
        if name.endswith('bin/busybox'):
            archive.file('bin/busybox', read(), 0o755)
    for folder in ('proc', 'sys', 'dev', 'tmp', 'mnt', 'etc', 'root'):
        archive.folder(folder)
    archive.char_device('dev/console', 5, 1)
    archive.link('init', 'etc/init.sh')


def add_scripts(archive, folder):
    for path in scripts_in(folder):
        archive.copy('etc/' + os.path.basename(path), path, 0o755)


def add_modules(archive, kernel, wanted):
    """Numbered, so that a shell's glob yields them in load order."""
    archive.folder('lib/modules')
    for number, (name, data) in enumerate(kernel.modules(wanted)):
        archive.file('lib/modules/%02d-%s.ko' % (number, name), data)


def add_debian_program(archive, packages, links):
    for folder in ('lib64', 'lib/x86_64-linux-gnu'):
        archive.folder(folder)
    for deb in packages:
        for path, read in deb.files():
            for pattern, place, mode in DEBIAN_FILES:
                match = pattern.match(path)
                if match:
                    archive.file(place % match.group(1), read(), mode)
    for name, target in links:
        archive.link('bin/' + name, target)


def kernel_image(kernel):
    path = os.path.join(paths.IMAGES, kernel.file_name[:-4] + '.vmlinuz')
    if not os.path.exists(path):
        write_atomically(path, kernel.image())
    return path


def cached_initrd(name, key, fill):
    """build/guest/images/@name-@key.cpio. If it does not exist, @fill(archive)
    creates it, and older ones with that name are removed."""
    path = os.path.join(paths.IMAGES, '%s-%s.cpio' % (name, key))
    if not os.path.exists(path):
        for old in glob.glob(os.path.join(
                paths.IMAGES, '%s-%s.cpio' % (name, '[0-9a-f]' * 16))):
            os.unlink(old)
        stream = io.BytesIO()
        archive = cpio.Archive(stream)
        fill(archive)
        archive.finish()
        write_atomically(path, stream.getvalue())
    return path


def compiled(name):
    """The static binary of a program of this tree, for this machine."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, name)
        command = ['gcc', '-std=c11', '-O2', '-Wall', '-Werror', '-static',
                   '-pthread', '-s', '-o', out, program_source(name)]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
        except OSError as e:
            raise material.MissingMaterial('gcc: %s' % e) from e
        if done.returncode:
            raise material.MissingMaterial('%s does not compile: %s'
                                           % (name, done.stdout.strip()))
        with open(out, 'rb') as f:
            return f.read()


def program_source(name):
    return os.path.join(PROGRAMS, name + '.c')


def program_sources(*names):
    """What these programs are made of."""
    headers = sorted(glob.glob(os.path.join(PROGRAMS, '*.h')))
    return [program_source(name) for name in names] + headers if names else []


def guest(name, program=None):
    """The Boot of one of GUESTS, with one of the programs above in /bin, or
    modules, or several with spaces in between (64-bit guests only); raises
    material.MissingMaterial."""
    row = GUESTS[name]
    programs = program.split() if program else ()
    own = [p for p in programs if p in PROGRAM_MODULES]
    wanted = GUEST_MODULES + sum((PROGRAM_MODULES[p] for p in own), ())
    wanted += sum((MODULE_SETS.get(p, ()) for p in programs), ())
    sources = program_sources(*own)
    with _lock:
        kernel = material.kernel(row.suite, row.arch, row.flavour)
        busybox = material.package(USERLAND.get(row.suite, row.suite),
                                   row.arch, 'busybox-static')
        debian = [(each.links, [material.package(each.suite, row.arch, deb)
                                for deb in each.packages])
                  for each in map(DEBIAN_PROGRAMS.get, programs) if each]
        sources += [deb for _, debs in debian for deb in debs]
        key = content_key(kernel, busybox, ' '.join(wanted), __file__,
                          cpio.__file__, *scripts_in(GUEST_SCRIPTS), *sources)

        def fill(archive):
            add_userland(archive, busybox)
            add_scripts(archive, GUEST_SCRIPTS)
            add_modules(archive, kernel, wanted)
            for links, debs in debian:
                add_debian_program(archive, debs, links)
            for each in own:
                archive.file('bin/' + each, compiled(each), 0o755)
                if each in NEEDS_KERNEL:
                    archive.folder('boot')
                    archive.copy('boot/kernel', kernel_image(kernel))

        image = '-'.join((name, *programs))
        return Boot(kernel_image(kernel), cached_initrd(image, key, fill))
