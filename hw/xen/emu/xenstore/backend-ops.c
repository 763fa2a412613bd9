/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xenstore: QEMU's xenstore_backend_ops
 *
 * What back ends use that also run on Xen; shaped like libxenstore.  Errors are
 * positive errno values in errno.
 *
 * Threads: any, except open, close, watch and unwatch: those with the BQL.
 * Callbacks of watches come in the main loop with the BQL, when it comes to it;
 * they may call anything here, close their handle too.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/aio.h"
#include "hw/xen/xen_backend_ops.h"
#include "device.h"
#include "trace.h"

/* Callbacks in one turn of the main loop. */
#define EVENTS_A_TURN   64

struct qemu_xs_handle {
    unsigned refs;              /* the client's, and that of a running BH */
    bool closed;
    XenstoreConn *conn;
    QEMUBH *bh;
    unsigned last_token;
    QLIST_HEAD(, qemu_xs_watch) watches;
};

struct qemu_xs_watch {
    QLIST_ENTRY(qemu_xs_watch) next;
    xs_watch_fn fn;
    void *opaque;
    char *path;
    char token[16];             /* one of its own, in the handle */
};

static bool ok(int ret)
{
    if (ret) {
        errno = -ret;
    }
    return !ret;
}

/* ---------------------------------------------------------------- handles */

static void unref_handle(struct qemu_xs_handle *h)
{
    if (!--h->refs) {
        qemu_bh_delete(h->bh);
        g_free(h);
    }
}

/* The oldest event's watch, and its path, to be freed; NULL: there is none. */
static struct qemu_xs_watch *take_event(struct qemu_xs_handle *h, char **path)
{
    XenstoreEvent ev;

    QEMU_LOCK_GUARD(&xen_xenstore_mutex);
    if (h->closed || !xenstore_next_event(h->conn, &ev)) {
        return NULL;
    }
    *path = g_strdup(ev.path);
    return ev.opaque;
}

static void call_watches(void *opaque)
{
    struct qemu_xs_handle *h = opaque;
    struct qemu_xs_watch *w;
    char *path;

    h->refs++;
    for (unsigned i = 0; i < EVENTS_A_TURN; i++) {
        w = take_event(h, &path);
        if (!w) {
            break;
        }
        trace_xen_xenstore_watch_fired(path);
        /* It cannot have been removed since: that takes the BQL. */
        w->fn(w->opaque, path);
        g_free(path);
    }
    /* "pending" says when an empty queue is not empty any more. */
    if (!h->closed) {
        bool more;

        WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
            more = xenstore_has_event(h->conn);
        }
        if (more) {
            qemu_bh_schedule(h->bh);
        }
    }
    unref_handle(h);
}

static void event_pending(void *opaque)
{
    struct qemu_xs_handle *h = opaque;

    qemu_bh_schedule(h->bh);
}

static struct qemu_xs_handle *be_open(void)
{
    static const XenstoreConnOps ops = { .pending = event_pending };
    struct qemu_xs_handle *h = g_new0(struct qemu_xs_handle, 1);

    h->refs = 1;
    QLIST_INIT(&h->watches);
    h->bh = aio_bh_new(qemu_get_aio_context(), call_watches, h);
    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        h->conn = xenstore_connect(xen_xenstore, 0, true, &ops, h);
    }
    return h;
}

static void free_watch(struct qemu_xs_watch *w)
{
    QLIST_REMOVE(w, next);
    g_free(w->path);
    g_free(w);
}

static void be_close(struct qemu_xs_handle *h)
{
    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        xenstore_disconnect(h->conn);
        h->closed = true;
    }
    while (!QLIST_EMPTY(&h->watches)) {
        free_watch(QLIST_FIRST(&h->watches));
    }
    unref_handle(h);
}

/* ------------------------------------------------------------------ nodes */

static char *be_get_domain_path(struct qemu_xs_handle *h, unsigned domid)
{
    return g_strdup_printf("/local/domain/%u", domid);
}

/* The caller frees one block: pointers and, behind them, the names. */
static char **be_directory(struct qemu_xs_handle *h, xs_transaction_t t,
                           const char *path, unsigned *num)
{
    g_autoptr(GByteArray) names = g_byte_array_new();
    uint64_t total, generation;
    unsigned n = 0;
    char **list, *p;
    int ret;

    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        ret = xenstore_directory(h->conn, t, path, 0, SIZE_MAX, names, &total,
                                 &generation);
    }
    if (!ok(ret)) {
        return NULL;
    }
    for (guint i = 0; i < names->len; i++) {
        n += !names->data[i];
    }
    list = g_malloc(sizeof(*list) * (n + 1) + names->len);
    p = (char *)(list + n + 1);
    if (names->len) {
        memcpy(p, names->data, names->len);
    }
    for (unsigned i = 0; i < n; i++) {
        list[i] = p;
        p += strlen(p) + 1;
    }
    list[n] = NULL;
    *num = n;
    return list;
}

