/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Areas that the guest registered for a vCPU
 *
 * vcpu_info, the secondary time info and the runstate area.  Their addresses
 * live in CPUX86State (env.xen_*), where migration finds them in upstream's
 * format; this module acts on them: it informs the engine and the accelerator,
 * and writes what QEMU itself keeps there.
 *
 * Threads: the BQL is held, or the vCPU's own thread calls for itself.  The
 * accelerator's part runs in the thread of the vCPU, because KVM's vCPU ioctls
 * wait for as long as that vCPU runs.
 */
#ifndef HW_XEN_EMU_VCPU_AREAS_H
#define HW_XEN_EMU_VCPU_AREAS_H

#include "hw/xen/emu/domain.h"

/*
 * Runs @func in the thread of @cs: immediately in that thread, else queued.
 * While the VM is stopped it runs before the vCPU does, which is as good.  A
 * vCPU that is just being added has no thread yet, and xen_vcpu_started() does
 * its work.
 */
void xen_vcpu_run(CPUState *cs, run_on_cpu_func func, run_on_cpu_data data);

/*
 * VCPUOP_register_vcpu_info and friends; @gpa XEN_GPA_NONE: none.
 * -EINVAL: no RAM there, or the operation is final and was done before.  Where
 * the accelerator refuses, its error, and nothing has changed; it is asked in
 * the thread of @v, and another thread gets no answer.
 */
int xen_vcpu_set_info(XenVcpu *v, uint64_t gpa);
/* The place in shared_info that counts until the guest names another. */
int xen_vcpu_set_default_info(XenVcpu *v, uint64_t gpa, void *hva);
int xen_vcpu_set_time_area(XenVcpu *v, uint64_t gpa);
int xen_vcpu_set_runstate_area(XenVcpu *v, uint64_t gpa);

/* The accelerator learns that vcpu_info of @v is at @gpa. */
void xen_vcpu_offload_info(XenVcpu *v, uint64_t gpa);

/* Guest memory [gpa, gpa + len) changes: forget pages there.  BQL. */
void xen_vcpu_invalidate_areas(uint64_t gpa, uint64_t len);
/* @v goes: no page of it stays pinned.  BQL. */
void xen_vcpu_release_areas(XenVcpu *v);

#endif
