/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connecting a guest's port to a back end
 *
 * The caller holds the configuration lock and no vCPU lock.
 */
#ifndef HW_XEN_EMU_EVTCHN_BACKEND_H
#define HW_XEN_EMU_EVTCHN_BACKEND_H

#include "state.h"

/* Connects @be, whose own number is chosen already, to @p, number @port. */
void evtchn_backend_connect(XenEvtchn *e, XenEvtchnBackend *be, uint32_t port,
                            XenEvtchnPort *p);
/* Makes @p unbound again and disconnects its back end, if there is one. */
void evtchn_backend_disconnect(XenEvtchn *e, XenEvtchnPort *p);

#endif
