/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: hypercalls by port
 */
#include "qemu/osdep.h"
#include <linux/kvm.h>

#include "qemu/error-report.h"
#include "hw/xen/emu/hypercall.h"
#include "system/kvm_int.h"
#include "system/kvm_xen.h"
#include "cpu.h"
#include "xen-page.h"

#define SYNCED  (KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS)

static KvmXenMsrFilter *msr_filter;
static uint32_t hypercall_msr;
static bool filtered;

void kvm_xen_set_msr_filter(KvmXenMsrFilter *filter)
{
    msr_filter = filter;
}

const char *kvm_xen_page_missing(KVMState *s)
{
    if (!kvm_check_extension(s, KVM_CAP_X86_USER_SPACE_MSR) ||
        !kvm_check_extension(s, KVM_CAP_X86_MSR_FILTER)) {
        return "KVM_CAP_X86_USER_SPACE_MSR and KVM_CAP_X86_MSR_FILTER";
    }
    if ((kvm_check_extension(s, KVM_CAP_SYNC_REGS) & SYNCED) != SYNCED) {
        return "KVM_CAP_SYNC_REGS";
    }
    return NULL;
}

void kvm_xen_page_set_msr(uint32_t msr)
{
    hypercall_msr = msr;
}

static bool is_64bit_code(const struct kvm_sregs *sregs)
{
    return (sregs->efer & MSR_EFER_LMA) && sregs->cs.l;
}

/* False: #GP, as on Xen. */
static bool write_msr(X86CPU *cpu, uint32_t msr, uint64_t value)
{
    CPUState *cs = CPU(cpu);

    return !xen_hypercall_page_write(cs, value,
                                     is_64bit_code(&cs->kvm_run->s.regs.sregs));
}

int kvm_xen_page_init_vcpu(CPUState *cs)
{
    if (!filtered) {
        int ret = msr_filter ? msr_filter(kvm_state, hypercall_msr, NULL,
                                          write_msr) : -ENOSYS;

        if (ret) {
            error_report("xen-hypercalls=page: cannot intercept MSR 0x%x: %s",
                         hypercall_msr, strerror(-ret));
            return ret;
        }
        filtered = true;
    }
    cs->kvm_run->kvm_valid_regs = SYNCED;
    /* Upstream calls kvm_xen_maybe_deassert_callback() at each exit then. */
    X86_CPU(cs)->env.xen_callback_asserted = true;
    return 0;
}

/* The fields that a kernel with Xen support fills. */
static void fill_exit(struct kvm_xen_exit *exit, const struct kvm_regs *regs,
                      const struct kvm_sregs *sregs)
{
    bool long_mode = is_64bit_code(sregs);
    const uint64_t params[] = {
        long_mode ? regs->rdi : (uint32_t)regs->rbx,
        long_mode ? regs->rsi : (uint32_t)regs->rcx,
        long_mode ? regs->rdx : (uint32_t)regs->rdx,
        long_mode ? regs->r10 : (uint32_t)regs->rsi,
        long_mode ? regs->r8 : (uint32_t)regs->rdi,
        long_mode ? regs->r9 : (uint32_t)regs->rbp,
    };

    exit->type = KVM_EXIT_XEN_HCALL;
    exit->u.hcall.longmode = long_mode;
    exit->u.hcall.cpl = sregs->ss.dpl;
    exit->u.hcall.input = regs->rax;
    exit->u.hcall.result = 0;
    QEMU_BUILD_BUG_ON(sizeof(params) != sizeof(exit->u.hcall.params));
    memcpy(exit->u.hcall.params, params, sizeof(params));
}

void kvm_xen_page_check_exit(CPUState *cs)
{
    struct kvm_run *run = cs->kvm_run;

    if (run->exit_reason == KVM_EXIT_IO &&
        run->io.port == KVM_XEN_HYPERCALL_PORT &&
        run->io.direction == KVM_EXIT_IO_OUT && run->io.size == 1 &&
        run->io.count == 1) {
        /* "io" and "xen" are members of the same union. */
        run->exit_reason = KVM_EXIT_XEN;
        fill_exit(&run->xen, &run->s.regs.regs, &run->s.regs.sregs);
    }
}

void kvm_xen_page_return(CPUState *cs, uint64_t result)
{
    struct kvm_run *run = cs->kvm_run;

    if (cs->vcpu_dirty) {
        /* The hypercall had QEMU read the registers, which it will load. */
        cpu_env(cs)->regs[R_EAX] = result;
    } else {
        run->s.regs.regs.rax = result;
        run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
    }
}
