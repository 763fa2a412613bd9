/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_physdev_op: PIRQs, which is all that an HVM guest may use of it
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/irq/pirq.h"
#include "internal.h"

#include "hw/xen/interface/physdev.h"

QEMU_BUILD_BUG_ON(sizeof(physdev_unmap_pirq_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(physdev_eoi_t) != 4);
QEMU_BUILD_BUG_ON(sizeof(physdev_irq_status_query_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(physdev_get_free_pirq_t) != 8);

/*
 * The layouts differ only in the offset of table_base, the last field.  Xen
 * needs it for the MSI-X tables of hardware; nothing here does.  So it is not
 * copied.
 */
#define MAP_PIRQ_SIZE   endof(physdev_map_pirq_t, entry_nr)
QEMU_BUILD_BUG_ON(MAP_PIRQ_SIZE != 28);

/* Large enough for every operation's argument. */
typedef union PhysdevArg {
    physdev_eoi_t eoi;
    physdev_get_free_pirq_t get_free_pirq;
    physdev_irq_status_query_t irq_status_query;
    physdev_map_pirq_t map_pirq;
    physdev_unmap_pirq_t unmap_pirq;
} PhysdevArg;

static const XenOpArg physdev_args[] = {
    [PHYSDEVOP_irq_status_query] = { sizeof(physdev_irq_status_query_t), true },
    [PHYSDEVOP_eoi] = { sizeof(physdev_eoi_t), false },
    [PHYSDEVOP_map_pirq] = { MAP_PIRQ_SIZE, true },
    [PHYSDEVOP_unmap_pirq] = { sizeof(physdev_unmap_pirq_t), false },
    [PHYSDEVOP_get_free_pirq] = { sizeof(physdev_get_free_pirq_t), true },
};

static int do_op(uint32_t cmd, void *op)
{
    PhysdevArg *arg = op;

    switch (cmd) {
    case PHYSDEVOP_map_pirq:
        return xen_pirq_map(&arg->map_pirq);
    case PHYSDEVOP_unmap_pirq:
        return xen_pirq_unmap(&arg->unmap_pirq);
    case PHYSDEVOP_eoi:
        return xen_pirq_eoi(&arg->eoi);
    case PHYSDEVOP_irq_status_query:
        return xen_pirq_status_query(&arg->irq_status_query);
    case PHYSDEVOP_get_free_pirq:
        return xen_pirq_get_free(&arg->get_free_pirq);
    default:
        g_assert_not_reached();
    }
}

int64_t xen_hcall_physdev_op(XenHypercall *hc)
{
    uint32_t cmd = hc->arg[0];
    PhysdevArg arg = { };

    if (cmd == PHYSDEVOP_pirq_eoi_gmfn_v1 ||
        cmd == PHYSDEVOP_pirq_eoi_gmfn_v2) {
        /* Guests try these and then use PHYSDEVOP_eoi, as on Xen. */
        return -ENOSYS;
    }
    if (cmd >= ARRAY_SIZE(physdev_args) || !physdev_args[cmd].size) {
        return xen_hypercall_unimplemented(hc);
    }
    return xen_run_op(hc, cmd, hc->arg[1], &physdev_args[cmd], &arg, do_op);
}
