/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions that run in the thread of a vCPU
 *
 * KVM's vCPU ioctls block for as long as the vCPU runs, so they are called in its
 * thread.  What is not begun yet is in a list with a bound, see work-list.h.
 *
 * Threads: the BQL is held, also when the functions run.
 */
#ifndef HW_XEN_EMU_VCPU_WORK_H
#define HW_XEN_EMU_VCPU_WORK_H

#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/vcpu/work-list.h"

/*
 * Runs @func in the thread of @v.  If that is the current thread, returns its
 * result, and what was queued of @func before is forgotten; otherwise queues it
 * and returns 0.  If it is queued already, it runs once, with this @arg.  While
 * the VM is stopped it is run before the vCPU resumes.  No-op if the vCPU has no
 * thread yet: then xen_vcpu_started() does the work.
 */
int xen_vcpu_run(XenVcpu *v, XenVcpuFunc *func, uint64_t arg);
/* The same, but queues it in the thread of @v, too. */
void xen_vcpu_run_later(XenVcpu *v, XenVcpuFunc *func, uint64_t arg);

/* An empty list, for a new vCPU; to be freed with g_free(). */
XenVcpuWorkList *xen_vcpu_work_list_new(void);

#endif
