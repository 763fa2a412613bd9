/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Areas that the guest registered for a vCPU
 *
 * vcpu_info, the secondary time info and the runstate area.  Their addresses
 * live in CPUX86State (env.xen_*), where migration finds them in upstream's
 * format; this module acts on them: it informs the accelerator and the engine, in
 * this order, and writes what QEMU itself keeps there.
 *
 * Threads: the BQL is held.  The accelerator's part runs in the thread of the
 * vCPU, because KVM's vCPU ioctls wait for as long as that vCPU runs.
 */
#ifndef HW_XEN_EMU_VCPU_AREAS_H
#define HW_XEN_EMU_VCPU_AREAS_H

#include "hw/xen/emu/domain.h"

/* 0 or negative errno. */
typedef int XenVcpuFunc(XenVcpu *v, uint64_t arg);

/*
 * Runs @func in the thread of @v: immediately and with its result in that thread,
 * else queued, and 0.  While the VM is stopped it runs before the vCPU does, which
 * is as good.  A vCPU that is just being added has no thread yet, and
 * xen_vcpu_started() does its work.
 */
int xen_vcpu_run(XenVcpu *v, XenVcpuFunc *func, uint64_t arg);

/*
 * VCPUOP_register_vcpu_info.  -EINVAL: no RAM there, a page's end in between, or
 * one is registered already; -ENXIO: not aligned.  Where the accelerator refuses,
 * its error; it is asked in the thread of @v, and another thread gets no answer.
 * After an error nothing has changed.
 */
int xen_vcpu_set_info(XenVcpu *v, uint64_t gpa);
/* The same for what was loaded into env, which stays as it is after an error. */
int xen_vcpu_load_info(XenVcpu *v);
/*
 * The place in shared_info that counts until the guest names another: at @gpa for
 * the guest and @hva for QEMU.
 */
int xen_vcpu_set_default_info(XenVcpu *v, uint64_t gpa, void *hva);
/* Neither the one nor the other: the domain is reset. */
void xen_vcpu_unset_info(XenVcpu *v);

/*
 * VCPUOP_register_vcpu_time_memory_area and _register_runstate_memory_area; @gpa
 * XEN_GPA_NONE: none.  Errors as above; -ENOSYS: the accelerator has no such area.
 */
int xen_vcpu_set_time_area(XenVcpu *v, uint64_t gpa);
int xen_vcpu_set_runstate_area(XenVcpu *v, uint64_t gpa);

/*
 * @v is made; starts in its thread, where the accelerator forgets what it knew of
 * an earlier vCPU of that number; goes, and no page of it stays pinned.
 */
void xen_vcpu_init_areas(XenVcpu *v);
void xen_vcpu_start_areas(XenVcpu *v);
void xen_vcpu_release_areas(XenVcpu *v);

#endif
