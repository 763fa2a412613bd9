/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on TCG's CPU: the trap instructions, CPUID and the upcall
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "cpu.h"
#include "exec/helper-proto.h"
#include "hw/xen/emu/accel-tcg.h"
#include "hw/xen/emu/emu.h"
#include "hw/xen/emu/hypercall.h"
#include "hw/xen/emu/time.h"
#include "hw/xen/emu/upcall.h"
#include "tcg/helper-tcg.h"
#include "tcg/xen-tcg.h"

/* Where the arguments are, by the caller's mode. */
static const uint8_t arg_regs_64[] = { R_EDI, R_ESI, R_EDX, R_R10, R_R8, R_R9 };
static const uint8_t arg_regs_32[] = {
    R_EBX, R_ECX, R_EDX, R_ESI, R_EDI, R_EBP,
};

QEMU_BUILD_BUG_ON(sizeof(arg_regs_64) != 6);
QEMU_BUILD_BUG_ON(sizeof(arg_regs_32) != 6);

static void set_reg(CPUX86State *env, unsigned reg, uint64_t val, bool is64)
{
    env->regs[reg] = is64 ? val : (uint32_t)val;
}

/*
 * What Xen does whenever it enters the guest, and KVM too: an upcall that is
 * pending goes in.  Raising one sets the request anyway; this is for a guest
 * that set evtchn_upcall_pending by itself, and for the GSI that may fall.
 */
static void look_for_upcall(CPUState *cs)
{
    if (!(qatomic_read(&cs->interrupt_request) & CPU_INTERRUPT_XEN_UPCALL) &&
        xen_emu_tcg_upcall_vector(cs) >= 0) {
        BQL_LOCK_GUARD();
        cpu_interrupt(cs, CPU_INTERRUPT_XEN_UPCALL);
    }
    if (xen_upcall_level_asserted()) {
        BQL_LOCK_GUARD();
        xen_upcall_update_level();
    }
}

/*
 * SCHEDOP_poll and SCHEDOP_block: like HLT, but also with interrupts disabled
 * until a port is pending or the time is over.  What became pending since the
 * engine looked has called wake, which did nothing if it came too early.
 */
static void halt_for_events(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);
    bool asleep;

    bql_lock();
    asleep = env->xen_asleep &&
             !xen_evtchn_poll_woken(xen_emu->evtchn, cs->cpu_index);
    env->xen_asleep = asleep;
    cs->halted = asleep;
    bql_unlock();
    if (asleep) {
        env->hflags &= ~HF_INHIBIT_IRQ_MASK;
        xen_runstate_halted(cs, true);
        cs->exception_index = EXCP_HLT;
        cpu_loop_exit(cs);
    }
}

void xen_tcg_halted(CPUState *cs, bool halted)
{
    /* A HLT is not to be ended by what a poll had waited for. */
    cpu_env(cs)->xen_asleep = false;
    xen_runstate_halted(cs, halted);
}

/*
 * VMCALL or VMMCALL outside SVM guest mode, while Xen is emulated.  The TB ends
 * after it: EIP was synced to the instruction and is moved on here, unless it
 * is to run again, and the call may have changed memory, also code.
 */
void helper_xen_hypercall(CPUX86State *env, int insn_len)
{
    CPUState *cs = env_cpu(env);
    bool is64 = env->hflags & HF_CS64_MASK;
    const uint8_t *arg_regs = is64 ? arg_regs_64 : arg_regs_32;
    XenHypercall hc = {
        .cs = cs,
        .nr = (uint32_t)env->regs[R_EAX],
        .long_mode = is64,
        .cpl = env->hflags & HF_CPL_MASK,
        .can_restart = true,
    };
    int64_t ret;

    for (unsigned i = 0; i < ARRAY_SIZE(hc.arg); i++) {
        uint64_t val = env->regs[arg_regs[i]];

        hc.arg[i] = is64 ? val : (uint32_t)val;
    }

    ret = xen_hypercall(&hc);

    if (hc.restart) {
        for (unsigned i = 0; i < ARRAY_SIZE(hc.arg); i++) {
            set_reg(env, arg_regs[i], hc.arg[i], is64);
        }
    } else {
        set_reg(env, R_EAX, ret, is64);
        env->eip += insn_len;
        if (!is64) {
            env->eip = (uint32_t)env->eip;
        }
    }
    look_for_upcall(cs);
    if (env->xen_asleep) {
        halt_for_events(cs);
    }
}

bool xen_tcg_cpuid_leaf(CPUState *cs, uint32_t leaf, uint32_t subleaf,
                        uint32_t *eax, uint32_t *ebx,
                        uint32_t *ecx, uint32_t *edx)
{
    uint32_t regs[4];

    if (!xen_emu_cpuid(cs, leaf, subleaf, regs)) {
        return false;
    }
    *eax = regs[0];
    *ebx = regs[1];
    *ecx = regs[2];
    *edx = regs[3];
    return true;
}

bool xen_tcg_hypercall_page(CPUX86State *env, uint64_t val)
{
    if (!xen_tcg_emulated()) {
        return true;
    }
    /* Xen takes the mode of the code that writes for the guest's. */
    return xen_hypercall_page_write(env_cpu(env), val,
                                    env->hflags & HF_CS64_MASK) == 0;
}

/*
 * The callback vector is a level, as in Xen: it is injected for as long as
 * evtchn_upcall_pending is set and the guest takes interrupts.  So the request
 * stays when the vector is injected, and goes when the flag is found clear
 * the next time; guests clear it before they look for events, so that is when
 * they enable interrupts again.
 *
 * BQL held, so no request can come between the look and the clearing: whoever
 * sets the flag makes its request, with the BQL, after that.
 */
void xen_tcg_take_upcall(CPUX86State *env)
{
    CPUState *cs = env_cpu(env);
    int vector = xen_emu_tcg_upcall_vector(cs);

    assert(bql_locked());
    if (vector < 0) {
        cpu_reset_interrupt(cs, CPU_INTERRUPT_XEN_UPCALL);
        return;
    }
    cpu_svm_check_intercept_param(env, SVM_EXIT_INTR, 0, 0);
    do_interrupt_x86_hardirq(env, vector, 1);
}
