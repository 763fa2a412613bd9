/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests that are no Linux: events and xenstore; see libxen-front.h
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/cutils.h"
#include "qemu/host-utils.h"
#include "libxen-front.h"

#include "hw/xen/interface/hvm/params.h"

#define LOOK_AGAIN_US   50
/* shared_info */
#define LEGACY_INFO     64      /* for each of the first vCPUs */
#define PENDING         2048
#define MASK(vm)        ((vm)->long_mode ? 2560 : 2176)
#define PORTS(vm)       ((vm)->long_mode ? 4096u : 1024u)

/* ----------------------------------------------------------------- events -- */

static void *in_ram(XenFront *f, uint64_t gpa)
{
    return f->vif->ram + gpa;
}

static void fire(XenFront *f, uint32_t port)
{
    g_assert_cmpuint(port, <, XEN_FRONT_MAX_PORT);
    f->fired[port] = true;
    if (f->system->masks) {
        xen_mask(f->vm, port);
        f->masked[port] = true;
    }
}

static void take_pending(XenFront *f)
{
    QTestState *qts = f->vm->qts;
    uint64_t bits = f->vm->shared_info + PENDING;
    uint8_t pending[XEN_FRONT_MAX_PORT / 8], mask[XEN_FRONT_MAX_PORT / 8];

    qtest_memread(qts, bits, pending, sizeof(pending));
    qtest_memread(qts, f->vm->shared_info + MASK(f->vm), mask, sizeof(mask));
    for (unsigned i = 0; i < sizeof(pending); i++) {
        bool is_store = i == f->store.port / 8;
        uint8_t due = pending[i] & ~mask[i];

        if (!due) {
            continue;
        }
        /*
         * Only one port of a byte is in use (see xen_front_new_port()), except
         * where xenstore's is: what comes between the read and this write is
         * not known to be there, so all of these are looked at.
         */
        qtest_writeb(qts, bits + i, 0);
        due |= is_store ? ~mask[i] : 0;
        for (; due; due &= due - 1) {
            fire(f, i * 8 + ctz32(due));
        }
    }
}

static uint64_t vcpu_info(XenFront *f, unsigned vcpu)
{
    XenVm *vm = f->vm;

    return vm->vcpu_info[vcpu] ?: vm->shared_info + vcpu * LEGACY_INFO;
}

static void handle_2l(XenFront *f, unsigned vcpu)
{
    /* The selector tells which words to look at; all of them are few. */
    if (f->vm->long_mode) {
        qtest_writeq(f->vm->qts, vcpu_info(f, vcpu) + 8, 0);
    } else {
        qtest_writel(f->vm->qts, vcpu_info(f, vcpu) + 4, 0);
    }
    take_pending(f);
}

/* The first event of the queue is unlinked; returns the next port or 0. */
static uint32_t take_head(XenFront *f, uint32_t port)
{
    const uint32_t pending = 1u << EVTCHN_FIFO_PENDING;
    const uint32_t clear = 1u << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK;
    uint32_t *word = in_ram(f, xen_fifo_word(f->vm, port));
    uint32_t old = qatomic_fetch_and(word, ~clear);

    g_assert_true(old & 1u << EVTCHN_FIFO_LINKED);
    if (old & pending && !(old & 1u << EVTCHN_FIFO_MASKED)) {
        qatomic_and(word, ~pending);
        fire(f, port);
    }
    return old & EVTCHN_FIFO_LINK_MASK;
}

static void handle_fifo(XenFront *f, unsigned vcpu)
{
    struct evtchn_fifo_control_block *control =
        in_ram(f, f->vm->control[vcpu]);
    uint32_t *heads = f->vm->head[vcpu];
    uint32_t ready = qatomic_xchg(&control->ready, 0);

    while (ready) {
        unsigned queue = ctz32(ready);

        if (!heads[queue]) {
            heads[queue] = qatomic_load_acquire(&control->head[queue]);
        }
        heads[queue] = take_head(f, heads[queue]);
        if (!heads[queue]) {
            ready &= ~(1u << queue);
        }
        ready |= qatomic_xchg(&control->ready, 0);
    }
}

static bool take_upcall(XenFront *f, unsigned vcpu)
{
    const XenFrontSystem *system = f->system;

    if (!system->vector) {
        return xen_take_callbacks(f->vm, vcpu) > 0;
    }
    /* A vCPU's own vector takes precedence. */
    g_assert_false(qtest_get_irq(f->vm->qts, system->gsi));
    return xen_take_vector(f->vm, vcpu, system->vector);
}

