/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypercall layer's way in
 *
 * An accelerator calls xen_hypercall() when the guest made one that nobody
 * took before.  The layer checks CPL, copies arguments in, calls one function
 * per operation, copies results out.  It runs in the vCPU's thread; under
 * qtest in the main thread.  It takes the BQL only for operations that change
 * the machine (memory map, GSIs); sends, unmasks and timers run without.
 *
 * Source of the ABI: include/hw/xen/interface/.  Unknown operations are logged
 * with LOG_UNIMP and give -ENOSYS.
 */
#ifndef HW_XEN_EMU_HYPERCALL_H
#define HW_XEN_EMU_HYPERCALL_H

#include "hw/core/cpu.h"

#define XEN_HYPERCALL_ARGS  6

typedef struct XenHypercall {
    CPUState *cs;
    uint64_t nr;            /* __HYPERVISOR_* */
    /* A 32-bit caller's are zero-extended. */
    uint64_t arg[XEN_HYPERCALL_ARGS];
    bool long_mode;         /* the caller executes 64-bit code */
    uint8_t cpl;
    bool can_restart;       /* in: the accelerator knows how to restart */
    /*
     * out: the call was preempted.  Load the argument registers from arg[] and
     * run the instruction again; the value returned means nothing.
     */
    bool restart;
} XenHypercall;

/* Once, when the emulation is turned on.  BQL. */
void xen_hypercall_init(void);

/* Returns what goes to RAX/EAX. */
int64_t xen_hypercall(XenHypercall *hc);

/*
 * Numbers of the registers that arg[] comes from, and goes to for a restart:
 * indexes of CPUX86State.regs, by the caller's mode.
 */
const uint8_t *xen_hypercall_arg_regs(bool long_mode);

/* Fills the hypercall page for @gpa's frame (MSR write). 0 or -EFAULT. */
int xen_hypercall_page_write(CPUState *cs, uint64_t msr_value, bool long_mode);

/* CPUID leaf of the hypervisor range, false when not one of ours. */
bool xen_emu_cpuid(CPUState *cs, uint32_t leaf, uint32_t subleaf,
                   uint32_t regs[4]);

#endif
