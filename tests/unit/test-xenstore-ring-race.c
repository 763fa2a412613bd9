/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xenstore's ring: a guest that sends an event only where Xen's ABI asks for one
 *
 * The guest runs beside xenstore.  It does as Linux does: of a request it tells
 * where xenstore had read all before, and of room for answers where there was
 * none; and between its own index and xenstore's it has no fence.  If both sides
 * wait for an event, one of them has been lost.
 */
#include <pthread.h>
#include <string.h>
#include "hw/xen/emu/xenstore/ring.h"
#include "xenstore-client.h"

#define HEADER      sizeof(struct xsd_sockmsg)
#define REQUESTS    300000
#define VALUE       300         /* bytes: three answers fill the ring */
#define PATH        "data/v"
#define RING        1024u

/*
 * The event channel; each end has a pending flag.  With locks of pthread's, because
 * ThreadSanitizer does not know GLib's.
 */
typedef struct Channel {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool pending[2];
    unsigned waiting;
} Channel;

enum { XENSTORE_END, GUEST_END };

typedef struct Race {
    Fixture f;
    XenstoreRing ring;
    struct xenstore_domain_interface *page;
    Channel channel;
    bool done;
} Race;

static void send_event(Channel *c, int end)
{
    pthread_mutex_lock(&c->lock);
    c->pending[end] = true;
    pthread_cond_broadcast(&c->cond);
    pthread_mutex_unlock(&c->lock);
}

static void wait_for_event(Channel *c, int end)
{
    pthread_mutex_lock(&c->lock);
    c->waiting++;
    while (!c->pending[end]) {
        if (c->waiting == 2 && !c->pending[!end]) {
            g_error("an event was lost: both sides wait");
        }
        pthread_cond_wait(&c->cond, &c->lock);
    }
    c->waiting--;
    c->pending[end] = false;
    pthread_mutex_unlock(&c->lock);
}

static gpointer xenstore_thread(gpointer opaque)
{
    Race *r = opaque;

    while (!__atomic_load_n(&r->done, __ATOMIC_ACQUIRE)) {
        XenstoreRingResult res = xenstore_ring_run(&r->ring);

        if (res.notify) {
            send_event(&r->channel, GUEST_END);
        }
        if (!res.again) {
            wait_for_event(&r->channel, XENSTORE_END);
        }
    }
    return NULL;
}

/* Writes what there is room for; how much. */
static unsigned put(Race *r, const uint8_t *data, unsigned len)
{
    struct xenstore_domain_interface *page = r->page;
    uint32_t prod = page->req_prod;
    uint32_t cons = __atomic_load_n(&page->req_cons, __ATOMIC_ACQUIRE);
    unsigned n = MIN(len, RING - (prod - cons));

    if (!n) {
        return 0;
    }
    for (unsigned i = 0; i < n; i++) {
        page->req[(prod + i) % RING] = data[i];
    }
    __atomic_store_n(&page->req_prod, prod + n, __ATOMIC_RELEASE);
    if (__atomic_load_n(&page->req_cons, __ATOMIC_RELAXED) == prod) {
        send_event(&r->channel, XENSTORE_END);
    }
    return n;
}

static unsigned get(Race *r, uint8_t *data, unsigned len)
{
    struct xenstore_domain_interface *page = r->page;
    uint32_t cons = page->rsp_cons;
    uint32_t prod = __atomic_load_n(&page->rsp_prod, __ATOMIC_ACQUIRE);
    unsigned n = MIN(len, prod - cons);

    if (!n) {
        return 0;
    }
    for (unsigned i = 0; i < n; i++) {
        data[i] = page->rsp[(cons + i) % RING];
    }
    __atomic_store_n(&page->rsp_cons, cons + n, __ATOMIC_RELEASE);
    if (__atomic_load_n(&page->rsp_prod, __ATOMIC_RELAXED) - cons >= RING) {
        send_event(&r->channel, XENSTORE_END);
    }
    return n;
}

static void guest(Race *r)
{
    struct {
        struct xsd_sockmsg hdr;
        char path[sizeof(PATH)];
    } req = { .hdr = { .type = XS_READ, .len = sizeof(PATH) }, .path = PATH };
    unsigned req_len = HEADER + sizeof(PATH);
    g_autofree XenstoreMessage *rsp = g_new0(XenstoreMessage, 1);
    unsigned put_at = 0, got = 0, sent = 0, answered = 0;

    while (answered < REQUESTS) {
        unsigned len = got < HEADER ? HEADER : HEADER + rsp->hdr.len;
        unsigned in, out = 0;

        in = get(r, (uint8_t *)rsp + got, len - got);
        got += in;
        if (got >= HEADER && got == HEADER + rsp->hdr.len) {
            g_assert_cmpuint(rsp->hdr.type, ==, XS_READ);
            g_assert_cmpuint(rsp->hdr.req_id, ==, answered);
            g_assert_cmpuint(rsp->hdr.len, ==, VALUE);
            answered++;
            got = 0;
        }
        if (sent < REQUESTS) {
            req.hdr.req_id = sent;
            out = put(r, (uint8_t *)&req + put_at, req_len - put_at);
            put_at += out;
            if (put_at == req_len) {
                put_at = 0;
                sent++;
            }
        }
        if (!in && !out) {
            wait_for_event(&r->channel, GUEST_END);
        }
    }
}

static void test_events(void)
{
    Race *r = g_new0(Race, 1);
    char value[VALUE];
    GThread *thread;

    fixture_init(&r->f);
    memset(value, 'v', sizeof(value));
    g_assert_cmpint(xenstore_write(r->f.guest, 0, PATH, value, VALUE), ==, 0);
    r->page = g_malloc(4096);
    r->ring.page = r->page;
    r->ring.conn = r->f.guest;
    xenstore_ring_reset(&r->ring);
    pthread_mutex_init(&r->channel.lock, NULL);
    pthread_cond_init(&r->channel.cond, NULL);
    thread = g_thread_new("xenstore", xenstore_thread, r);
    guest(r);
    __atomic_store_n(&r->done, true, __ATOMIC_RELEASE);
    send_event(&r->channel, XENSTORE_END);
    g_thread_join(thread);
    fixture_destroy(&r->f);
    g_free(r->page);
    g_free(r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xenstore/ring-race/events", test_events);
    return g_test_run();
}
