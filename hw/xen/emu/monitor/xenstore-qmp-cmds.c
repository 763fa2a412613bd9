/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Monitor commands for xenstore: xenstore-list, -read, -write, -watch, -unwatch
 *
 * They act as domain 0.  Nodes that they write are not part of the template
 * from which a reset restores the store: a shutdown request, for example, is
 * only for the current guest.
 *
 * The guest can make a watched node change at any rate.  So events are sent at
 * most every EVENT_INTERVAL_NS, and at most XENSTORE_MAX_MERGED_EVENTS for each
 * of at most MAX_WATCHES watches (the store merges further ones).  A monitor keeps
 * what its client does not read, without a bound; so events stay in the store
 * while a client has more than CLIENT_BACKLOG bytes to read.
 */
#include "qemu/osdep.h"
#include "qemu/base64.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "monitor/monitor-internal.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-xen-emu-target.h"
#include "qapi/qapi-events-xen-emu-target.h"
#include "qobject/qdict.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/xenstore/wire.h"
#include "hw/xen/emu/xenstore/instance.h"

#define MAX_WATCHES         64
#define EVENT_INTERVAL_NS   (100 * SCALE_MS)
#define CLIENT_BACKLOG      (64 * KiB)

static struct {
    XenstoreConn *conn;         /* NULL before the first command */
    QEMUTimer *timer;
    QEMUBH *bh;                 /* scheduled in any thread */
    int64_t last;               /* time of the last events, host clock */
    GHashTable *watches;        /* id -> path */
} tools;

/*
 * All clients get the same events, in the same order: they wait for the slowest.
 * One that is gone has nothing to read.  The locks are taken in the order in which
 * QEMU takes them to send an event to all monitors.
 */
static bool client_is_behind(void)
{
    Monitor *mon;

    QEMU_LOCK_GUARD(&monitor_lock);
    QTAILQ_FOREACH(mon, &mon_list, entry) {
        QEMU_LOCK_GUARD(&mon->mon_lock);
        if (monitor_is_qmp(mon) && mon->outbuf->len > CLIENT_BACKLOG) {
            return true;
        }
    }
    return false;
}

/* Main loop. */
static void send_events(void *opaque)
{
    XenstoreEvent ev;
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);

    if (now < tools.last + EVENT_INTERVAL_NS) {
        timer_mod(tools.timer, tools.last + EVENT_INTERVAL_NS);
        return;
    }
    tools.last = now;
    for (;;) {
        g_autofree char *id = NULL;
        g_autofree char *path = NULL;

        if (client_is_behind()) {
            /* No monitor tells when its client has read. */
            timer_mod(tools.timer, now + EVENT_INTERVAL_NS);
            return;
        }
        WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
            if (!xenstore_next_event(tools.conn, &ev)) {
                return;
            }
            id = g_strdup(ev.token);
            path = g_strdup(ev.path);
        }
        qapi_event_send_xenstore_changed(id, path);
    }
}

/* Any thread. */
static void event_pending(void *opaque)
{
    qemu_bh_schedule(tools.bh);
}

static bool connect_tools(Error **errp)
{
    static const XenstoreConnOps ops = { .pending = event_pending };

    if (!xen_xenstore) {
        error_setg(errp, XEN_EMU_IS_OFF);
        return false;
    }
    if (!tools.conn) {
        tools.watches = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                              g_free);
        tools.timer = timer_new_ns(QEMU_CLOCK_REALTIME, send_events, NULL);
        tools.bh = qemu_bh_new(send_events, NULL);
        QEMU_LOCK_GUARD(&xen_xenstore_mutex);
        tools.conn = xenstore_connect(xen_xenstore, 0, false, &ops, NULL);
    }
    return true;
}

/* As in the guest's tools, a relative path is below the guest's home. */
static char *full_path(const char *path)
{
    if (*path == '/' || *path == '@' || !*path) {
        return g_strdup(path);
    }
    return g_strdup_printf("%s/%s", xenstore_guest_home(xen_xenstore), path);
}

static bool check(int ret, const char *path, Error **errp)
{
    if (ret == -EINVAL) {
        error_setg(errp, "'%s' is not a valid xenstore path", path);
    } else if (ret) {
        error_setg_errno(errp, -ret, "xenstore node '%s'", path);
    }
    return !ret;
}

/* --------------------------------------------------------------- commands */

XenstoreChildList *qmp_xenstore_list(const char *path, Error **errp)
{
    XenstoreChildList *head = NULL, **tail = &head;
    g_autoptr(GByteArray) names = g_byte_array_new();
    g_autofree char *full = NULL;
    uint64_t total, generation;
    int ret;

    if (!connect_tools(errp)) {
        return NULL;
    }
    full = full_path(path);
    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        ret = xenstore_directory(tools.conn, 0, full, 0, SIZE_MAX, names,
                                 &total, &generation);
    }
    if (!check(ret, full, errp)) {
        return NULL;
    }
    for (guint at = 0; at < names->len; ) {
        XenstoreChild *child = g_new0(XenstoreChild, 1);

        child->name = g_strdup((char *)names->data + at);
        at += strlen(child->name) + 1;
        QAPI_LIST_APPEND(tail, child);
    }
    return head;
}

static strList *list_permissions(const GArray *perms)
{
    strList *head = NULL, **tail = &head;

    for (guint i = 0; i < perms->len; i++) {
        const XenstorePerm *p = &g_array_index(perms, XenstorePerm, i);

        QAPI_LIST_APPEND(tail, g_strdup_printf("%c%u", "nrwb"[p->access],
                                               p->domid));
    }
    return head;
}

