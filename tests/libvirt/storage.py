# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps that use the disks of a domain, by the names of the emulated ones."""
import re

from steps import expect


def statistics(scene, target):
    return dict((key, int(value)) for key, value in re.findall(
        r'(\w+) (\d+)$', scene.virsh('domblkstat', target), re.MULTILINE))


def domblkstat(scene):
    """The twin's requests are the emulated disk's."""
    target = scene.domain.shape.targets[1]
    before = statistics(scene, target)
    scene.guest.run('dd if=/dev/%s bs=4k count=64 iflag=direct of=/dev/null && '
                    'dd if=/dev/zero bs=4k count=32 oflag=direct of=/dev/%s'
                    % ((scene.domain.shape.found[1],) * 2))
    after = statistics(scene, target)
    for key, least in ('rd_bytes', 64 << 12), ('wr_bytes', 32 << 12):
        expect(after[key] - before[key] >= least,
               '%s was %d and is %d' % (key, before[key], after[key]))
