/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU's runstate: accounting, and its format in guest memory
 *
 * Pure functions; compiles without QEMU, so that tests/unit/test-runstate.c can
 * test both layouts and every offset at which an area can cross a page
 * boundary. Times are ns.  No locks: the caller has one.
 *
 * Source of the ABI: include/hw/xen/interface/vcpu.h.
 */
#ifndef HW_XEN_EMU_VCPU_RUNSTATE_AREA_H
#define HW_XEN_EMU_VCPU_RUNSTATE_AREA_H

#include <stdint.h>
#include <stddef.h>
#include <stdbool.h>
#include "hw/xen/emu/layout.h"
#include "hw/xen/emu/runstate-sums.h"

/* The area in QEMU's address space: up to the page boundary, and the rest. */
typedef struct XenRunstateArea {
    uint8_t *part[2];
    size_t len[2];                  /* together: the layout's runstate_size */
} XenRunstateArea;

/*
 * Charges the time from s->entered to @now to the current state, except that up
 * to @stolen of it counts as "runnable" (unless the state is "offline"); then
 * enters @state.  Charges nothing if the clock went backwards.
 */
void xen_runstate_charge(XenRunstateSums *s, int state, uint64_t now,
                         uint64_t stolen);

/* Writes @s as a vcpu_runstate_info into @buf; returns its size. */
size_t xen_runstate_encode(const XenRunstateSums *s,
                           const XenGuestLayout *layout, void *buf);

/*
 * Copies @s to @area, which the guest may be reading: aligned integers are
 * written by single stores.  @update_flag: follow the XEN_RUNSTATE_UPDATE
 * protocol.
 */
void xen_runstate_publish(const XenRunstateSums *s,
                          const XenGuestLayout *layout, bool update_flag,
                          const XenRunstateArea *area);

/*
 * The inverse, for an area that is not being written.  Invalid contents are
 * corrected so that @s can be charged at @now.
 */
void xen_runstate_fetch(XenRunstateSums *s, const XenGuestLayout *layout,
                        const XenRunstateArea *area, uint64_t now);

#endif
