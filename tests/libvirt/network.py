# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps that use the NICs of a domain, by the names of the emulated ones."""
import re

from steps import expect, wait_until


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


def domif_setlink(scene):
    ping = 'ping -c 1 -W 2 %s >/dev/null && echo answer || echo none' \
        % scene.server.server_address[0]
    interface = scene.domain.interface()
    scene.virsh('domif-setlink', interface, 'down')
    expect('down' in scene.virsh('domif-getlink', interface), 'the link is up')
    expect(scene.guest.run(ping) == 'none', 'an answer without a link')
    scene.virsh('domif-setlink', interface, 'up')
    wait_until(lambda: scene.guest.run(ping) == 'answer', 'an answer')
    scene.works()


def attach_interface(scene):
    """A NIC with a twin, which is all that the guest finds."""
    mac = scene.domain.mac.replace(':07:', ':08:')
    find = 'grep -l %s /sys/class/net/*/address || true' % mac
    with scene.load():
        scene.virsh('attach-interface', 'bridge', 'br0', '--model',
                    scene.domain.shape.nic, '--mac', mac, '--live')
        wait_until(lambda: scene.guest.run(find), 'the NIC')
        found = scene.guest.run(find).split('/')[-2]
        driver = scene.guest.run(
            'readlink /sys/class/net/%s/device/driver' % found)
        expect(driver.endswith('/vif'), 'the driver is %s' % driver)
        scene.guest.run('ifconfig %s 10.8.0.2 up' % found)
        scene.virsh('detach-interface', 'bridge', '--mac', mac, '--live')
        wait_until(lambda: not scene.guest.run(find), 'no NIC')
        wait_until(lambda: mac not in scene.virsh('domiflist'),
                   'libvirt to forget the NIC')