static void sleep_until_upcall(XenFront *f)
{
    for (;;) {
        for (unsigned vcpu = 0; vcpu < f->vm->nr_vcpus; vcpu++) {
            if (take_upcall(f, vcpu)) {
                qtest_writeb(f->vm->qts, vcpu_info(f, vcpu), 0);
                f->vm->control[vcpu] ? handle_fifo(f, vcpu) :
                                       handle_2l(f, vcpu);
                return;
            }
        }
        g_usleep(LOOK_AGAIN_US);
    }
}

void xen_front_wait(XenFront *f, uint32_t port)
{
    if (f->masked[port] && !f->fired[port]) {
        /* What the last event was about has been done. */
        f->masked[port] = false;
        xen_unmask(f->vm, port);
    }
    while (!f->fired[port]) {
        sleep_until_upcall(f);
    }
    f->fired[port] = false;
}

void xen_front_mask_all(XenFront *f)
{
    qtest_memset(f->vm->qts, f->vm->shared_info + MASK(f->vm), 0xff,
                 PORTS(f->vm) / 8);
}

void xen_front_clear_mask(XenFront *f, uint32_t port)
{
    uint64_t gpa = f->vm->shared_info + MASK(f->vm) + port / 8;

    qtest_writeb(f->vm->qts, gpa,
                 qtest_readb(f->vm->qts, gpa) & ~(1u << port % 8));
}

void xen_front_expect_no_event(XenFront *f)
{
    g_autofree uint8_t *bits = g_malloc(PORTS(f->vm) / 8);

    qtest_memread(f->vm->qts, f->vm->shared_info + PENDING, bits,
                  PORTS(f->vm) / 8);
    g_assert_true(buffer_is_zero(bits, PORTS(f->vm) / 8));
}

uint32_t xen_front_new_port(XenFront *f, unsigned vcpu)
{
    uint32_t port;

    do {
        port = xen_alloc_unbound(f->vm, 0);
    } while (port % 8);
    g_assert_cmpint(xen_bind_vcpu(f->vm, port, vcpu), ==, 0);
    return port;
}

/* --------------------------------------------------------------- messages -- */

static void put(XenFront *f, const void *data, size_t len)
{
    xen_store_put(&f->store, data, len, XENSTORE_RING_SIZE);
}

static void get(XenFront *f, void *data, size_t len)
{
    XenStore *s = &f->store;
    QTestState *qts = f->vm->qts;
    uint64_t rsp_cons = s->ring +
                        offsetof(struct xenstore_domain_interface, rsp_cons);
    uint64_t rsp_prod = s->ring +
                        offsetof(struct xenstore_domain_interface, rsp_prod);
    uint64_t rsp = s->ring + offsetof(struct xenstore_domain_interface, rsp);

    while (len) {
        uint32_t cons = qtest_readl(qts, rsp_cons);
        uint32_t n = MIN(len, qtest_readl(qts, rsp_prod) - cons);

        n = MIN(n, XENSTORE_RING_SIZE - MASK_XENSTORE_IDX(cons));
        if (!n) {
            f->cold ? g_usleep(LOOK_AGAIN_US) : xen_front_wait(f, s->port);
            continue;
        }
        qtest_memread(qts, rsp + MASK_XENSTORE_IDX(cons), data, n);
        qtest_writel(qts, rsp_cons, cons + n);
        xen_store_kick(s);
        data += n;
        len -= n;
    }
}

/* The next message; an event of a watch is noted. */
static void get_message(XenFront *f, XenStoreMessage *msg)
{
    memset(msg, 0, sizeof(*msg));
    get(f, &msg->header, sizeof(msg->header));
    g_assert_cmpuint(msg->header.len, <=, XENSTORE_PAYLOAD_MAX);
    get(f, msg->payload, msg->header.len);
    if (msg->header.type == XS_WATCH_EVENT) {
        /* Path and token, each with its 0. */
        const char *token = msg->payload + strlen(msg->payload) + 1;

        g_assert_cmpuint(token + strlen(token) + 1 - msg->payload, ==,
                         msg->header.len);
        g_queue_push_tail(f->watches, g_strdup(token));
    }
}

