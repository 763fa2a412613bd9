/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation: TCG's execution loop checks for pending requests to the vCPU
 * before it enters a translation block.  No-op on other targets.
 */
#ifndef HW_XEN_EMU_TCG_PENDING_H
#define HW_XEN_EMU_TCG_PENDING_H

#if defined(TARGET_I386) && !defined(CONFIG_USER_ONLY)
#include "qemu/atomic.h"
#include "cpu.h"

/*
 * Handles pending requests (XEN_TCG_PENDING_*).  Does not return if it injects
 * an upcall: the loop continues with the guest's handler.  [vcpu], no BQL.
 */
void xen_tcg_handle_pending(CPUState *cs);

static inline void xen_tcg_check_pending(CPUState *cs)
{
    if (unlikely(qatomic_read(&cpu_env(cs)->xen_pending))) {
        xen_tcg_handle_pending(cs);
    }
}
#else
static inline void xen_tcg_check_pending(CPUState *cs)
{
}
#endif

#endif