XenstoreValue *qmp_xenstore_read(const char *path, Error **errp)
{
    g_autoptr(GBytes) value = NULL;
    g_autoptr(GArray) perms = g_array_new(false, false, sizeof(XenstorePerm));
    g_autofree char *full = NULL;
    XenstoreValue *node;
    gsize len;
    const char *data;
    int ret;

    if (!connect_tools(errp)) {
        return NULL;
    }
    full = full_path(path);
    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        ret = xenstore_read(tools.conn, 0, full, &value);
        if (!ret) {
            ret = xenstore_get_perms(tools.conn, 0, full, perms);
        }
    }
    if (!check(ret, full, errp)) {
        return NULL;
    }
    node = g_new0(XenstoreValue, 1);
    data = g_bytes_get_data(value, &len);
    if (!len || g_utf8_validate(data, len, NULL)) {
        node->value = g_strndup(data ?: "", len);
    } else {
        node->value = g_base64_encode((const guchar *)data, len);
        node->format = XENSTORE_FORMAT_BASE64;
    }
    node->permissions = list_permissions(perms);
    return node;
}

void qmp_xenstore_write(const char *path, const char *value, bool has_format,
                        XenstoreFormat format, Error **errp)
{
    g_autofree guchar *bytes = NULL;
    g_autofree char *full = NULL;
    gsize len = strlen(value);
    int ret;

    if (!connect_tools(errp)) {
        return;
    }
    if (has_format && format == XENSTORE_FORMAT_BASE64) {
        bytes = qbase64_decode(value, -1, &len, errp);
        if (!bytes) {
            return;
        }
        value = (const char *)bytes;
    }
    /* The guest could not read a longer one. */
    if (len > XENSTORE_PAYLOAD_MAX) {
        error_setg(errp, "xenstore values are limited to %d bytes",
                   XENSTORE_PAYLOAD_MAX);
        return;
    }
    full = full_path(path);
    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        ret = xenstore_write(tools.conn, 0, full, value, len);
    }
    check(ret, full, errp);
}

void qmp_xenstore_watch(const char *id, const char *path, Error **errp)
{
    g_autofree char *full = NULL;
    int ret;

    if (!connect_tools(errp)) {
        return;
    }
    if (g_hash_table_contains(tools.watches, id)) {
        error_setg(errp, "xenstore watch '%s' already exists", id);
        return;
    }
    if (g_hash_table_size(tools.watches) >= MAX_WATCHES) {
        error_setg(errp, "the number of xenstore watches is limited to %d",
                   MAX_WATCHES);
        return;
    }
    /* With the longest possible path an event must fit a message. */
    if (strlen(id) > XENSTORE_PAYLOAD_MAX - XENSTORE_ABS_PATH_MAX - 2) {
        error_setg(errp, "IDs of xenstore watches are limited to %d bytes",
                   XENSTORE_PAYLOAD_MAX - XENSTORE_ABS_PATH_MAX - 2);
        return;
    }
    full = full_path(path);
    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        ret = xenstore_watch(tools.conn, full, id, -1, NULL);
    }
    if (check(ret, full, errp)) {
        g_hash_table_insert(tools.watches, g_strdup(id),
                            g_steal_pointer(&full));
    }
}

void qmp_xenstore_unwatch(const char *id, Error **errp)
{
    const char *path;

    if (!connect_tools(errp)) {
        return;
    }
    path = g_hash_table_lookup(tools.watches, id);
    if (!path) {
        error_setg(errp, "there is no xenstore watch '%s'", id);
        return;
    }
    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        xenstore_unwatch(tools.conn, path, id);
    }
    g_hash_table_remove(tools.watches, id);
}

/* -------------------------------------------------------------------- HMP */

static void hmp_xenstore_list(Monitor *mon, const QDict *qdict)
{
    Error *err = NULL;
    g_autoptr(XenstoreChildList) list =
        qmp_xenstore_list(qdict_get_str(qdict, "path"), &err);

    if (hmp_handle_error(mon, err)) {
        return;
    }
    for (XenstoreChildList *l = list; l; l = l->next) {
        monitor_printf(mon, "%s\n", l->value->name);
    }
}

static void hmp_xenstore_read(Monitor *mon, const QDict *qdict)
{
    Error *err = NULL;
    g_autoptr(XenstoreValue) node =
        qmp_xenstore_read(qdict_get_str(qdict, "path"), &err);

    if (hmp_handle_error(mon, err)) {
        return;
    }
    /* The value is the guest's and may have terminal control characters. */
    if (node->format == XENSTORE_FORMAT_UTF8) {
        g_autofree char *text = g_strescape(node->value, NULL);

        monitor_printf(mon, "\"%s\" (", text);
    } else {
        monitor_printf(mon, "base64 %s (", node->value);
    }
    for (strList *l = node->permissions; l; l = l->next) {
        monitor_printf(mon, "%s%s", l->value, l->next ? " " : "");
    }
    monitor_printf(mon, ")\n");
}

static void hmp_xenstore_write(Monitor *mon, const QDict *qdict)
{
    Error *err = NULL;

    qmp_xenstore_write(qdict_get_str(qdict, "path"),
                       qdict_get_str(qdict, "value"), false, 0, &err);
    hmp_handle_error(mon, err);
}

static void register_hmp(void)
{
    monitor_register_hmp("xenstore-list", false, hmp_xenstore_list);
    monitor_register_hmp("xenstore-read", false, hmp_xenstore_read);
    monitor_register_hmp("xenstore-write", false, hmp_xenstore_write);
}

type_init(register_hmp);
