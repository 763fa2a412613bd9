/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unplug of emulated disks and NICs: what the guest finds afterwards, what the
 * user of QEMU does, and what a reset, S3 and a migration make of it
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "libxen.h"
#include "libxen-state.h"
#include "libxen-twin.h"

/* The platform device's fixed ports. */
#define PORT            0x10
#define MAGIC           0x49d2
#define DISKS           (1 << 0)
#define NICS            (1 << 1)
#define AUX_DISKS       (1 << 2)
#define NVME            (1 << 3)

/* The two channels of the IDE controller. */
#define PRIMARY         0x1f0
#define SECONDARY       0x170

#define SECTORS         2048

#define NODE(name) \
    "-blockdev null-co,node-name=" name ",size=1048576,read-zeroes=on "
#define HD(name, bus, unit) \
    NODE(name) "-device ide-hd,drive=" name ",id=hd-" name ",bus=" bus \
    ",unit=" unit " "

static XenVm *start(const char *options)
{
    return xen_vm_start_bare(1, true, NULL, options);
}

static void unplug(XenVm *vm, unsigned mask)
{
    g_assert_cmphex(qtest_inw(vm->qts, PORT), ==, MAGIC);
    qtest_outw(vm->qts, PORT, mask);
}

/* ------------------------------------------------------ the guest's view -- */

/* IDENTIFY DEVICE: the size in sectors, 0 if there is no disk. */
static uint32_t disk_sectors(XenVm *vm, uint16_t base, unsigned unit)
{
    uint16_t word[256] = { 0 };

    qtest_outb(vm->qts, base + 6, 0xa0 | unit << 4);
    qtest_outb(vm->qts, base + 7, 0xec);
    /* DRQ, and no error. */
    if ((qtest_inb(vm->qts, base + 7) & 0x09) != 0x08) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(word); i++) {
        word[i] = qtest_inw(vm->qts, base);
    }
    return word[60] | (uint32_t)word[61] << 16;
}

/* IDENTIFY PACKET DEVICE succeeds. */
static bool has_cdrom(XenVm *vm, uint16_t base, unsigned unit)
{
    qtest_outb(vm->qts, base + 6, 0xa0 | unit << 4);
    qtest_outb(vm->qts, base + 7, 0xa1);
    return (qtest_inb(vm->qts, base + 7) & 0x09) == 0x08;
}

/* ---------------------------------------------------------------- IDE -- */

/*
 * Disks that are given as -blockdev and -device, as libvirt does: their back
 * ends belong to the devices alone.
 */
static void test_ide(void)
{
    XenVm *vm = start("-nodefaults "
                      HD("a", "ide.0", "0") HD("b", "ide.0", "1")
                      HD("c", "ide.1", "0")
                      "-device ide-cd,bus=ide.1,unit=1");

    for (int i = 0; i < 3; i++) {
        g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, SECTORS);
        g_assert_cmpuint(disk_sectors(vm, PRIMARY, 1), ==, SECTORS);
        g_assert_cmpuint(disk_sectors(vm, SECONDARY, 0), ==, SECTORS);
        g_assert_true(has_cdrom(vm, SECONDARY, 1));

        unplug(vm, DISKS);
        g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, 0);
        g_assert_cmpuint(disk_sectors(vm, PRIMARY, 1), ==, 0);
        g_assert_cmpuint(disk_sectors(vm, SECONDARY, 0), ==, 0);
        g_assert_true(has_cdrom(vm, SECONDARY, 1));
        /* Once more is nothing. */
        unplug(vm, DISKS | AUX_DISKS);

        qtest_system_reset(vm->qts);
    }
    xen_vm_stop(vm);
}

static void test_ide_drive(void)
{
    XenVm *vm = start("-nodefaults -drive if=ide,index=0,driver=null-co,size=1048576,"
                      "read-zeroes=on");

    for (int i = 0; i < 3; i++) {
        g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, SECTORS);
        unplug(vm, DISKS);
        g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, 0);
        qtest_system_reset(vm->qts);
    }
    xen_vm_stop(vm);
}

