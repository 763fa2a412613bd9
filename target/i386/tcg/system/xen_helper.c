/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on TCG: hypercall instructions, hypercall page and CPUID
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "cpu.h"
#include "exec/helper-proto.h"
#include "hw/xen/emu/accel-tcg.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/hypercall.h"
#include "tcg/helper-tcg.h"
#include "tcg/xen-tcg.h"

/* CPUID leaves 0x40000000 to 0x400000ff are the hypervisor's. */
#define HYPERVISOR_LEAVES   0x40000000

static void set_reg(CPUX86State *env, unsigned reg, uint64_t val, bool is64)
{
    env->regs[reg] = is64 ? val : (uint32_t)val;
}

/*
 * VMCALL or VMMCALL outside SVM guest mode, while Xen is emulated.  EIP is that
 * of the instruction, and is advanced here unless the call is restarted.  The
 * TB ends after the instruction because the call may have modified code.
 */
void helper_xen_hypercall(CPUX86State *env, int insn_len)
{
    CPUState *cs = env_cpu(env);
    bool is64 = env->hflags & HF_CS64_MASK;
    const uint8_t *arg_regs = xen_hypercall_arg_regs(is64);
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
    xen_tcg_check_upcall(cs);
    if (env->xen_poll_halted) {
        xen_tcg_poll_halt(cs);
    }
}

bool xen_tcg_cpuid(CPUState *cs, uint32_t leaf, uint32_t subleaf,
                   uint32_t *eax, uint32_t *ebx,
                   uint32_t *ecx, uint32_t *edx)
{
    uint32_t regs[4];

    if (leaf >> 8 != HYPERVISOR_LEAVES >> 8 || !xen_tcg_emulated() ||
        !xen_emu_cpuid(cs, leaf, subleaf, regs)) {
        return false;
    }
    *eax = regs[0];
    *ebx = regs[1];
    *ecx = regs[2];
    *edx = regs[3];
    return true;
}

void xen_tcg_write_hypercall_page(CPUX86State *env, uint64_t val,
                                  uintptr_t retaddr)
{
    /* As in Xen, the layout is latched from the mode of the caller. */
    if (xen_tcg_emulated() &&
        xen_hypercall_page_write(env_cpu(env), val,
                                 env->hflags & HF_CS64_MASK) != 0) {
        raise_exception_err_ra(env, EXCP0D_GPF, 0, retaddr);
    }
}
