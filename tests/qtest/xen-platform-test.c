/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The platform device's PCI slot, how it makes room for others, and S3 */
#include "qemu/osdep.h"
#include "libxen.h"
#include "libxen-state.h"
#include "qobject/qdict.h"

#include "hw/xen/interface/memory.h"

#define PLATFORM    0x00015853
#define E1000       0x100e8086
#define EDU         0x11e81234
#define NR_SLOTS    32
#define MAGIC       0x49d2

static uint32_t ids(XenVm *vm, unsigned slot, unsigned function)
{
    qtest_outl(vm->qts, 0xcf8, 0x80000000 | slot << 11 | function << 8);
    return qtest_inl(vm->qts, 0xcfc);
}

/* The only slot of the platform device. */
static unsigned platform_slot(XenVm *vm)
{
    unsigned found = NR_SLOTS;

    for (unsigned slot = 0; slot < NR_SLOTS; slot++) {
        if (ids(vm, slot, 0) == PLATFORM) {
            g_assert_cmpuint(found, ==, NR_SLOTS);
            found = slot;
        }
    }
    g_assert_cmpuint(found, <, NR_SLOTS);
    g_assert_cmphex(qtest_inw(vm->qts, 0x10), ==, MAGIC);
    return found;
}

static void test_slots(void)
{
    static const struct {
        const char *options;
        unsigned slot, function;    /* of an E1000 */
        unsigned platform;
    } cases[] = {
        /* Streams of upstream's have these places. */
        { "-device e1000", 3, 0, 2 },
        { "-device e1000,addr=4", 4, 0, 2 },
        { "-machine q35 -device e1000", 2, 0, 1 },
        /* Tools that give each device a slot. */
        { "-device e1000,addr=2", 2, 0, 0x19 },
        { "-device e1000,addr=0x2", 2, 0, 0x19 },
        { "-device e1000,addr=02.0,bus=pci.0", 2, 0, 0x19 },
        { "-device e1000,bus=pci.0,addr=0x2.0x0,multifunction=on", 2, 0, 0x19 },
        { "-device edu,addr=2,multifunction=on -device e1000,addr=2.3",
          2, 3, 0x19 },
        { "-device '{\"driver\":\"e1000\",\"addr\":\"0x2\"}'", 2, 0, 0x19 },
        { "-device '{\"driver\":\"e1000\",\"bus\":\"pci.0\","
          "\"addr\":\"0x2.0x0\"}'", 2, 0, 0x19 },
        { "-machine q35 -device e1000,bus=pcie.0,addr=0x1", 1, 0, 0x19 },
        { "-machine q35 -device pcie-root-port,id=rp,addr=1,chassis=1 "
          "-device e1000,addr=5", 5, 0, 0x19 },
        /* It moves again, and past what is there. */
        { "-device edu,addr=2 -device e1000,addr=19", 0x19, 0, 0x1a },
        { "-device edu,addr=19 -device e1000,addr=2", 2, 0, 0x1a },
        { "-device edu,addr=1f -device edu,addr=1e -device edu,addr=1d "
          "-device edu,addr=1c -device edu,addr=1b -device edu,addr=1a "
          "-device edu,addr=19 -device e1000,addr=2", 2, 0, 3 },
        /* What is not on its bus does not matter. */
        { "-device pci-bridge,id=b,chassis_nr=1,addr=4 "
          "-device edu,bus=b,addr=2 -device e1000,addr=5", 5, 0, 2 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *options = g_strdup_printf("-nodefaults %s",
                                                   cases[i].options);
        XenVm *vm = xen_vm_start_bare(1, true, NULL, options);

        g_test_message("%s", cases[i].options);
        g_assert_cmphex(ids(vm, cases[i].slot, cases[i].function), ==, E1000);
        g_assert_cmphex(platform_slot(vm), ==, cases[i].platform);
        xen_vm_stop(vm);
    }
}

/* Once the machine is complete, the guest knows where the device is. */
static void test_hot_plug(void)
{
    XenVm *vm = xen_vm_start_bare(1, true, NULL, "-nodefaults");
    QDict *answer = qtest_qmp(vm->qts, "{ 'execute': 'device_add', 'arguments': "
                              "{ 'driver': 'e1000', 'addr': '2' } }");

    g_assert_true(qdict_haskey(answer, "error"));
    qobject_unref(answer);
    g_assert_cmphex(platform_slot(vm), ==, 2);
    xen_vm_stop(vm);
}

/* The fixed ports are one device's, and so is what a guest has unplugged. */
static void test_another(void)
{
    XenVm *vm = xen_vm_start_bare(1, true, NULL, "-nodefaults");
    QDict *answer = qtest_qmp(vm->qts, "{ 'execute': 'device_add', 'arguments': "
                              "{ 'driver': 'xen-platform', 'addr': '5' } }");
    const QDict *error = qdict_get_qdict(answer, "error");

    g_assert_nonnull(error);
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), "already"));
    qobject_unref(answer);
    g_assert_cmphex(ids(vm, 5, 0), ==, UINT32_MAX);
    g_assert_cmphex(platform_slot(vm), ==, 2);
    xen_vm_stop(vm);
}

