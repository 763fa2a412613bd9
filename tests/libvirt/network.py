# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps that use the NICs of a domain, by the names of the emulated ones."""
import re

from steps import expect


def statistics(scene):
    return dict((key, int(value)) for key, value in re.findall(
        r'(\w+) (\d+)$',
        scene.virsh('domifstat', scene.domain.interface()), re.MULTILINE))


def domifstat(scene):
    """100,000 bytes go each way in each of the load's streams."""
    before = statistics(scene)
    scene.works()
    after = statistics(scene)
    for key in 'rx_bytes', 'tx_bytes':
        expect(after[key] - before[key] >= 100000,
               '%s was %d and is %d' % (key, before[key], after[key]))
