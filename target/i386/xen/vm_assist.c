/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_vm_assist: for HVM guests, only the runstate update flag
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/vcpu/runstate.h"
#include "internal.h"

int64_t xen_hcall_vm_assist(XenHypercall *hc)
{
    uint32_t cmd = hc->arg[0];

    /* As in Xen, an invalid type takes precedence over an invalid command. */
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
