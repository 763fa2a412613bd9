/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Current level of each of the machine's GSIs, as driven by devices
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "hw/intc/ioapic.h"
#include "hw/xen/emu/irq/gsi.h"

static uint32_t high;       /* bitmap, by GSI */

bool xen_gsi_is_high(unsigned gsi)
{
    return gsi < IOAPIC_NUM_PINS && (high >> gsi & 1);
}

void xen_gsi_set_high(unsigned gsi, bool level)
{
    assert(gsi < IOAPIC_NUM_PINS);
    high = deposit32(high, gsi, 1, level);
}

uint32_t xen_gsi_levels(void)
{
    return high;
}

void xen_gsi_load_levels(uint32_t levels)
{
    high = levels;
}