static void request(XenFront *f, uint32_t type, uint32_t tx, const char *first,
                    const char *second, XenStoreMessage *answer)
{
    struct xsd_sockmsg header = { .type = type, .tx_id = tx };
    size_t first_len = strlen(first) + 1;
    /* A value has no 0 of its own. */
    size_t second_len = !second ? 0 : strlen(second) + (type != XS_WRITE);

    header.len = first_len + second_len;
    if (f->system->numbered) {
        g_autoptr(GByteArray) all = g_byte_array_new();

        header.req_id = f->store.next_id++;
        g_byte_array_append(all, (uint8_t *)&header, sizeof(header));
        g_byte_array_append(all, (const uint8_t *)first, first_len);
        g_byte_array_append(all, (const uint8_t *)(second ?: ""), second_len);
        put(f, all->data, all->len);
    } else {
        put(f, &header, sizeof(header));
        put(f, first, first_len);
        put(f, second, second_len);
    }
    do {
        get_message(f, answer);
    } while (answer->header.type == XS_WATCH_EVENT);
    g_assert_cmpuint(answer->header.req_id, ==, header.req_id);
    g_assert_cmpuint(answer->header.tx_id, ==, tx);
    if (answer->header.type != type) {
        g_assert_cmpuint(answer->header.type, ==, XS_ERROR);
    }
}

static void request_ok(XenFront *f, uint32_t type, uint32_t tx,
                       const char *first, const char *second,
                       XenStoreMessage *answer)
{
    request(f, type, tx, first, second, answer);
    if (answer->header.type == XS_ERROR) {
        g_error("xenstore: request %u for %s: %s", type, first,
                answer->payload);
    }
}

static void request_expect_ok(XenFront *f, uint32_t type, uint32_t tx,
                              const char *first, const char *second)
{
    XenStoreMessage answer;

    request_ok(f, type, tx, first, second, &answer);
    g_assert_cmpmem(answer.payload, answer.header.len, "OK", 3);
}

/* ------------------------------------------------------------------ nodes -- */

static char *read_node(XenFront *f, uint32_t tx, const char *path)
{
    XenStoreMessage answer;

    request(f, XS_READ, tx, path, NULL, &answer);
    if (answer.header.type == XS_ERROR) {
        g_assert_cmpstr(answer.payload, ==, "ENOENT");
        return NULL;
    }
    return g_strndup(answer.payload, answer.header.len);
}

void xen_front_find_store(XenFront *f)
{
    uint64_t value;

    g_assert_cmpint(xen_get_param(f->vm, HVM_PARAM_STORE_EVTCHN, &value), ==,
                    0);
    f->store.vm = f->vm;
    f->store.port = value;
    g_assert_cmpint(xen_get_param(f->vm, HVM_PARAM_STORE_PFN, &value), ==, 0);
    f->store.ring = value * XEN_PAGE_SIZE;
}

char *xen_front_read(XenFront *f, uint32_t tx, const char *path, ...)
{
    g_autofree char *full = NULL;
    va_list ap;

    va_start(ap, path);
    full = g_strdup_vprintf(path, ap);
    va_end(ap);
    return read_node(f, tx, full);
}

unsigned xen_front_read_uint(XenFront *f, const char *path, ...)
{
    g_autofree char *full = NULL, *value = NULL;
    unsigned number;
    va_list ap;

    va_start(ap, path);
    full = g_strdup_vprintf(path, ap);
    va_end(ap);
    value = read_node(f, 0, full);
    if (!value || qemu_strtoui(value, NULL, 10, &number)) {
        g_error("xenstore: %s is %s", full, value ?: "not there");
    }
    return number;
}

void xen_front_expect(XenFront *f, const char *path, const char *value)
{
    g_autofree char *got = read_node(f, 0, path);

    g_assert_cmpstr(got, ==, value);
}

char *xen_front_list(XenFront *f, const char *path)
{
    XenStoreMessage answer;

    request_ok(f, XS_DIRECTORY, 0, path, NULL, &answer);
    for (uint32_t i = 0; i < answer.header.len; i++) {
        if (!answer.payload[i]) {
            answer.payload[i] = ' ';
        }
    }
    return g_strndup(answer.payload, answer.header.len);
}

void xen_front_write(XenFront *f, uint32_t tx, const char *folder,
                     const char *name, const char *format, ...)
{
    g_autofree char *path = g_strdup_printf("%s/%s", folder, name);
    g_autofree char *value = NULL;
    va_list ap;

    va_start(ap, format);
    value = g_strdup_vprintf(format, ap);
    va_end(ap);
    request_expect_ok(f, XS_WRITE, tx, path, value);
}

