/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where TCG's execution loop looks for upcalls: before it enters a block of
 * code and whenever it was asked to leave one.  Nothing on other targets.
 */
#ifndef HW_XEN_EMU_TCG_PENDING_H
#define HW_XEN_EMU_TCG_PENDING_H

#if defined(TARGET_I386) && !defined(CONFIG_USER_ONLY)
#include "qemu/atomic.h"
#include "cpu.h"

/*
 * Does what is due (XEN_TCG_PENDING_*).  When an upcall is injected it does not
 * return, but goes on with the guest's handler.  The vCPU's thread, no BQL.
 */
void xen_tcg_handle_pending(CPUState *cs);

static inline void xen_tcg_check_pending(CPUState *cs)
{
    if (unlikely(qatomic_read(&cpu_env(cs)->xen_due))) {
        xen_tcg_handle_pending(cs);
    }
}
#else
static inline void xen_tcg_check_pending(CPUState *cs)
{
}
#endif

#endif
