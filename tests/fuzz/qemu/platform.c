/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The platform device's ports, and what a guest does to PCI meanwhile. */
#include "qemu/osdep.h"
#include "system/address-spaces.h"
#include "system/memory.h"
#include "system/ioport.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "hw/core/resettable.h"
#include "qom/object.h"
#include "qemu-fuzz.h"

#define FIXED_PORT      0x10
#define BAR_PORT        0xc000  /* where the guest may place the device's BAR */
#define PCI_ADDRESS     0xcf8
#define PCI_DATA        0xcfc
#define IDE_PORT        0x1f0
#define IDE2_PORT       0x170

static bool used;               /* by this program */

static void out(uint16_t port, uint32_t value, uint8_t size)
{
    switch (size % 3) {
    case 0:
        cpu_outb(port, value);
        break;
    case 1:
        cpu_outw(port, value);
        break;
    case 2:
        cpu_outl(port, value);
        break;
    }
}

void xen_fuzz_platform(XenFuzzProgram *p, Record *r)
{
    uint8_t how = record_u8(r), offset = record_u8(r) % 16;
    uint16_t port = (how & 0xf0) ? FIXED_PORT : BAR_PORT;
    uint32_t value = record_u32(r);

    used = true;
    /* Mostly the request to unplug. */
    if (how & 0xc0) {
        offset = 0;
        how = 1;
        value &= 0xf;
    }
    if (how & 8) {
        cpu_inb(port + offset);
        cpu_inw(port + offset);
    } else {
        out(port + offset, value, how);
    }
}

/*
 * A write to the configuration space, which moves BARs and the firmware's RAM, or
 * to a disk's registers.
 */
void xen_fuzz_pci(XenFuzzProgram *p, Record *r)
{
    static const uint8_t registers[] = {
        0x04, 0x10, 0x14, 0x30, 0x3c, 0x58, 0x59, 0x5a, 0x5c, 0x5e, 0x72,
    };
    uint8_t how = record_u8(r), slot = record_u8(r) % 6;
    uint8_t which = record_u8(r), reg = registers[which %
                                                      ARRAY_SIZE(registers)];
    uint32_t value = record_u32(r);

    used = true;
    if (how >= 224) {
        out((how & 1 ? IDE_PORT : IDE2_PORT) + which % 8, value, 0);
        return;
    }
    if (how >= 192) {
        /* The platform device's BAR. */
        value = BAR_PORT;
        reg = 0x10;
        slot = 2;
    }
    cpu_outl(PCI_ADDRESS, 0x80000000u | slot << 11 | (how & 1) << 8 |
                          (reg & 0xfc));
    out(PCI_DATA + (reg & 3), value, how >> 1);
}

void xen_fuzz_platform_end(void)
{
    if (used) {
        Object *bus = object_resolve_path_type("", TYPE_PCI_BUS, NULL);

        bus_cold_reset(BUS(bus));
        used = false;
    }
}
