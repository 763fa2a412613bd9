/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fast and the slow path of a delivery; see send.c. */
#ifndef HW_XEN_EMU_EVTCHN_SEND_H
#define HW_XEN_EMU_EVTCHN_SEND_H

#include "state.h"
#include "abi.h"

/* What an attempt is to do; each attempt uses some of the fields. */
typedef struct XenEvtchnRequest {
    uint32_t port;
    unsigned vcpu;
    unsigned virq;
    XenEvtchnBackend *be;
    XenEvtchnEvent event;
} XenEvtchnRequest;

/* Returns -EWOULDBLOCK if it has to be made again in the slow path. */
typedef int XenEvtchnTry(XenEvtchn *e, const XenEvtchnRequest *r,
                         XenEvtchnFrame *f);

/*
 * The slow path: repeats @attempt until it does not block; parks the event if
 * a page cannot be had.  The caller holds the configuration lock, and finishes
 * @f and @batch without it.
 */
int evtchn_try_slow(XenEvtchn *e, XenEvtchnTry *attempt,
                    const XenEvtchnRequest *r, XenEvtchnFrame *f,
                    XenEvtchnBatch *batch);
/* The fast path, then, if that would block, the slow one. */
int evtchn_do(XenEvtchn *e, XenEvtchnTry *attempt, const XenEvtchnRequest *r);
/* An attempt: does @r->event to @r->port.  -EINVAL: it is not open. */
int evtchn_try_port(XenEvtchn *e, const XenEvtchnRequest *r,
                    XenEvtchnFrame *f);

#endif
