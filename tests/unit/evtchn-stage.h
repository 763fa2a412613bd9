/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest for tests of operations: one port of each kind. */
#ifndef TESTS_UNIT_EVTCHN_STAGE_H
#define TESTS_UNIT_EVTCHN_STAGE_H

#include "evtchn-guest.h"

/* Four vCPUs; vCPU 3 is absent. */
typedef struct EvtchnStage {
    EvtchnGuest *g;
    uint32_t unbound, unbound_be, foreign, loop_a, loop_b, ipi, timer, console,
             pirq, connected;
    XenEvtchnBackend *be;
    uint32_t be_port;
} EvtchnStage;

/* @fifo: control blocks for vCPUs 0 and 1, one page of event array. */
EvtchnStage *evtchn_stage_new(bool fifo);
void evtchn_stage_free(EvtchnStage *s);

#endif