static void test_aux(void)
{
    XenVm *vm = start("-nodefaults "
                      HD("a", "ide.0", "0") HD("b", "ide.0", "1")
                      HD("c", "ide.1", "0"));

    unplug(vm, AUX_DISKS);
    g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, SECTORS);
    g_assert_cmpuint(disk_sectors(vm, PRIMARY, 1), ==, 0);
    g_assert_cmpuint(disk_sectors(vm, SECONDARY, 0), ==, 0);
    unplug(vm, DISKS);
    g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, 0);
    xen_vm_stop(vm);
}

/* The user still has the disk, and may change its size meanwhile. */
/*
 * The guest unplugs a disk on which a write has failed, for which the VM stops.  When
 * the user has it continue, nothing is tried again.
 */
static void test_failed_write(void)
{
    XenVm *vm = start("-nodefaults -blockdev \"{'driver':'blkdebug',"
                      "'node-name':'a','image':{'driver':'null-co',"
                      "'size':1048576},'inject-error':[{'event':'none',"
                      "'iotype':'write','once':true}]}\" "
                      "-device ide-hd,drive=a,bus=ide.0,unit=0,werror=stop "
                      "-device ide-cd,bus=ide.1,unit=0");

    for (int i = 2; i < 6; i++) {
        qtest_outb(vm->qts, PRIMARY + i, i == 2);
    }
    qtest_outb(vm->qts, PRIMARY + 6, 0xe0);
    qtest_outb(vm->qts, PRIMARY + 7, 0x30);
    for (int i = 0; i < 256; i++) {
        qtest_outw(vm->qts, PRIMARY, i);
    }
    qtest_qmp_eventwait(vm->qts, "STOP");
    /* Another vCPU may do so before the VM has stopped. */
    unplug(vm, DISKS);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    qtest_qmp_eventwait(vm->qts, "RESUME");
    g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, 0);
    qtest_system_reset(vm->qts);
    g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, SECTORS);
    xen_vm_stop(vm);
}

static void test_resize(void)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("xen-unplug-XXXXXX", &path, NULL);
    g_autofree char *options = g_strdup_printf(
        "-nodefaults -blockdev file,node-name=a,filename=%s "
        "-device ide-hd,drive=a,id=hd,bus=ide.0", path);
    XenVm *vm;
    QDict *answer, *disk;

    g_assert_cmpint(ftruncate(fd, SECTORS * 512), ==, 0);
    close(fd);
    vm = start(options);
    unlink(path);
    g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, SECTORS);
    unplug(vm, DISKS);

    answer = qtest_qmp(vm->qts, "{ 'execute': 'query-block' }");
    disk = qobject_to(QDict, qlist_peek(qdict_get_qlist(answer, "return")));
    g_assert_nonnull(strstr(qdict_get_str(disk, "qdev"), "hd"));
    qobject_unref(answer);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'block_resize', "
                             "'arguments': { 'node-name': 'a', "
                             "'size': 2097152 } }");
    g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, 0);
    qtest_system_reset(vm->qts);
    g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, 2 * SECTORS);
    xen_vm_stop(vm);
}

/* ---------------------------------------------------------------- PCI -- */

