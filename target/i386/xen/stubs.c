/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stubs for TCG's CPU code without Xen emulation: xen_mode is never
 * XEN_EMULATE, so the last one cannot be reached
 */
#include "qemu/osdep.h"
#include "cpu.h"
#include "exec/helper-proto.h"
#include "tcg/xen-tcg.h"

void xen_tcg_write_hypercall_page(CPUX86State *env, uint64_t val,
                                  uintptr_t retaddr)
{
}

bool xen_tcg_cpuid(CPUState *cs, uint32_t leaf, uint32_t subleaf,
                   uint32_t *eax, uint32_t *ebx,
                   uint32_t *ecx, uint32_t *edx)
{
    return false;
}

void helper_xen_hypercall(CPUX86State *env, int insn_len)
{
    g_assert_not_reached();
}
