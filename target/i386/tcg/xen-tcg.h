/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation as TCG's CPU code sees it
 *
 * Every question here is answered "no" at no cost where there is no Xen: in
 * user emulation at compile time, else by a look at xen_mode.
 */
#ifndef TARGET_I386_TCG_XEN_TCG_H
#define TARGET_I386_TCG_XEN_TCG_H

#include "cpu.h"
#include "system/tcg.h"
#ifndef CONFIG_USER_ONLY
#include "hw/xen/xen.h"
#endif

/* Writing a guest physical address here asks for a hypercall page. */
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

/* xen_tcg_cpuid() for a leaf in Xen's range. */
bool xen_tcg_cpuid_leaf(CPUState *cs, uint32_t leaf, uint32_t subleaf,
                        uint32_t *eax, uint32_t *ebx,
                        uint32_t *ecx, uint32_t *edx);

/*
 * WRMSR of XEN_TCG_HYPERCALL_MSR.  False: #GP.  Without Xen the MSR ignores
 * writes, as TCG's unknown MSRs do.
 */
bool xen_tcg_hypercall_page(CPUX86State *env, uint64_t val);

/*
 * The vCPU executed HLT (@halted), or goes on after a halt of any kind.  Its
 * own thread.
 */
void xen_tcg_halted(CPUState *cs, bool halted);

/* A hypercall is over.  The vCPU's thread, no BQL. */
void xen_tcg_look_at_exit(CPUState *cs);
/*
 * It was SCHEDOP_poll or SCHEDOP_block: halts, unless what it waits for has
 * come.  Returns only then.
 */
void xen_tcg_sleep(CPUState *cs);

#endif

/*
 * VMCALL and VMMCALL are hypercalls to Xen.  In SVM's guest mode they are not:
 * there they belong to the hypervisor that the guest runs.  @flags: the TB's.
 */
static inline bool xen_tcg_traps(uint32_t flags)
{
    return xen_tcg_emulated() && !(flags & HF_GUEST_MASK);
}

/* True: @leaf is one of Xen's and the registers are filled in. */
static inline bool xen_tcg_cpuid(CPUState *cs, uint32_t leaf, uint32_t subleaf,
                                 uint32_t *eax, uint32_t *ebx,
                                 uint32_t *ecx, uint32_t *edx)
{
#ifndef CONFIG_USER_ONLY
    if (leaf >> 8 == 0x400000 && xen_tcg_emulated()) {
        return xen_tcg_cpuid_leaf(cs, leaf, subleaf, eax, ebx, ecx, edx);
    }
#endif
    return false;
}

#endif
