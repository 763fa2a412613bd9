/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Targets without Xen emulation: functions that QEMU's own code calls
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/irq/upcall.h"
#include "system/kvm_xen.h"

void xen_tcg_halted(CPUState *cs, bool halted)
{
}

void xen_upcall_guest_eoi(void)
{
}

bool kvm_xen_handle_kick(CPUState *cs)
{
    return false;
}

void kvm_xen_set_msr_filter(KvmXenMsrFilter *filter)
{
}