/* Which request hides which device on a PCI bus. */
static void test_functions(void)
{
    static const struct {
        const char *device;
        unsigned mask;          /* that hides it; 0: it stays */
    } devices[] = {
        { "e1000", NICS }, { "rtl8139", NICS }, { "ne2k_pci", NICS },
        { "virtio-net-pci", 0 },
        { "lsi53c895a", DISKS }, { "am53c974", DISKS },
        { "megasas", 0 },       /* RAID is not in the protocol */
        { "virtio-scsi-pci", 0 },
        { "virtio-blk-pci,drive=v", 0 },
        { "nvme,serial=1,drive=n", NVME },
        { "pci-bridge,chassis_nr=1", 0 },
        { "edu", 0 },
    };
    static const unsigned masks[] = { AUX_DISKS, DISKS, NICS, NVME };
    GString *options = g_string_new("-nodefaults " NODE("v") NODE("n"));
    unsigned first = 8, given = 0;
    XenVm *vm;

    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        g_string_append_printf(options, "-device %s,addr=%zx ",
                               devices[i].device, first + i);
    }
    vm = start(options->str);
    g_string_free(options, true);
    for (int round = 0; round < 2; round++) {
        given = 0;
        for (size_t m = 0; m <= ARRAY_SIZE(masks); m++) {
            for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
                if (xen_pci_has(vm, 0, first + i) !=
                    !(devices[i].mask & given)) {
                    g_error("%s after unplug of 0x%x", devices[i].device,
                            given);
                }
            }
            if (m < ARRAY_SIZE(masks)) {
                unplug(vm, masks[m]);
                given |= masks[m];
            }
        }
        qtest_system_reset(vm->qts);
    }
    xen_vm_stop(vm);
}

/*
 * With twins, a device that has none stays: nothing would be in its place.  A NIC
 * loses its twin when a user deletes that.
 */
static void test_no_twin(void)
{
    XenVm *vm = start("-nodefaults -machine xen-pv-twins=on " NODE("n")
                      "-device e1000,addr=8 -device e1000,addr=9,id=alone "
                      "-device lsi53c895a,addr=a "
                      "-device nvme,serial=1,drive=n,addr=b");

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_del', 'arguments': {"
                             " 'id': '/machine/peripheral/alone/xen-twin' } }");
    unplug(vm, DISKS | NICS | NVME);
    g_assert_false(xen_pci_has(vm, 0, 8));
    g_assert_true(xen_pci_has(vm, 0, 9));
    g_assert_true(xen_pci_has(vm, 0, 10));
    g_assert_true(xen_pci_has(vm, 0, 11));
    xen_vm_stop(vm);
}

static void delete_device(XenVm *vm, const char *id)
{
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_del',"
                             " 'arguments': { 'id': %s } }", id);
}

static void expect_deleted(XenVm *vm, const char *id)
{
    const char *deleted;
    bool found;

    do {
        QDict *event = qtest_qmp_eventwait_ref(vm->qts, "DEVICE_DELETED");

        deleted = qdict_get_try_str(qdict_get_qdict(event, "data"), "device");
        found = deleted && g_str_equal(deleted, id);
        qobject_unref(event);
    } while (!found);
}

/*
 * device_del of hidden devices, with ACPI and with PCIe's own hot plug: the guest need
 * not do anything, as it has let go of them.  Also if it was asked before.
 */
static void test_delete(void)
{
    for (int twins = 0; twins < 2; twins++) {
        g_autofree char *options = g_strdup_printf(
            "-nodefaults -machine xen-pv-twins=%s -device e1000,id=nic,addr=8 "
            "-device i82551,id=asked,addr=9 -device lsi53c895a,id=scsi,addr=a",
            twins ? "on" : "off");
        XenVm *vm = start(options);

        delete_device(vm, "asked");
        unplug(vm, DISKS | NICS);
        expect_deleted(vm, "asked");
        delete_device(vm, "nic");
        expect_deleted(vm, "nic");
        if (!twins) {
            delete_device(vm, "scsi");
            expect_deleted(vm, "scsi");
        }
        qtest_system_reset(vm->qts);
        g_assert_false(xen_pci_has(vm, 0, 8));
        g_assert_false(xen_pci_has(vm, 0, 9));
        g_assert_cmpint(xen_pci_has(vm, 0, 10), ==, twins);
        xen_vm_stop(vm);
    }
}

static void test_delete_q35(void)
{
    XenVm *vm = start("-nodefaults -machine q35 -global ICH9-LPC."
                      "acpi-pci-hotplug-with-bridge-support=off "
                      "-device pcie-root-port,id=rp,addr=8,chassis=1 "
                      "-device e1000e,id=nic,bus=rp");

    unplug(vm, NICS);
    delete_device(vm, "nic");
    expect_deleted(vm, "nic");
    qtest_system_reset(vm->qts);
    xen_vm_stop(vm);
}

