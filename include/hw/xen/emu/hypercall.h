/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls: the interface to accelerators
 *
 * An accelerator calls xen_hypercall() for a hypercall that its kernel did not
 * handle.  That checks the CPL, copies arguments in, calls one function per
 * operation and copies results out.  It runs in the thread of the vCPU; under
 * qtest in the main thread.  It takes the BQL only for operations that change
 * the machine (memory map, GSIs); sends, unmasks and timers run without it.
 *
 * Source of the ABI: include/hw/xen/interface/.  Unknown operations are logged
 * with LOG_UNIMP and return -ENOSYS.
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
    bool can_restart;       /* in: the accelerator supports restart */
    /*
     * out: the call was preempted.  Load the argument registers from arg[] and
     * execute the instruction again; ignore the return value.
     */
    bool restart;
} XenHypercall;

/* Registers reset and migration.  Once, when the emulation is enabled; BQL. */
void xen_hypercall_init(void);

/* Makes hypercall @hc.  Returns the value for RAX/EAX.  [vcpu] */
int64_t xen_hypercall(XenHypercall *hc);

/*
 * The registers of arg[], as XEN_HYPERCALL_ARGS indexes of CPUX86State.regs, by
 * the mode of the caller.  Any thread.
 */
const uint8_t *xen_hypercall_arg_regs(bool long_mode);

/*
 * WRMSR of the hypercall MSR: fills the hypercall page in the frame that
 * @msr_value is an address in, and latches the layout.  0, or -EFAULT without
 * RAM there. [vcpu]
 */
int xen_hypercall_page_write(CPUState *cs, uint64_t msr_value, bool long_mode);

/*
 * CPUID in the hypervisor's range: sets @regs (EAX, EBX, ECX, EDX), or returns
 * false if Xen has no such leaf.  Any thread.
 */
bool xen_emu_cpuid(CPUState *cs, uint32_t leaf, uint32_t subleaf,
                   uint32_t regs[4]);

#endif
