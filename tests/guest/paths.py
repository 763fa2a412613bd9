# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths. Everything generated is below guest/ of the build folder, which is
build/ of the checkout or that of --build-dir."""
import contextlib
import fcntl
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.realpath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(HERE))
DEBIAN_FETCH = os.path.join(CHECKOUT, 'scripts', 'debian-fetch')

BUILD = PACKAGES = IMAGES = LOGS = None


def set_build_dir(folder):
    """Must be called once before anything else in the harness."""
    global BUILD, PACKAGES, IMAGES, LOGS
    BUILD = os.path.join(os.path.abspath(folder), 'guest')
    PACKAGES = os.path.join(BUILD, 'packages')
    IMAGES = os.path.join(BUILD, 'images')
    LOGS = os.path.join(BUILD, 'logs')


def default_qemu(folder):
    return os.path.join(os.path.abspath(folder), 'qemu-system-x86_64')


def minimal():
    """Whether QEMU is built without its optional features."""
    return subprocess.run(
        [os.path.join(CHECKOUT, 'scripts', 'build-option'), 'minimal'],
        env=dict(os.environ, BUILD_DIR=os.path.dirname(BUILD)),
        stdout=subprocess.PIPE, text=True,
        check=True).stdout.strip() == 'true'


@contextlib.contextmanager
def log_folder(name):
    """A context manager for an empty build/guest/logs/@name. A second run at
    the same time gets @name.2."""
    os.makedirs(LOGS, exist_ok=True)
    number = 1
    while True:
        folder = os.path.join(LOGS, name if number == 1
                              else '%s.%d' % (name, number))
        with open(folder + '.lock', 'w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                number += 1
                continue
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            yield folder
            return