/* A NIC keeps its netdev. */
static void test_netdev(void)
{
    XenVm *vm = start("-nodefaults -netdev hubport,hubid=0,id=hub "
                      "-device e1000,netdev=hub,id=nic,addr=8");
    g_autofree char *before = qtest_hmp(vm->qts, "info network");
    g_autofree char *after = NULL;

    unplug(vm, NICS);
    g_assert_false(xen_pci_has(vm, 0, 8));
    after = qtest_hmp(vm->qts, "info network");
    g_assert_cmpstr(after, ==, before);
    xen_vm_stop(vm);
}

/* S3, by the register of ACPI's that its LPC bridge shows at a chosen address. */
static void suspend_q35(XenVm *vm)
{
    const uint32_t base = 0x600;

    xen_pci_write(vm, 0, 0x1f, 0x40, base | 1);
    xen_pci_write(vm, 0, 0x1f, 0x44, 0x80);
    qtest_outw(vm->qts, base + 4, 1 << 13 | 1 << 10);
    qtest_qmp_eventwait(vm->qts, "SUSPEND");
}

/*
 * libvirt puts each device of a q35 machine in the slot of a root port, whose
 * register controls the power of the slot.
 */
static void test_q35(void)
{
    const unsigned port = 8, express = 0x54, slot_control = express + 0x18;
    XenVm *vm = start("-nodefaults -machine q35 " NODE("a")
                      "-device ide-hd,drive=a,id=hd,bus=ide.2 "
                      "-device pcie-root-port,id=rp,addr=8,chassis=1 "
                      "-device e1000e,bus=rp,id=nic");

    for (int i = 0; i < 2; i++) {
        /* The port's secondary and subordinate bus is 1. */
        xen_pci_write(vm, 0, port, 0x18, 0x00010100);
        g_assert_cmphex(xen_pci_read(vm, 0, port, express) & 0xff, ==, 0x10);
        g_assert_true(xen_pci_has(vm, 1, 0));

        unplug(vm, NICS | DISKS);
        g_assert_false(xen_pci_has(vm, 1, 0));
        /* Power and attention indicators on, then power off and on. */
        xen_pci_write(vm, 0, port, slot_control, 0x0140);
        g_assert_false(xen_pci_has(vm, 1, 0));
        xen_pci_write(vm, 0, port, slot_control, 0x0700);
        xen_pci_write(vm, 0, port, slot_control, 0x0140);
        g_assert_false(xen_pci_has(vm, 1, 0));
        /* A wake-up resets the slot, too. */
        suspend_q35(vm);
        xen_vm_wake_up(vm);
        xen_pci_write(vm, 0, port, 0x18, 0x00010100);
        g_assert_false(xen_pci_has(vm, 1, 0));

        qtest_system_reset(vm->qts);
    }
    xen_vm_stop(vm);
}

/* ------------------------------------------------------- the ports -- */