void xen_front_remove(XenFront *f, uint32_t tx, const char *path)
{
    request_expect_ok(f, XS_RM, tx, path, NULL);
}

void xen_front_watch(XenFront *f, const char *path, const char *token)
{
    request_expect_ok(f, XS_WATCH, 0, path, token);
}

void xen_front_unwatch(XenFront *f, const char *path, const char *token)
{
    request_expect_ok(f, XS_UNWATCH, 0, path, token);
}

void xen_front_wait_watch(XenFront *f, const char *token)
{
    XenStoreMessage msg;
    GList *link;

    while (!(link = g_queue_find_custom(f->watches, token,
                                        (GCompareFunc)strcmp))) {
        get_message(f, &msg);
        g_assert_cmpuint(msg.header.type, ==, XS_WATCH_EVENT);
    }
    g_free(link->data);
    g_queue_delete_link(f->watches, link);
}

void xen_front_expect_error(XenFront *f, uint32_t tx, uint32_t type,
                            const char *path, const char *second,
                            const char *error)
{
    XenStoreMessage answer;

    request(f, type, tx, path, second, &answer);
    g_assert_cmpuint(answer.header.type, ==, XS_ERROR);
    g_assert_cmpstr(answer.payload, ==, error);
}

uint32_t xen_front_begin(XenFront *f)
{
    XenStoreMessage answer;
    unsigned id;

    request_ok(f, XS_TRANSACTION_START, 0, "", NULL, &answer);
    g_assert_cmpint(qemu_strtoui(answer.payload, NULL, 10, &id), ==, 0);
    /* Guests take it for none. */
    g_assert_cmpuint(id, !=, 0);
    return id;
}

bool xen_front_commit(XenFront *f, uint32_t tx)
{
    XenStoreMessage answer;

    request(f, XS_TRANSACTION_END, tx, "T", NULL, &answer);
    if (answer.header.type == XS_ERROR) {
        g_assert_cmpstr(answer.payload, ==, "EAGAIN");
        return false;
    }
    return true;
}

/* ---------------------------------------------------------------- devices -- */

XenFrontDevice xen_front_device(XenFront *f, const char *type, unsigned id)
{
    XenFrontDevice d = { .f = f };

    d.path = g_strdup_printf("device/%s/%u", type, id);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/backend-id", d.path), ==, 0);
    d.backend = xen_front_read(f, 0, "%s/backend", d.path);
    g_assert_nonnull(d.backend);
    return d;
}

void xen_front_device_clear(XenFrontDevice *d)
{
    g_clear_pointer(&d->path, g_free);
    g_clear_pointer(&d->backend, g_free);
    g_clear_pointer(&d->token, g_free);
}

void xen_front_set_state(XenFrontDevice *d, enum xenbus_state state)
{
    xen_front_write(d->f, 0, d->path, "state", "%u", state);
}

static char *state_path(XenFrontDevice *d)
{
    return g_strdup_printf("%s/state", d->backend);
}

void xen_front_watch_state(XenFrontDevice *d, const char *token)
{
    g_autofree char *path = state_path(d);

    d->token = g_strdup(token);
    d->seen = XenbusStateUnknown;
    xen_front_watch(d->f, path, token);
}

void xen_front_unwatch_state(XenFrontDevice *d)
{
    g_autofree char *path = state_path(d);

    xen_front_unwatch(d->f, path, d->token);
    g_clear_pointer(&d->token, g_free);
}

static enum xenbus_state backend_state(XenFrontDevice *d)
{
    g_autofree char *path = state_path(d);
    XenStoreMessage answer;

    request(d->f, XS_READ, 0, path, NULL, &answer);
    if (answer.header.type == XS_ERROR) {
        /* It is not there, and the guest may not read where it would be. */
        g_assert_cmpstr(answer.payload, ==, "EACCES");
        return XenbusStateUnknown;
    }
    return atoi(answer.payload);
}

enum xenbus_state xen_front_next_state(XenFrontDevice *d)
{
    enum xenbus_state now;

    do {
        xen_front_wait_watch(d->f, d->token);
        now = backend_state(d);
    } while (now == d->seen);
    d->seen = now;
    return now;
}

void xen_front_expect_state(XenFrontDevice *d, enum xenbus_state state)
{
    g_assert_cmpuint(xen_front_next_state(d), ==, state);
}
