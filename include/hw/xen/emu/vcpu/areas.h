/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory areas of a vCPU: vcpu_info, secondary time info, runstate
 *
 * The registered addresses are in CPUX86State (env.xen_*), from where they are
 * migrated in upstream's format.  This module puts a registration into effect:
 * in the accelerator first, then in the engine; and it writes the areas that
 * QEMU maintains itself.
 *
 * Threads: the BQL is held.  The accelerator is called in the thread of the
 * vCPU (work.h).
 */
#ifndef HW_XEN_EMU_VCPU_AREAS_H
#define HW_XEN_EMU_VCPU_AREAS_H

#include "hw/xen/emu/domain.h"

/*
 * VCPUOP_register_vcpu_info.  -ENXIO: crosses a page boundary, or not aligned;
 * -EINVAL: not RAM, or one is registered already; or the accelerator's error,
 * but only if called in the thread of @v.  After an error nothing has changed.
 */
int xen_vcpu_set_info(XenVcpu *v, uint64_t gpa);
/* Puts the address loaded into env into effect; env keeps it even on error. */
int xen_vcpu_load_info(XenVcpu *v);
/*
 * The vcpu_info in shared_info, at @gpa and @hva, which is used until the guest
 * registers another.
 */
int xen_vcpu_set_default_info(XenVcpu *v, uint64_t gpa, void *hva);
/* Unsets the registered and the default vcpu_info, when the domain is reset. */
void xen_vcpu_unset_info(XenVcpu *v);
/*
 * After S3: the reset of the vCPU has turned off the clock of an accelerator that
 * has one in place of SHARED_INFO, and set the TSC that it depends on.
 */
void xen_vcpu_woken_up(XenVcpu *v);

/*
 * VCPUOP_register_vcpu_time_memory_area and _register_runstate_memory_area;
 * @gpa XEN_GPA_NONE: none.  Errors as above; -ENOSYS: not supported by the
 * accelerator.
 */
int xen_vcpu_set_time_area(XenVcpu *v, uint64_t gpa);
int xen_vcpu_set_runstate_area(XenVcpu *v, uint64_t gpa);

void xen_vcpu_init_areas(XenVcpu *v);
/*
 * Clears what the accelerator still has of an unplugged vCPU with the same
 * number.  When the thread of @v starts, in that thread.
 */
void xen_vcpu_start_areas(XenVcpu *v);
/* Unpins the pages of @v, before it is freed. */
void xen_vcpu_release_areas(XenVcpu *v);

#endif
