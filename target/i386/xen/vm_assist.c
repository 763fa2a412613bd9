/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_vm_assist: an HVM guest has one, the runstate update flag
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/vcpu/runstate.h"
#include "internal.h"

int64_t xen_hcall_vm_assist(XenHypercall *hc)
{
    uint32_t cmd = hc->arg[0];

    /* Xen looks at the type first: its error wins over a wrong command's. */
    if ((uint32_t)hc->arg[1] != VMASST_TYPE_runstate_update_flag) {
        return -EINVAL;
    }
    switch (cmd) {
    case VMASST_CMD_enable:
        return xen_runstate_set_update_flag(true);
    case VMASST_CMD_disable:
        return xen_runstate_set_update_flag(false);
    default:
        return -ENOSYS;
    }
}
