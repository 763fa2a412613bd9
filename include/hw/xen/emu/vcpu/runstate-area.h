/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU's runstate: the sums, and their form in guest memory
 *
 * Pure functions; compiles without QEMU, so that tests/unit/test-runstate.c can
 * reach both layouts and every place where an area can cross a page.  Times are
 * ns.  No locks: the caller has one.
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

/* The area as QEMU sees it: its bytes up to a page's end, and those after. */
typedef struct XenRunstateArea {
    uint8_t *part[2];
    size_t len[2];                  /* together: the layout's runstate_size */
} XenRunstateArea;

/*
 * Charges the time from s->entered to @now to the state that was, of which
 * up to @stolen goes to "runnable" (but not of "offline"), and enters @state.
 * A clock that went back charges nothing.
 */
void xen_runstate_charge(XenRunstateSums *s, int state, uint64_t now,
                         uint64_t stolen);

/* Writes @s as a vcpu_runstate_info into @buf; returns its size. */
size_t xen_runstate_encode(const XenRunstateSums *s,
                           const XenGuestLayout *layout, void *buf);

/*
 * Copies @s to @area, which the guest may be reading: integers that are aligned
 * in QEMU's memory are never seen half written.  @update_flag: the
 * XEN_RUNSTATE_UPDATE protocol.
 */
void xen_runstate_publish(const XenRunstateSums *s,
                          const XenGuestLayout *layout, bool update_flag,
                          const XenRunstateArea *area);

/*
 * The inverse, of an area that nobody writes now.  Whatever it holds, @s is fit
 * for charging at @now.
 */
void xen_runstate_fetch(XenRunstateSums *s, const XenGuestLayout *layout,
                        const XenRunstateArea *area, uint64_t now);

#endif
