# SPDX-License-Identifier: GPL-2.0-or-later
"""Where things lie. Everything generated is under build/guest of the checkout,
or of the build folder that --build-dir names."""
import os

HERE = os.path.dirname(os.path.realpath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(HERE))
DEBIAN_FETCH = os.path.join(CHECKOUT, 'scripts', 'debian-fetch')

BUILD = PACKAGES = IMAGES = LOGS = None


def set_build_dir(folder):
    """Must be called once, before anything else of the harness."""
    global BUILD, PACKAGES, IMAGES, LOGS
    BUILD = os.path.join(os.path.abspath(folder), 'guest')
    PACKAGES = os.path.join(BUILD, 'packages')
    IMAGES = os.path.join(BUILD, 'images')
    LOGS = os.path.join(BUILD, 'logs')


def default_qemu(folder):
    return os.path.join(os.path.abspath(folder), 'qemu-system-x86_64')
