/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the emulation knows of each vCPU
 *
 * vCPU numbers are Xen's: QEMU's cpu_index.  The addresses that the guest
 * registered live in CPUX86State (env.xen_*), where migration finds them in
 * upstream's format; this module acts on them: tells the engine and the
 * accelerator, and writes what QEMU itself keeps there.
 *
 * Threads: set functions are called under the BQL, or by the vCPU's own thread
 * for itself; the accelerator's part runs in the vCPU's thread.
 */
#ifndef HW_XEN_EMU_VCPU_VCPU_H
#define HW_XEN_EMU_VCPU_VCPU_H

#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/vcpu/timer.h"
#include "hw/xen/emu/vcpu/time.h"

/* A vCPU came up (boot or hot-plug), before it runs; and leaves.  BQL. */
void xen_vcpu_realize(CPUState *cs);
void xen_vcpu_unrealize(CPUState *cs);
/*
 * The accelerator knows @cs from now on: tells it what was set before, which is
 * the default place of vcpu_info and nothing else.  For accelerators with a
 * set_vcpu_info; the vCPU's thread, BQL.
 */
void xen_vcpu_started(CPUState *cs);
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
int xen_vcpu_set_upcall_vector(XenVcpu *v, uint8_t vector);

void xen_vcpu_soft_reset(XenVcpu *v);
/*
 * State was loaded into the env of all vCPUs: -EINVAL, and a message, if it is
 * nothing that a guest can have registered.
 */
int xen_vcpu_check_loaded_all(void);
/*
 * Make it real; warns of what has no RAM any more.  The vCPU's thread, or
 * stopped.
 */
void xen_vcpu_post_load(XenVcpu *v);
/* All vCPUs so, once, when the VM next runs: accelerators without a hook. */
void xen_vcpu_post_load_all(void);
/* Bring env up to date for saving.  The vCPU's thread, or stopped. */
int xen_vcpu_pre_save(XenVcpu *v);

/* The engine exists from now on: tell it which vCPUs there are.  BQL. */
void xen_vcpu_engine_ready(void);
/* Guest memory [gpa, gpa + len) changes: forget pages there.  BQL. */
void xen_vcpu_invalidate(uint64_t gpa, uint64_t len);

#endif
