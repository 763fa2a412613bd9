/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Back to the 2-level ABI. */
#ifndef HW_XEN_EMU_EVTCHN_FIFO_SETUP_H
#define HW_XEN_EMU_EVTCHN_FIFO_SETUP_H

#include "state.h"

/*
 * Drops all FIFO state and unpins its pages.  The caller holds the
 * configuration lock.
 */
void evtchn_fifo_teardown(XenEvtchn *e);

#endif
