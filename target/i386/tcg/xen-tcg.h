/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation: the interface to TCG's CPU code
 *
 * Without Xen all predicates are false at no cost: in user emulation at compile
 * time, otherwise by a test of xen_mode.
 */
#ifndef TARGET_I386_TCG_XEN_TCG_H
#define TARGET_I386_TCG_XEN_TCG_H

#include "cpu.h"
#include "system/tcg.h"
#ifndef CONFIG_USER_ONLY
#include "hw/xen/xen.h"
#endif

/* WRMSR of a guest physical address: fill the hypercall page there. */
#define XEN_TCG_HYPERCALL_MSR   0x40000000

#ifdef CONFIG_USER_ONLY

static inline bool xen_tcg_emulated(void)
{
    return false;
}

#else

static inline bool xen_tcg_emulated(void)
{
    return tcg_enabled() && xen_mode == XEN_EMULATE;
}

/*
 * WRMSR of XEN_TCG_HYPERCALL_MSR.  Does not return if the guest gets #GP.
 * Without Xen the MSR ignores writes, as TCG's unknown MSRs do.  @retaddr: the
 * GETPC() of the helper.  [vcpu]
 */
void xen_tcg_write_hypercall_page(CPUX86State *env, uint64_t val,
                                  uintptr_t retaddr);

/*
 * The vCPU executed HLT (@halted), or resumes after a halt of any kind.  [vcpu]
 */
void xen_tcg_halted(CPUState *cs, bool halted);

/* After a hypercall: makes upcalls pending, updates the GSI.  [vcpu], no BQL. */
void xen_tcg_check_upcall(CPUState *cs);
/*
 * After SCHEDOP_poll or SCHEDOP_block: halts.  Returns only if the vCPU does
 * not have to wait any more.
 */
void xen_tcg_poll_halt(CPUState *cs);

#endif

/*
 * VMCALL and VMMCALL are hypercalls to Xen, except in SVM guest mode, where
 * they belong to the hypervisor that the guest runs.  @flags: those of the TB.
 */
static inline bool xen_tcg_traps(uint32_t flags)
{
    return xen_tcg_emulated() && !(flags & HF_GUEST_MASK);
}

/* True: @leaf is one of Xen's and the registers are filled in. */
#if defined(CONFIG_TCG) && !defined(CONFIG_USER_ONLY)
bool xen_tcg_cpuid(CPUState *cs, uint32_t leaf, uint32_t subleaf,
                   uint32_t *eax, uint32_t *ebx,
                   uint32_t *ecx, uint32_t *edx);
#else
static inline bool xen_tcg_cpuid(CPUState *cs, uint32_t leaf, uint32_t subleaf,
                                 uint32_t *eax, uint32_t *ebx,
                                 uint32_t *ecx, uint32_t *edx)
{
    return false;
}
#endif

#endif
