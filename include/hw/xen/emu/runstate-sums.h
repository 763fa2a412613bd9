/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time a vCPU spent in each runstate: the format shared by vcpu/runstate.c and
 * accelerators that do this accounting themselves
 *
 * Source of the ABI: include/hw/xen/interface/vcpu.h.
 */
#ifndef HW_XEN_EMU_RUNSTATE_SUMS_H
#define HW_XEN_EMU_RUNSTATE_SUMS_H

#include <stdint.h>

#define XEN_RUNSTATE_NR     4       /* RUNSTATE_running .. RUNSTATE_offline */

typedef struct XenRunstateSums {
    int state;                      /* RUNSTATE_* */
    uint64_t entered;               /* system time of the last update, in ns */
    uint64_t time[XEN_RUNSTATE_NR]; /* in ns; the sum grows as system time does */
} XenRunstateSums;

#endif
