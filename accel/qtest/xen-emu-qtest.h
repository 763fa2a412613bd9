/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on qtest: functions of the accelerator for protocol commands
 *
 * All with the BQL.
 */
#ifndef ACCEL_QTEST_XEN_EMU_QTEST_H
#define ACCEL_QTEST_XEN_EMU_QTEST_H

#include "hw/core/cpu.h"

/* A command; vCPU @arg[0] exists.  False: invalid arguments. */
typedef bool XenQtestCommand(CPUState *cs, const uint64_t *arg,
                             uint64_t *result);

XenQtestCommand xen_emu_qtest_grant_copy;
XenQtestCommand xen_emu_qtest_grant_map;
XenQtestCommand xen_emu_qtest_grant_peek;
XenQtestCommand xen_emu_qtest_grant_poke;
XenQtestCommand xen_emu_qtest_grant_unmap;

/* The number of upcalls of @cs by callback vector since the last call. */
unsigned xen_emu_qtest_take_callbacks(CPUState *cs);

/*
 * True if @vector is requested in the LAPIC of @cs.  The request is then
 * cleared, as if the vCPU had entered the handler and sent an EOI.
 */
bool xen_emu_qtest_take_vector(CPUState *cs, uint8_t vector);

/* Sets Xen's system time to @ns; it then differs from QEMU_CLOCK_VIRTUAL. */
void xen_emu_qtest_set_system_time(uint64_t ns);

#endif