static void test_ports(void)
{
    XenVm *vm = start("-nodefaults " HD("a", "ide.0", "0")
                      "-device e1000,addr=8");
    const uint16_t base = 0xc000;
    unsigned slot = 2;

    g_assert_cmphex(xen_pci_read(vm, 0, slot, 0), ==, 0x00015853);
    xen_pci_write(vm, 0, slot, 0x10, base);
    xen_pci_write(vm, 0, slot, 4, 3);

    g_assert_cmpuint(qtest_inb(vm->qts, PORT + 2), ==, 1);
    g_assert_cmphex(qtest_inw(vm->qts, PORT + 2), ==, 0xffff);
    g_assert_cmphex(qtest_inl(vm->qts, PORT), ==, UINT32_MAX);
    /* The flag is one bit, in both places. */
    g_assert_cmpuint(qtest_inb(vm->qts, PORT), ==, 0);
    qtest_outb(vm->qts, PORT, 0xff);
    g_assert_cmpuint(qtest_inb(vm->qts, base), ==, 1);
    qtest_outb(vm->qts, base, 0);
    g_assert_cmpuint(qtest_inb(vm->qts, PORT), ==, 0);
    /* Product, build, and a log without an end are only traced. */
    qtest_outw(vm->qts, PORT + 2, 0xffff);
    qtest_outl(vm->qts, PORT, 0xffffffff);
    for (int i = 0; i < 1000; i++) {
        qtest_outb(vm->qts, PORT + 2, 'x');
        qtest_outb(vm->qts, base + 8, 'x');
    }
    g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, SECTORS);
    g_assert_true(xen_pci_has(vm, 0, 8));

    /* The requests of old SUSE kernels. */
    qtest_outb(vm->qts, base + 8, 1);
    g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, 0);
    g_assert_true(xen_pci_has(vm, 0, 8));
    qtest_outb(vm->qts, base + 8, 2);
    g_assert_false(xen_pci_has(vm, 0, 8));

    qtest_system_reset(vm->qts);
    xen_pci_write(vm, 0, slot, 0x10, base);
    xen_pci_write(vm, 0, slot, 4, 3);
    g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, SECTORS);
    qtest_outl(vm->qts, base + 4, 1);
    g_assert_cmpuint(disk_sectors(vm, PRIMARY, 0), ==, 0);
    g_assert_false(xen_pci_has(vm, 0, 8));
    xen_vm_stop(vm);
}

/* -------------------------------------------------------- migration -- */

#define MIGRATED \
    HD("a", "ide.0", "0") HD("b", "ide.1", "0") "-device e1000,addr=8,id="
#define TARGET " -incoming defer"

static XenVm *load(XenVm *vm, const char *path, const char *options)
{
    XenVm *target = xen_vm_start_target(vm, NULL, options);

    xen_state_load(target, path);
    return target;
}

static void test_migration(void)
{
    XenVm *vm = start("-nodefaults " MIGRATED "x"), *target;
    g_autofree char *path = NULL;

    unplug(vm, AUX_DISKS | NICS);
    path = xen_state_save(vm);
    /* Ids are the user's. */
    target = load(vm, path, "-nodefaults " MIGRATED "y" TARGET);
    qtest_qmp_eventwait(target->qts, "RESUME");
    xen_vm_stop(vm);
    g_assert_cmpuint(disk_sectors(target, PRIMARY, 0), ==, SECTORS);
    g_assert_cmpuint(disk_sectors(target, SECONDARY, 0), ==, 0);
    g_assert_false(xen_pci_has(target, 0, 8));

    qtest_system_reset(target->qts);
    g_assert_cmpuint(disk_sectors(target, SECONDARY, 0), ==, SECTORS);
    g_assert_true(xen_pci_has(target, 0, 8));
    xen_vm_stop(target);
    unlink(path);
}

/* A snapshot is loaded into a VM that has other devices hidden. */
static void test_snapshot(void)
{
    XenVm *vm = start("-nodefaults -device e1000,addr=8 "
                      "-device lsi53c895a,addr=9");
    XenSnapshot *snapshot;

    unplug(vm, NICS);
    snapshot = xen_snapshot_new(vm);
    unplug(vm, DISKS);
    g_assert_false(xen_pci_has(vm, 0, 9));
    g_assert_null(xen_snapshot_load(snapshot));
    g_assert_true(xen_pci_has(vm, 0, 9));
    g_assert_false(xen_pci_has(vm, 0, 8));
    xen_snapshot_free(snapshot);
    xen_vm_stop(vm);
}

/* The state saved at @path does not load into a VM with @options. */
static void expect_refused(XenVm *vm, const char *path, const char *options)
{
    XenVm *target = xen_vm_start_target(vm, NULL, options);

    xen_state_expect_refused(target, path);
    xen_vm_stop(target);
}

