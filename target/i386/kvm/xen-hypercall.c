/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: hypercalls that the kernel passes to QEMU
 *
 * Source of the ABI: Linux Documentation/virt/kvm/api.rst, KVM_EXIT_XEN.
 */
#include "qemu/osdep.h"
#include <linux/kvm.h>

#include "qemu/main-loop.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/hypercall.h"
#include "system/hw_accel.h"
#include "system/kvm.h"
#include "cpu.h"
#include "kvm/xen-emu.h"
#include "xen-internal.h"
#include "xen-page.h"

/*
 * The kernel latches the layout when it fills the hypercall page, and QEMU
 * learns of it at the next hypercall.  If this kernel cannot be asked, the mode
 * of the caller is the layout.
 */
static void follow_long_mode(const XenHypercall *hc)
{
    const XenAccelOffloadOps *offload = xen_emu_offload(SHARED_INFO);
    bool latched = hc->long_mode;

    if (hc->long_mode == xen_emu_long_mode() || hc->cpl > 0) {
        return;
    }
    if (offload && offload->get_long_mode(&latched)) {
        return;
    }
    BQL_LOCK_GUARD();
    if (latched != xen_emu_long_mode()) {
        xen_emu_note_long_mode(latched);
    }
}

static void restart(CPUState *cs, run_on_cpu_data data)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);
    const XenHypercall *hc = &kvm_xen_vcpu(v)->restart;
    const uint8_t *regs = xen_hypercall_arg_regs(hc->long_mode);
    CPUX86State *env = cpu_env(cs);

    /* An entry of the multicall may have been a poll. */
    kvm_xen_end_halt(v);
    cpu_synchronize_state(cs);
    for (size_t i = 0; i < ARRAY_SIZE(hc->arg); i++) {
        env->regs[regs[i]] = hc->arg[i];
    }
    env->eip -= kvm_xen_hypercall_length();
}

/*
 * The kernel completes the instruction at the next KVM_RUN, even if that has to
 * return immediately.  Only then can the vCPU be set back to the instruction;
 * it does that before the work that it was preempted for.
 */
static void restart_later(const XenHypercall *hc)
{
    kvm_xen_vcpu(xen_vcpu_get(hc->cs->cpu_index))->restart = *hc;
    async_run_on_cpu(hc->cs, restart, RUN_ON_CPU_NULL);
    qatomic_set(&hc->cs->kvm_run->immediate_exit, 1);
}

int kvm_xen_handle_exit(X86CPU *cpu, struct kvm_xen_exit *exit)
{
    XenHypercall hc = {
        .cs = CPU(cpu),
        .nr = exit->u.hcall.input,
        .long_mode = exit->u.hcall.longmode,
        .cpl = exit->u.hcall.cpl,
        .can_restart = true,
    };

    if (exit->type != KVM_EXIT_XEN_HCALL) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(hc.arg); i++) {
        hc.arg[i] = exit->u.hcall.params[i];
    }

    /* QEMU has latched the layout itself if it filled the page. */
    if (!xen_emu_accel()->hypercall_port) {
        follow_long_mode(&hc);
    }
    exit->u.hcall.result = xen_hypercall(&hc);
    if (hc.restart) {
        restart_later(&hc);
        exit->u.hcall.result = hc.nr;
    }
    if (!hc.long_mode) {
        /* The kernel writes all of RAX, but a 32-bit caller has EAX only. */
        exit->u.hcall.result = (uint32_t)exit->u.hcall.result;
    }
    if (xen_emu_accel()->hypercall_port) {
        kvm_xen_page_return(hc.cs, exit->u.hcall.result);
    }
    return 0;
}
