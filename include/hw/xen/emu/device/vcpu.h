/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life cycle of a vCPU: realize, start, plug, reset, migration, unrealize
 *
 * Calls each part of the emulation in the required order.
 */
#ifndef HW_XEN_EMU_DEVICE_VCPU_H
#define HW_XEN_EMU_DEVICE_VCPU_H

#include "hw/xen/emu/domain.h"

/*
 * Before a vCPU runs (boot or hot-plug); when one that is plugged was reset after
 * that; when it is being unplugged, while its thread still runs; after its
 * thread has ended.  BQL.
 */
void xen_vcpu_realize(CPUState *cs);
void xen_vcpu_ready(CPUState *cs);
void xen_vcpu_leaving(CPUState *cs);
void xen_vcpu_unrealize(CPUState *cs);

/* Domain reset: unregisters everything.  BQL. */
void xen_vcpu_soft_reset(XenVcpu *v);

/* The engine was created: adds the vCPUs that exist.  BQL. */
void xen_vcpu_engine_ready(void);

/* The rest is in vcpu-migration.c. */

/*
 * What the guest registers for a vCPU by its number.  Addresses are XEN_GPA_NONE
 * and the vector is 0 if it has not.
 */
typedef struct XenVcpuRegistered {
    uint64_t info_gpa, time_info_gpa, runstate_gpa;
    uint8_t upcall_vector;
} XenVcpuRegistered;

/*
 * -EINVAL, with an error message, if a guest cannot have registered @r for vCPU
 * @id of a state that was loaded.
 */
int xen_vcpu_check_registered(unsigned id, const XenVcpuRegistered *r);
/* What @cs has in its env, and the opposite. */
XenVcpuRegistered xen_vcpu_get_registered(CPUState *cs);
void xen_vcpu_put_registered(CPUState *cs, const XenVcpuRegistered *r);

/*
 * The VM has stopped: calls xen_vcpu_pre_save() for all vCPUs, if the
 * accelerator does not (migrates_vcpus).  BQL.
 */
void xen_vcpu_pre_save_all(void);
/*
 * Checks the env that was loaded for all vCPUs: -EINVAL, with an error message,
 * if a guest cannot have registered it.  BQL.
 */
int xen_vcpu_check_loaded_all(void);
/*
 * post_load_all requests, and run_post_load does when the VM resumes,
 * xen_vcpu_post_load() for all vCPUs, if the accelerator does not.  BQL.
 */
void xen_vcpu_post_load_all(void);
void xen_vcpu_run_post_load(void);

#endif
