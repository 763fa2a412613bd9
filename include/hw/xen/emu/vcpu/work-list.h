/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the thread of a vCPU has been asked to do and has not begun yet
 *
 * A guest can ask for the same thing without end, by hypercalls of one vCPU for
 * another, and faster than that one gets to it.  So a function is in the list
 * once, with the argument that it was asked for last: the list has as many
 * entries as there are such functions, and the thread is woken up for all of
 * them together.
 *
 * Compiles without QEMU.  Locking: none; work.c holds the BQL.
 */
#ifndef HW_XEN_EMU_VCPU_WORK_LIST_H
#define HW_XEN_EMU_VCPU_WORK_LIST_H

#include <stdint.h>
#include <stdbool.h>

/* Functions that may be in a list together; the code has seven. */
#define XEN_VCPU_MAX_WORKS  8

struct XenVcpu;

/* 0 or negative errno. */
typedef int XenVcpuFunc(struct XenVcpu *v, uint64_t arg);

typedef struct XenVcpuWork {
    XenVcpuFunc *func;
    uint64_t arg;
} XenVcpuWork;

typedef struct XenVcpuWorkList {
    XenVcpuWork work[XEN_VCPU_MAX_WORKS];   /* in the order in which they came */
    unsigned nr;
    bool scheduled;             /* the thread will call take() */
} XenVcpuWorkList;

/*
 * Adds @func with @arg; if it is there, replaces its argument.  True: nothing is
 * scheduled yet, and the caller has to make the thread call take().
 */
bool xen_vcpu_work_put(XenVcpuWorkList *list, XenVcpuFunc *func, uint64_t arg);
/* Removes @func: what it was asked for is out of date.  No-op without it. */
void xen_vcpu_work_drop(XenVcpuWorkList *list, XenVcpuFunc *func);
/*
 * Moves all entries to @work, in the order in which they came; returns how many.
 * What is added from now on has to be scheduled again.
 */
unsigned xen_vcpu_work_take(XenVcpuWorkList *list,
                            XenVcpuWork work[XEN_VCPU_MAX_WORKS]);

#endif
