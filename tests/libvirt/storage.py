# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps that use the disks of a domain, by the names of the emulated ones."""
import re

import domain
from steps import expect, wait_until


def statistics(scene, target):
    return dict((key, int(value)) for key, value in re.findall(
        r'(\w+) (\d+)$', scene.virsh('domblkstat', target), re.MULTILINE))


def domblkstat(scene):
    """The twin's requests are the emulated disk's."""
    target = scene.domain.shape.targets[1]
    before = statistics(scene, target)
    scene.guest.run('dd if=/dev/%s bs=4k count=64 iflag=direct of=/dev/null && '
                    'dd if=/dev/zero bs=4k count=32 oflag=direct of=/dev/%s'
                    % ((scene.data,) * 2))
    after = statistics(scene, target)
    for key, least in ('rd_bytes', 64 << 12), ('wr_bytes', 32 << 12):
        expect(after[key] - before[key] >= least,
               '%s was %d and is %d' % (key, before[key], after[key]))


def source(scene, target):
    """The file that a disk is in."""
    return dict(re.findall(r'^ *(\S+) +(\S+)$', scene.virsh('domblklist'),
                           re.MULTILINE))[target]


def domblkinfo(scene):
    told = scene.virsh('domblkinfo', scene.domain.shape.targets[1])
    expect(re.search(r'Capacity: +%d$' % domain.DATA_SIZE, told, re.MULTILINE),
           told)


def blkdeviotune(scene):
    target = scene.domain.shape.targets[1]
    for limit in 100, 0:
        with scene.load():
            scene.virsh('blkdeviotune', target, '--live', '--total-iops-sec',
                        limit)
            told = scene.virsh('blkdeviotune', target)
            expect(re.search(r'total_iops_sec *: %d$' % limit, told,
                             re.MULTILINE), told)


def blockresize(scene):
    size = 2 * domain.DATA_SIZE
    with scene.load():
        scene.virsh('blockresize', scene.domain.shape.targets[1], '%dB' % size)
        wait_until(lambda: scene.guest.run(
            'cat /sys/block/%s/size' % scene.data)
            == str(size // 512), 'a disk of %d bytes' % size)


def internal_snapshot(scene):
    """Memory and disks are set back, so there must be no connections."""
    data = scene.data
    scene.guest.run('touch /tmp/before; echo before >/dev/' + data)
    scene.virsh('snapshot-create-as', 'internal')
    scene.guest.run('rm /tmp/before; echo after >/dev/%s; sync' % data)
    scene.works()
    scene.virsh('snapshot-revert', 'internal')
    expect(scene.domain.state() == 'running', scene.domain.state())
    scene.guest.disconnect()
    scene.guest.run('ls /tmp/before')
    line = scene.guest.run('head -n 1 /dev/' + data)
    expect(line == 'before', 'the disk has "%s"' % line)
    scene.works()
    scene.virsh('snapshot-delete', 'internal')


def external_snapshot(scene):
    """And blockcommit, by which the overlay goes again."""
    target = scene.domain.shape.targets[1]
    below, overlay = source(scene, target), scene.domain.inner('overlay')
    with scene.load():
        scene.virsh('snapshot-create-as', 'external', '--disk-only',
                    '--diskspec', target + ',snapshot=external,file=' + overlay,
                    '--diskspec', scene.domain.shape.targets[0]
                    + ',snapshot=no')
        expect(source(scene, target) == overlay, 'no overlay')
    with scene.load():
        scene.virsh('blockcommit', target, '--active', '--wait', '--pivot')
        expect(source(scene, target) == below, 'the overlay is still used')
    scene.virsh('snapshot-delete', 'external', '--metadata')


def blockcopy(scene):
    target = scene.domain.shape.targets[1]
    copy = scene.domain.inner('copy')
    with scene.load():
        scene.virsh('blockcopy', target, '--dest', copy, '--format', 'qcow2',
                    '--transient-job', '--wait', '--pivot')
        expect(source(scene, target) == copy, 'the copy is not used')


def change_media(scene):
    """Of the emulated CD-ROM, which has no twin."""
    target = scene.domain.shape.targets[2]
    read = 'head -n 1 /dev/sr0'
    expect(scene.guest.run(read) == 'first', 'not the first medium')
    scene.domain.write('second.img', scene.domain.medium('second'))
    with scene.load():
        scene.virsh('change-media', target, '--eject', '--live')
        scene.virsh('change-media', target, scene.domain.inner('second.img'),
                    '--insert', '--live')
        wait_until(lambda: scene.guest.run(read + ' || true') == 'second',
                   'the second medium')


def attach_disk(scene):
    """Of virtio, because libvirt refuses to plug those that have twins."""
    scene.domain.write('plugged.img', b'plugged\n'.ljust(1 << 20, b'\0'))
    find = ('for d in /dev/vd?; do [ "$(head -n 1 $d)" != plugged ] || echo $d; '
            'done')
    with scene.load():
        scene.virsh('attach-disk', scene.domain.inner('plugged.img'), 'vdz',
                    '--driver', 'qemu', '--subdriver', 'raw', '--live')
        wait_until(lambda: scene.guest.run(find), 'the disk')
        found = scene.guest.run(find)
        scene.virsh('detach-disk', 'vdz', '--live')
        wait_until(lambda: scene.guest.run('ls %s || echo none' % found)
                   .endswith('none'), 'no disk')
        wait_until(lambda: 'vdz' not in scene.virsh('domblklist'),
                   'libvirt to forget the disk')
