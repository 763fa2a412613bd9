/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports: look-up, allocation, moving to another vCPU
 *
 * The caller holds the configuration lock and no vCPU lock.
 */
#ifndef HW_XEN_EMU_EVTCHN_PORT_H
#define HW_XEN_EMU_EVTCHN_PORT_H

#include "state.h"

/* @port exists for the guest, even if it is closed; port 0 always does. */
bool evtchn_port_is_valid(XenEvtchn *e, uint32_t port);
/* An open port, or NULL. */
XenEvtchnPort *evtchn_open_port(XenEvtchn *e, uint32_t port);
/*
 * @p, number @port, is one end of a loop-back channel: returns whether the
 * port that it names as its peer names @port in turn.
 */
bool evtchn_pair_is_whole(XenEvtchn *e, uint32_t port,
                          const XenEvtchnPort *p);
/* Looks up @port, below EVTCHN_MAX_PORTS; allocates its bucket if need be. */
XenEvtchnPort *evtchn_make_port(XenEvtchn *e, uint32_t port);
/*
 * Takes the lowest free number.  The caller opens it with
 * evtchn_open_reserved() or releases it in used_ports.  -ENOSPC: none is free.
 */
int evtchn_reserve_port(XenEvtchn *e, uint32_t *port);
void evtchn_open_reserved(XenEvtchn *e, uint32_t port, XenEvtchnState state,
                          unsigned vcpu);
/* Opens the lowest free port.  -ENOSPC: none is free. */
int evtchn_alloc_port(XenEvtchn *e, XenEvtchnState state, unsigned vcpu,
                      uint32_t *port);
/* Frees the number of a closed port, now or once the guest unlinks it. */
void evtchn_free_port_number(XenEvtchn *e, uint32_t port);
/* Frees those that wait for that, since no port is linked any more. */
void evtchn_free_all_closing(XenEvtchn *e);
/* From now on, events of @p go to @vcpu with @priority. */
void evtchn_move_port(XenEvtchn *e, XenEvtchnPort *p, uint32_t port,
                      unsigned vcpu, unsigned priority);
/* Sets the state of @p with the port's locks. */
void evtchn_change_state(XenEvtchn *e, XenEvtchnPort *p, XenEvtchnState s);
/* Calls port_changed with @type as the port's type. */
void evtchn_report_port(XenEvtchn *e, uint32_t port, const XenEvtchnPort *p,
                        unsigned type);
void evtchn_fill_info(const XenEvtchnPort *p, uint32_t port,
                      XenEvtchnPortInfo *info);

#endif