/*
 * The target lacks a disk that the guest has unplugged.  All else is the same:
 * an IDE bus has the state of two disks in any case.
 */
static void test_missing(void)
{
    XenVm *vm = start("-nodefaults " MIGRATED "x");
    g_autofree char *path = NULL;

    unplug(vm, DISKS);
    path = xen_state_save(vm);
    expect_refused(vm, path, "-nodefaults " HD("a", "ide.0", "0")
                   "-device e1000,addr=8" TARGET);
    xen_vm_stop(vm);
    unlink(path);
}

/* A stream hides what no guest can unplug: the host bridge. */
static void test_not_unpluggable(void)
{
    const char nic[] = "0000:00:08.0\n", bridge[] = "0000:00:00.0\n";
    XenVm *vm = start("-nodefaults " MIGRATED "x");
    g_autofree char *path = NULL, *state = NULL;
    char *place;
    size_t len;

    unplug(vm, NICS);
    path = xen_state_save(vm);
    g_assert_true(g_file_get_contents(path, &state, &len, NULL));
    place = memmem(state, len, nic, strlen(nic));
    g_assert_nonnull(place);
    memcpy(place, bridge, strlen(bridge));
    g_assert_true(g_file_set_contents(path, state, len, NULL));

    expect_refused(vm, path, "-nodefaults " MIGRATED "x" TARGET);
    xen_vm_stop(vm);
    unlink(path);
}

/* A stream hides nothing, and says so. */
static void test_nothing_hidden(void)
{
    const char nic[] = "\0\0\0\x0d" "0000:00:08.0\n";
    XenVm *vm = start("-nodefaults " MIGRATED "x"), *target;
    g_autofree char *path = NULL, *state = NULL;
    char *size;
    size_t len;

    unplug(vm, NICS);
    path = xen_state_save(vm);
    g_assert_true(g_file_get_contents(path, &state, &len, NULL));
    size = memmem(state, len, nic, strlen("0000:00:08.0\n") + 4);
    g_assert_nonnull(size);
    size[3] = 0;
    len -= strlen("0000:00:08.0\n");
    memmove(size + 4, size + 4 + strlen("0000:00:08.0\n"),
            len - (size + 4 - state));
    g_assert_true(g_file_set_contents(path, state, len, NULL));

    target = xen_vm_start_target(vm, NULL, "-nodefaults " MIGRATED "x" TARGET);
    xen_state_load(target, path);
    xen_state_wait(target);
    g_assert_true(xen_pci_has(target, 0, 8));
    xen_vm_stop(target);
    xen_vm_stop(vm);
    unlink(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("xen/emul-unplug/ide", test_ide);
    qtest_add_func("xen/emul-unplug/ide-drive", test_ide_drive);
    qtest_add_func("xen/emul-unplug/aux", test_aux);
    qtest_add_func("xen/emul-unplug/failed-write", test_failed_write);
    qtest_add_func("xen/emul-unplug/resize", test_resize);
    qtest_add_func("xen/emul-unplug/functions", test_functions);
    qtest_add_func("xen/emul-unplug/no-twin", test_no_twin);
    qtest_add_func("xen/emul-unplug/delete", test_delete);
    qtest_add_func("xen/emul-unplug/delete-q35", test_delete_q35);
    qtest_add_func("xen/emul-unplug/netdev", test_netdev);
    qtest_add_func("xen/emul-unplug/q35", test_q35);
    qtest_add_func("xen/emul-unplug/ports", test_ports);
    qtest_add_func("xen/emul-unplug/migration", test_migration);
    qtest_add_func("xen/emul-unplug/snapshot", test_snapshot);
    qtest_add_func("xen/emul-unplug/missing", test_missing);
    qtest_add_func("xen/emul-unplug/not-unpluggable", test_not_unpluggable);
    qtest_add_func("xen/emul-unplug/nothing-hidden", test_nothing_hidden);
    return g_test_run();
}
