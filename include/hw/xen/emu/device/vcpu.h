/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life cycle of a vCPU: realize, start, reset, migration, unrealize
 *
 * Calls each part of the emulation in the required order.
 */
#ifndef HW_XEN_EMU_DEVICE_VCPU_H
#define HW_XEN_EMU_DEVICE_VCPU_H

#include "hw/xen/emu/domain.h"

/*
 * Before a vCPU runs (boot or hot-plug); when it is being unplugged, while its
 * thread still runs; after its thread has ended.  BQL.
 */
void xen_vcpu_realize(CPUState *cs);
void xen_vcpu_leaving(CPUState *cs);
void xen_vcpu_unrealize(CPUState *cs);

/* Domain reset: unregisters everything.  BQL. */
void xen_vcpu_soft_reset(XenVcpu *v);

/* The engine was created: adds the vCPUs that exist.  BQL. */
void xen_vcpu_engine_ready(void);

/* The rest is in vcpu-migration.c. */

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