/* With a 0 behind the value. */
static void *be_read(struct qemu_xs_handle *h, xs_transaction_t t,
                     const char *path, unsigned *len)
{
    g_autoptr(GBytes) value = NULL;
    gsize size;
    const void *data;
    char *copy;
    int ret;

    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        ret = xenstore_read(h->conn, t, path, &value);
    }
    if (!ok(ret)) {
        return NULL;
    }
    data = g_bytes_get_data(value, &size);
    copy = g_malloc(size + 1);
    if (size) {
        memcpy(copy, data, size);
    }
    copy[size] = 0;
    if (len) {
        *len = size;
    }
    return copy;
}

static bool be_write(struct qemu_xs_handle *h, xs_transaction_t t,
                     const char *path, const void *data, unsigned len)
{
    QEMU_LOCK_GUARD(&xen_xenstore_mutex);
    return ok(xenstore_write(h->conn, t, path, data, len));
}

static bool be_create(struct qemu_xs_handle *h, xs_transaction_t t,
                      unsigned owner, unsigned domid, unsigned perms,
                      const char *path)
{
    const XenstorePerm entries[] = {
        { .domid = owner }, { .domid = domid, .access = perms },
    };
    int ret;

    QEMU_BUILD_BUG_ON(XS_PERM_READ != (int)XENSTORE_READ ||
                      XS_PERM_WRITE != (int)XENSTORE_WRITE);
    QEMU_LOCK_GUARD(&xen_xenstore_mutex);
    ret = xenstore_create(h->conn, t, path);
    if (!ret) {
        ret = xenstore_set_perms(h->conn, t, path, entries,
                                 ARRAY_SIZE(entries));
    }
    return ok(ret);
}

static bool be_destroy(struct qemu_xs_handle *h, xs_transaction_t t,
                       const char *path)
{
    QEMU_LOCK_GUARD(&xen_xenstore_mutex);
    return ok(xenstore_rm(h->conn, t, path));
}

static xs_transaction_t be_transaction_start(struct qemu_xs_handle *h)
{
    uint32_t id;

    QEMU_LOCK_GUARD(&xen_xenstore_mutex);
    return ok(xenstore_tx_start(h->conn, &id)) ? id : XBT_NULL;
}

static bool be_transaction_end(struct qemu_xs_handle *h, xs_transaction_t t,
                               bool abort)
{
    QEMU_LOCK_GUARD(&xen_xenstore_mutex);
    return ok(xenstore_tx_end(h->conn, t, !abort));
}

/* ---------------------------------------------------------------- watches */

static struct qemu_xs_watch *be_watch(struct qemu_xs_handle *h,
                                      const char *path, xs_watch_fn fn,
                                      void *opaque)
{
    struct qemu_xs_watch *w = g_new0(struct qemu_xs_watch, 1);
    int ret;

    w->path = g_strdup(path);
    w->opaque = opaque;
    w->fn = fn;
    snprintf(w->token, sizeof(w->token), "%u", ++h->last_token);
    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        ret = xenstore_watch(h->conn, path, w->token, -1, w);
    }
    QLIST_INSERT_HEAD(&h->watches, w, next);
    if (!ok(ret)) {
        free_watch(w);
        return NULL;
    }
    return w;
}

static void be_unwatch(struct qemu_xs_handle *h, struct qemu_xs_watch *w)
{
    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        xenstore_unwatch(h->conn, w->path, w->token);
    }
    free_watch(w);
}

static struct xenstore_backend_ops backend_ops = {
    .open = be_open,
    .close = be_close,
    .watch = be_watch,
    .unwatch = be_unwatch,
    .transaction_start = be_transaction_start,
    .transaction_end = be_transaction_end,
    .read = be_read,
    .write = be_write,
    .create = be_create,
    .destroy = be_destroy,
    .directory = be_directory,
    .get_domain_path = be_get_domain_path,
};

void xen_xenstore_backend_register(void)
{
    xen_xenstore_ops = &backend_ops;
}
