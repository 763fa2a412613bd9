/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_physdev_op: what of it an HVM guest may use, PIRQs
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
 * The layouts differ only in the place of table_base, the last field, which Xen
 * needs for real MSI-X tables and nobody here reads.  So the structure is read
 * and written up to it.
 */
#define MAP_PIRQ_SIZE   endof(physdev_map_pirq_t, entry_nr)
QEMU_BUILD_BUG_ON(MAP_PIRQ_SIZE != 28);

static int map_pirq(XenHypercall *hc, uint64_t gva)
{
    physdev_map_pirq_t op = { };
    int ret;

    if (xen_copy_from_guest(hc, &op, gva, MAP_PIRQ_SIZE)) {
        return -EFAULT;
    }
    ret = xen_pirq_map(&op);
    if (!ret && xen_copy_to_guest(hc, gva, &op, MAP_PIRQ_SIZE)) {
        ret = -EFAULT;
    }
    return ret;
}

static int unmap_pirq(XenHypercall *hc, uint64_t gva)
{
    physdev_unmap_pirq_t op;

    return XEN_GET(hc, &op, gva) ? -EFAULT : xen_pirq_unmap(&op);
}

static int eoi(XenHypercall *hc, uint64_t gva)
{
    physdev_eoi_t op;

    return XEN_GET(hc, &op, gva) ? -EFAULT : xen_pirq_eoi(&op);
}

static int irq_status_query(XenHypercall *hc, uint64_t gva)
{
    physdev_irq_status_query_t op;
    int ret;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    ret = xen_pirq_status_query(&op);
    if (!ret && XEN_PUT(hc, gva, &op)) {
        ret = -EFAULT;
    }
    return ret;
}

static int get_free_pirq(XenHypercall *hc, uint64_t gva)
{
    physdev_get_free_pirq_t op;
    int ret;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    ret = xen_pirq_get_free(&op);
    if (!ret && XEN_PUT(hc, gva, &op)) {
        ret = -EFAULT;
    }
    return ret;
}

int64_t xen_hcall_physdev_op(XenHypercall *hc)
{
    uint32_t cmd = hc->arg[0];
    uint64_t gva = hc->arg[1];

    switch (cmd) {
    case PHYSDEVOP_map_pirq:
        return map_pirq(hc, gva);
    case PHYSDEVOP_unmap_pirq:
        return unmap_pirq(hc, gva);
    case PHYSDEVOP_eoi:
        return eoi(hc, gva);
    case PHYSDEVOP_irq_status_query:
        return irq_status_query(hc, gva);
    case PHYSDEVOP_get_free_pirq:
        return get_free_pirq(hc, gva);
    case PHYSDEVOP_pirq_eoi_gmfn_v1:
    case PHYSDEVOP_pirq_eoi_gmfn_v2:
        /* Guests try it and use PHYSDEVOP_eoi then, as on Xen. */
        return -ENOSYS;
    default:
        return xen_hypercall_unimplemented(hc);
    }
}