/* The place is the same for the same options, so its state is found. */
static void test_moved(void)
{
    static const char options[] = "-nodefaults -device e1000,addr=2";
    XenVm *vm = xen_vm_start_bare(1, true, NULL, options), *target;
    g_autofree char *path = NULL;

    qtest_outb(vm->qts, 0x10, 1);
    path = xen_state_save(vm);
    target = xen_vm_start_target(vm, NULL, "-nodefaults -device e1000,addr=2 "
                                 "-incoming defer");
    xen_state_load(target, path);
    qtest_qmp_eventwait(target->qts, "RESUME");
    g_assert_cmphex(platform_slot(target), ==, 0x19);
    g_assert_cmpuint(qtest_inb(target->qts, 0x10), ==, 1);
    xen_vm_stop(vm);
    xen_vm_stop(target);
    unlink(path);
}

/* ------------------------------------------------- the firmware's segment -- */

#define SEGMENT     0xf0000

static void sleep_on_q35(XenVm *vm)
{
    const uint32_t lpc = 0x80000000 | 0x1f << 11, base = 0x600;

    qtest_outl(vm->qts, 0xcf8, lpc | 0x40);
    qtest_outl(vm->qts, 0xcfc, base | 1);
    qtest_outl(vm->qts, 0xcf8, lpc | 0x44);
    qtest_outb(vm->qts, 0xcfc, 0x80);
    qtest_outw(vm->qts, base + 4, 1 << 13 | 1 << 10);
    qtest_qmp_eventwait(vm->qts, "SUSPEND");
}

/*
 * Firmware that has copied itself to RAM and write-protected the copy can write
 * there when the guest wakes up; for other firmware nothing changes.
 */
static void test_firmware_segment(void)
{
    static const struct {
        const char *options;
        void (*fall_asleep)(XenVm *vm);
        unsigned pam0;
    } machines[] = {
        { "-nodefaults", xen_vm_suspend, 0x59 },
        { "-nodefaults -machine q35", sleep_on_q35, 0x90 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
        XenVm *vm = xen_vm_start_bare(1, true, NULL, machines[i].options);
        const uint32_t reg = 0x80000000 | (machines[i].pam0 & ~3);
        const uint16_t port = 0xcfc + (machines[i].pam0 & 3);

        for (int shadowed = 0; shadowed < 2; shadowed++) {
            qtest_outl(vm->qts, 0xcf8, reg);
            qtest_outb(vm->qts, port, shadowed << 4);
            machines[i].fall_asleep(vm);
            xen_vm_wake_up(vm);
            qtest_outl(vm->qts, 0xcf8, reg);
            g_assert_cmphex(qtest_inb(vm->qts, port), ==, shadowed * 0x30);
        }
        qtest_writeb(vm->qts, SEGMENT, 0x5a);
        g_assert_cmphex(qtest_readb(vm->qts, SEGMENT), ==, 0x5a);
        xen_vm_stop(vm);
    }
}

/* No page of the guest's choice is in SMRAM's place when firmware wakes up. */
static void test_smram(void)
{
    const uint32_t bridge = 0x80000000;
    const uint64_t tseg = 63 << 20;
    XenVm *vm = xen_vm_start(1, true, "-nodefaults -machine q35,smm=on -m 64");

    qtest_memset(vm->qts, tseg, 0x5a, XEN_PAGE_SIZE);
    /* The last MiB of RAM; and both registers are locked. */
    qtest_outl(vm->qts, 0xcf8, bridge | 0x9c);
    qtest_outb(vm->qts, 0xcfc + 2, 0x01);
    qtest_outb(vm->qts, 0xcfc + 1, 0x1a);
    g_assert_cmphex(qtest_readb(vm->qts, tseg), ==, 0xff);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_grant_table, 0, tseg), ==,
                    -EINVAL);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0, tseg), ==,
                    -EINVAL);
    sleep_on_q35(vm);
    xen_vm_wake_up(vm);
    g_assert_cmphex(qtest_readb(vm->qts, tseg), ==, 0x5a);
    xen_vm_stop(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("xen/platform/slots", test_slots);
    qtest_add_func("xen/platform/hot-plug", test_hot_plug);
    qtest_add_func("xen/platform/another", test_another);
    qtest_add_func("xen/platform/moved", test_moved);
    qtest_add_func("xen/platform/firmware-segment", test_firmware_segment);
    qtest_add_func("xen/platform/smram", test_smram);
    return g_test_run();
}
