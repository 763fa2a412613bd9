/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life of a vCPU: it comes, is reset, migrates, and goes
 *
 * Composition: what each part of the emulation does at these moments, in order.
 */
#ifndef HW_XEN_EMU_DEVICE_VCPU_H
#define HW_XEN_EMU_DEVICE_VCPU_H

#include "hw/xen/emu/domain.h"

/* A vCPU came up (boot or hot-plug), before it runs; and leaves.  BQL. */
void xen_vcpu_realize(CPUState *cs);
void xen_vcpu_unrealize(CPUState *cs);

/* The domain is reset: nothing is registered any more.  BQL. */
void xen_vcpu_soft_reset(XenVcpu *v);

/* The engine exists from now on: tell it which vCPUs there are.  BQL. */
void xen_vcpu_engine_ready(void);

/*
 * vcpu-migration.c.  The VM has stopped: xen_vcpu_pre_save() of all vCPUs, for
 * accelerators that do not call it themselves.  BQL.
 */
void xen_vcpu_pre_save_all(void);
/*
 * State was loaded into the env of all vCPUs: -EINVAL, and a message, if it is
 * nothing that a guest can have registered.  BQL.
 */
int xen_vcpu_check_loaded_all(void);
/*
 * xen_vcpu_post_load() of all vCPUs when the VM next resumes, for accelerators
 * that do not call it themselves; and that moment.  BQL.
 */
void xen_vcpu_post_load_all(void);
void xen_vcpu_run_post_load(void);

#endif
