/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Allocation of PIRQ numbers
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "pirq-internal.h"

#include "hw/xen/interface/physdev.h"

XenPirqMap xen_pirqs;

bool xen_pirq_is_allocated(unsigned pirq)
{
    return xen_pirqs.allocated[pirq / 64] >> (pirq % 64) & 1;
}

void xen_pirq_set_allocated(unsigned pirq, bool allocated)
{
    uint64_t bit = 1ull << (pirq % 64);

    if (allocated) {
        xen_pirqs.allocated[pirq / 64] |= bit;
    } else {
        xen_pirqs.allocated[pirq / 64] &= ~bit;
    }
}

bool xen_pirq_is_free(unsigned pirq)
{
    return !xen_pirq_is_allocated(pirq) &&
           xen_pirqs.pirq[pirq].source == XEN_PIRQ_UNMAPPED &&
           !xen_evtchn_pirq_port(xen_emu_evtchn(), pirq);
}

int xen_pirq_allocate(int type)
{
    unsigned nr = xen_pirqs.nr;

    if (type == MAP_PIRQ_TYPE_GSI) {
        for (unsigned pirq = XEN_PIRQ_FIRST_FREE_GSI;
             pirq < MIN(IOAPIC_NUM_PINS, nr); pirq++) {
            if (xen_pirq_is_free(pirq)) {
                xen_pirq_set_allocated(pirq, true);
                return pirq;
            }
        }
    }
    for (unsigned pirq = nr; pirq-- > IOAPIC_NUM_PINS; ) {
        /* Skip 64 at a time while all are allocated. */
        if (pirq % 64 == 63 && xen_pirqs.allocated[pirq / 64] == UINT64_MAX) {
            pirq -= 63;
            continue;
        }
        if (xen_pirq_is_free(pirq)) {
            xen_pirq_set_allocated(pirq, true);
            return pirq;
        }
    }
    return -ENOSPC;
}

void xen_pirq_map_init(unsigned nr)
{
    xen_pirqs.nr = nr;
    xen_pirqs.pirq = g_new0(XenPirq, nr);
    xen_pirqs.allocated = g_new0(uint64_t, DIV_ROUND_UP(nr, 64));
    for (unsigned i = 0; i < nr; i++) {
        xen_pirqs.pirq[i].source = XEN_PIRQ_UNMAPPED;
    }
}
