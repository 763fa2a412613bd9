/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time areas in guest memory: vcpu_time_info and the wall clock
 *
 * vcpu_time_info (in vcpu_info, and the secondary copy registered by
 * VCPUOP_register_vcpu_time_memory_area) is written here if the accelerator
 * sets tsc_is_virtual_clock (TCG, qtest), otherwise by the accelerator.  With
 * tsc_is_virtual_clock the guest's TSC runs at exactly XEN_EMU_TSC_KHZ
 * (target/i386 derives it from QEMU_CLOCK_VIRTUAL), so all vCPUs use the same
 * constant factors, agree to the nanosecond, and the areas are written only
 * once.
 *
 * The wall clock in shared_info is written here if the accelerator has no
 * SHARED_INFO.
 *
 * Source of the ABI: include/hw/xen/interface/xen.h, vcpu.h.
 */
#ifndef HW_XEN_EMU_VCPU_TIME_H
#define HW_XEN_EMU_VCPU_TIME_H

#include "hw/core/cpu.h"
#include "hw/xen/emu/layout.h"
#include "hw/xen/emu/page.h"

#define XEN_EMU_TSC_KHZ     1000000u    /* 1 GHz: a tick is a nanosecond */

/*
 * Writes the wall clock (UTC at system time 0, by QEMU_CLOCK_HOST) to
 * @shared_info in the current layout, under its version protocol.  Called when
 * the page was mapped or the layout changed.  BQL.
 */
void xen_time_write_wallclock(void *shared_info);

/*
 * Clears the wall clock where @layout has it, which is not the guest's any more:
 * that of 32 bits is in the middle of the pending bits of 64.  BQL.
 */
void xen_time_erase_wallclock(void *shared_info, const XenGuestLayout *layout);

/*
 * Writes a vcpu_time_info at @hva (32 bytes, any alignment), under its version
 * protocol.  Any thread, but one writer at a time for one @hva.
 */
void xen_time_write_vcpu_time(void *hva);
/* accel-callbacks.h has xen_emu_virtual_time(), xen_time_copy_vcpu_time(). */

#endif
