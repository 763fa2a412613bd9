/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EVTCHNOP_* that end something which the kernel does for the guest
 *
 * The hypercall layer calls the engine for binding, sending, unmasking and so
 * on.  These four can take a port, or the whole ABI, away from the kernel: they
 * reclaim first, let the engine do the operation, and then update MSI routes.
 * After they return no MSI goes where it went before.
 *
 * They take the BQL themselves where they need it; errors are Xen's, as the
 * engine returns them.  The vCPU's thread, or any with the BQL.
 */
#ifndef HW_XEN_EMU_OFFLOAD_EVTCHN_OPS_H
#define HW_XEN_EMU_OFFLOAD_EVTCHN_OPS_H

#include <stdint.h>

struct evtchn_bind_vcpu;
struct evtchn_init_control;

int xen_evtchn_op_close(uint32_t port);
int xen_evtchn_op_bind_vcpu(const struct evtchn_bind_vcpu *op);
int xen_evtchn_op_reset(uint16_t dom);
int xen_evtchn_op_init_control(struct evtchn_init_control *op);

#endif
