/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two ABIs, 2-level and FIFO, each a table of operations. */
#ifndef HW_XEN_EMU_EVTCHN_ABI_H
#define HW_XEN_EMU_EVTCHN_ABI_H

#include "state.h"
#include "lock.h"
#include "notify.h"

typedef enum XenEvtchnEvent {
    EVTCHN_RAISE,               /* set PENDING, then notify */
    EVTCHN_UNMASK,              /* clear MASKED, then notify if PENDING */
    EVTCHN_RENOTIFY,            /* notify if PENDING and not MASKED */
} XenEvtchnEvent;

/* deliver and clear_pending: the port is open and its locks are held. */
struct XenEvtchnAbiOps {
    XenEvtchnAbi abi;
    /* One past the highest port of a guest with @layout. */
    uint32_t (*port_limit)(const XenGuestLayout *layout);
    /* Returns 0, or -EWOULDBLOCK with the stale page in @f->stale. */
    int (*deliver)(XenEvtchn *e, const XenEvtchnHeld *held, XenEvtchnPort *p,
                   uint32_t port, XenEvtchnEvent event, XenEvtchnFrame *f);
    /*
     * Returns EVTCHN_PENDING and so on.  If the page is stale, returns 0 and
     * sets *stale to it; else leaves *stale alone.
     */
    uint32_t (*peek)(XenEvtchn *e, uint32_t port, XenEvtchnPage **stale);
    /*
     * Clears the pending bit and returns whether it was set.  Atomic, since
     * the guest may do the same: only one of the two sees the event.
     */
    bool (*clear_pending)(XenEvtchn *e, uint32_t port);
};

extern const XenEvtchnAbiOps evtchn_abi_2l;
extern const XenEvtchnAbiOps evtchn_abi_fifo;

/* All vCPU locks are held, or there is no other thread yet. */
static inline void evtchn_set_abi(XenEvtchn *e, const XenEvtchnAbiOps *abi,
                                  const XenGuestLayout *layout)
{
    e->abi = abi;
    e->layout = layout;
    __atomic_store_n(&e->port_limit, abi->port_limit(layout),
                     __ATOMIC_RELAXED);
}

#endif
