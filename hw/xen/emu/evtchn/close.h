/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Closing a port. */
#ifndef HW_XEN_EMU_EVTCHN_CLOSE_H
#define HW_XEN_EMU_EVTCHN_CLOSE_H

#include "state.h"

/*
 * Closes an open port.  @clear: clears its pending bit in guest memory too.
 * The caller holds the configuration lock.
 */
void evtchn_close_port(XenEvtchn *e, uint32_t port, XenEvtchnPort *p,
                       bool clear);

#endif
