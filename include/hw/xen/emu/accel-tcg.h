/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation: what TCG's CPU code asks (target/i386/tcg, target/i386/cpu.c)
 */
#ifndef HW_XEN_EMU_ACCEL_TCG_H
#define HW_XEN_EMU_ACCEL_TCG_H

#include "hw/xen/emu/accel.h"

/*
 * The vector of the domain-wide callback if @cs has an upcall pending that
 * goes by it, else -1.  The vCPU's thread, BQL.
 */
int xen_emu_tcg_upcall_vector(CPUState *cs);

#endif
