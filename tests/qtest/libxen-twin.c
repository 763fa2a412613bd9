/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest without PV drivers finds: IDE disks and PCI devices */
#include "qemu/osdep.h"
#include "libxen-twin.h"

#define PLATFORM        0x10
#define MAGIC           0x49d2
#define WORDS           256         /* of a sector */
#define LOOK_AGAIN_US   100

enum { BUSY = 0x80, DRQ = 0x08, ERROR = 0x01 };
enum { READ = 0x20, WRITE = 0x30, IDENTIFY = 0xec };

void xen_unplug(XenVm *vm, unsigned mask)
{
    g_assert_cmphex(qtest_inw(vm->qts, PLATFORM), ==, MAGIC);
    qtest_outw(vm->qts, PLATFORM, mask);
}

/* ------------------------------------------------------------------- IDE -- */

static void get_words(XenVm *vm, uint16_t base, uint16_t *word)
{
    for (unsigned i = 0; i < WORDS; i++) {
        word[i] = qtest_inw(vm->qts, base);
    }
}

uint32_t xen_ide_sectors(XenVm *vm, uint16_t base, unsigned unit)
{
    uint16_t word[WORDS];

    qtest_outb(vm->qts, base + 6, 0xa0 | unit << 4);
    qtest_outb(vm->qts, base + 7, IDENTIFY);
    if ((qtest_inb(vm->qts, base + 7) & (DRQ | ERROR)) != DRQ) {
        return 0;
    }
    get_words(vm, base, word);
    return word[60] | (uint32_t)word[61] << 16;
}

static void command(XenVm *vm, uint8_t sector, uint8_t code)
{
    qtest_outb(vm->qts, XEN_IDE_PRIMARY + 2, 1);
    qtest_outb(vm->qts, XEN_IDE_PRIMARY + 3, sector);
    qtest_outb(vm->qts, XEN_IDE_PRIMARY + 4, 0);
    qtest_outb(vm->qts, XEN_IDE_PRIMARY + 5, 0);
    qtest_outb(vm->qts, XEN_IDE_PRIMARY + 6, 0xe0);
    qtest_outb(vm->qts, XEN_IDE_PRIMARY + 7, code);
}

static void wait_status(XenVm *vm, uint8_t wanted)
{
    uint8_t status;

    while ((status = qtest_inb(vm->qts, XEN_IDE_PRIMARY + 7)) & BUSY) {
        g_usleep(LOOK_AGAIN_US);
    }
    g_assert_cmphex(status & (DRQ | ERROR), ==, wanted);
}

void xen_ide_read(XenVm *vm, uint8_t sector, uint8_t *data)
{
    command(vm, sector, READ);
    wait_status(vm, DRQ);
    get_words(vm, XEN_IDE_PRIMARY, (uint16_t *)data);
}

void xen_ide_write(XenVm *vm, uint8_t sector, const uint8_t *data)
{
    command(vm, sector, WRITE);
    wait_status(vm, DRQ);
    for (unsigned i = 0; i < WORDS; i++) {
        qtest_outw(vm->qts, XEN_IDE_PRIMARY, data[2 * i] |
                   data[2 * i + 1] << 8);
    }
    wait_status(vm, 0);
}

/* ------------------------------------------------------------------- PCI -- */

static void set_address(XenVm *vm, unsigned bus, unsigned slot, unsigned at)
{
    qtest_outl(vm->qts, 0xcf8, 0x80000000 | bus << 16 | slot << 11 | at);
}

uint32_t xen_pci_read(XenVm *vm, unsigned bus, unsigned slot, unsigned at)
{
    set_address(vm, bus, slot, at);
    return qtest_inl(vm->qts, 0xcfc);
}

void xen_pci_write(XenVm *vm, unsigned bus, unsigned slot, unsigned at,
                   uint32_t value)
{
    set_address(vm, bus, slot, at);
    qtest_outl(vm->qts, 0xcfc, value);
}

bool xen_pci_has(XenVm *vm, unsigned bus, unsigned slot)
{
    return xen_pci_read(vm, bus, slot, 0) != UINT32_MAX;
}
