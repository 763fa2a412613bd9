/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Targets without Xen emulation: what QEMU's own code calls all the same
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/irq/upcall.h"
#include "system/kvm_xen.h"

void xen_tcg_halted(CPUState *cs, bool halted)
{
}

/* Interrupt controllers ask these; no callback has a line. */
bool xen_upcall_level_asserted(void)
{
    return false;
}

void xen_upcall_update_level(void)
{
}

bool kvm_xen_handle_kick(CPUState *cs)
{
    return false;
}
