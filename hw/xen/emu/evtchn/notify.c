/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notification once no lock is held: upcalls, pollers, and events that KVM
 * delivers
 */
#include "notify.h"

static bool evtchn_poller_wants(XenEvtchnPoller *poller, uint32_t port)
{
    bool wants = false;

    pthread_mutex_lock(&poller->lock);
    for (unsigned i = 0; i < poller->nr && !wants; i++) {
        wants = poller->ports[i] == port;
    }
    if (wants) {
        poller->woken = true;
    }
    pthread_mutex_unlock(&poller->lock);
    return wants;
}

/* Sets the bits of the vCPUs that poll @port.  No vCPU lock is held. */
static void evtchn_mark_pollers(XenEvtchn *e, uint32_t port, uint64_t *wake)
{
    for (unsigned i = 0; i < EVTCHN_VCPU_WORDS; i++) {
        uint64_t left = __atomic_load_n(&e->polling[i], __ATOMIC_SEQ_CST);

        for (; left; left &= left - 1) {
            unsigned vcpu = i * 64 + __builtin_ctzll(left);

            if (evtchn_poller_wants(&e->pollers[vcpu], port)) {
                wake[i] |= 1ull << (vcpu % 64);
            }
        }
    }
}

static void evtchn_for_each_bit(XenEvtchn *e, const uint64_t *words,
                                void (*fn)(void *opaque, unsigned vcpu))
{
    for (unsigned i = 0; i < EVTCHN_VCPU_WORDS; i++) {
        for (uint64_t left = words[i]; left; left &= left - 1) {
            fn(e->opaque, i * 64 + __builtin_ctzll(left));
        }
    }
}

void evtchn_finish_batch(XenEvtchn *e, const XenEvtchnBatch *batch)
{
    evtchn_for_each_bit(e, batch->upcall, e->ops->raise_upcall);
    evtchn_for_each_bit(e, batch->wake, e->ops->wake_poller);
}

void evtchn_batch_add(XenEvtchn *e, XenEvtchnBatch *batch,
                      const XenEvtchnFrame *f)
{
    if (f->upcall) {
        batch->upcall[f->vcpu / 64] |= 1ull << (f->vcpu % 64);
    }
    if (f->wake) {
        evtchn_mark_pollers(e, f->port, batch->wake);
    }
}

int evtchn_finish_rare(XenEvtchn *e, const XenEvtchnFrame *f, int ret)
{
    if (f->kernel &&
        e->ops->kernel_deliver(e->opaque, f->port, f->vcpu) < 0) {
        /* Leads to the slow path, which delivers in memory. */
        ret = -EWOULDBLOCK;
    }
    if (f->wake) {
        XenEvtchnBatch batch = { 0 };

        evtchn_mark_pollers(e, f->port, batch.wake);
        evtchn_finish_batch(e, &batch);
    }
    return ret;
}
