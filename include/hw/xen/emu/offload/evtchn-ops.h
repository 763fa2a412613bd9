/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EVTCHNOP_* that affect offloaded ports, timers and MSI routes
 *
 * For most operations the hypercall layer calls the engine directly.  These
 * four close or change offloaded ports or the ABI: they reclaim timers first,
 * call the engine, and then update MSI routes.  After they return no MSI uses
 * an old route.
 *
 * They take the BQL themselves if they need it; errors are those of the engine.
 * The vCPU's thread, or any with the BQL.
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
