/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time and runstate areas that QEMU keeps where the kernel does not
 *
 * On TCG and qtest: vcpu_time_info (in vcpu_info, and the secondary copy that
 * VCPUOP_register_vcpu_time_memory_area names), the wall clock in shared_info,
 * and vcpu_runstate_info.  The guest's TSC runs at exactly
 * XEN_EMU_TSC_KHZ there (target/i386 derives it from QEMU_CLOCK_VIRTUAL), so
 * one pair of factors is right for all vCPUs for ever, they agree to the
 * nanosecond, and the areas are written once, not at every tick.
 *
 * Source of the ABI: include/hw/xen/interface/xen.h, vcpu.h.
 */
#ifndef HW_XEN_EMU_TIME_H
#define HW_XEN_EMU_TIME_H

#include "hw/core/cpu.h"
#include "hw/xen/emu/page.h"

#define XEN_EMU_TSC_KHZ     1000000u    /* 1 GHz: a tick is a nanosecond */

/* System time in ns by QEMU_CLOCK_VIRTUAL. [fast] */
uint64_t xen_emu_virtual_time(void);

/*
 * Writes the wall clock into @shared_info in the current layout, under its
 * version protocol.  After the page was mapped, the layout changed, or the
 * host's clock was set.  BQL.
 */
void xen_time_write_wallclock(void *shared_info);

/* Writes a vcpu_time_info at @hva (32 bytes), under its version protocol. */
void xen_time_write_vcpu_time(void *hva);

/*
 * Runstate of one vCPU kept by QEMU; @gpa may cross a page boundary.
 * Any thread; -EINVAL where there is no RAM.
 */
typedef struct XenRunstate XenRunstate;
XenRunstate *xen_runstate_new(unsigned vcpu);
void xen_runstate_free(XenRunstate *r);
int xen_runstate_set_area(XenRunstate *r, uint64_t gpa);
/* @state: RUNSTATE_*; charges the time since the last call to the old one. */
void xen_runstate_enter(XenRunstate *r, int state);
/* VCPUOP_get_runstate_info in the guest's layout: bytes written to @buf. */
size_t xen_runstate_get(XenRunstate *r, void *buf);
/* Copies the VM assist choice: XEN_RUNSTATE_UPDATE protocol on or off. */
void xen_runstate_set_update_flag(bool on);

#endif
