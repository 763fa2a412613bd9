/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV bus: a device's nodes in xenstore
 *
 * The back end's part is QEMU's alone; the guest reads it.  The front end's is
 * the guest's: it may change or remove whatever is there, which ends with the
 * domain.  What the class writes while it is realized is kept here, so that a
 * new domain gets the same.
 */
#include "qemu/osdep.h"
#include "qemu/aio.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "hw/xen/pv/bus.h"
#include "bus-internal.h"
#include "trace.h"
#include "write-list.h"

/*
 * Of threads without the BQL: one for each node.  Each has a reference to its
 * device.
 */
static QemuMutex late_lock;     /* guards late_writes */
static GQueue late_writes = G_QUEUE_INIT;
static QEMUBH *late_bh;

/* ------------------------------------------------------------------- paths */

bool xen_pv_nodes_set_paths(XenDevice *xendev, Error **errp)
{
    XenDeviceClass *xdc = XEN_DEVICE_GET_CLASS(xendev);
    const char *type = object_get_typename(OBJECT(xendev));

    xendev->backend_path = g_strdup_printf(
        "/local/domain/%u/backend/%s/%u/%s",
        xen_device_bus(xendev)->backend_id, xdc->backend ?: type,
        xendev->frontend_id, xendev->name);
    if (xdc->get_frontend_path) {
        xendev->frontend_path = xdc->get_frontend_path(xendev, errp);
    } else {
        xendev->frontend_path = g_strdup_printf(
            "/local/domain/%u/device/%s/%s", xendev->frontend_id,
            xdc->device ?: type, xendev->name);
    }
    return xendev->frontend_path;
}

/*
 * The primary console's front end is in the domain's own part, which xenstore
 * writes; its state too.
 */
static bool frontend_is_ours(XenDevice *xendev)
{
    g_autofree char *devices = g_strdup_printf("/local/domain/%u/device/",
                                               xendev->frontend_id);

    return g_str_has_prefix(xendev->frontend_path, devices);
}

/* -------------------------------------------------------------- plain nodes */

/* What fails here fails for want of memory or of sense in QEMU. */
static void write_node(XenDevice *xendev, const char *path, const char *key,
                       const char *value)
{
    Error *err = NULL;

    xs_node_printf(xen_device_bus(xendev)->xsh, XBT_NULL, path, key, &err,
                   "%s", value);
    if (err) {
        xen_pv_report_err(xendev, err);
    }
}

static void write_number(XenDevice *xendev, const char *path, const char *key,
                         unsigned value)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", value);
    write_node(xendev, path, key, text);
}

static int vread_node(XenDevice *xendev, const char *path, const char *key,
                      const char *fmt, va_list ap) G_GNUC_SCANF(4, 0);
static int vread_node(XenDevice *xendev, const char *path, const char *key,
                      const char *fmt, va_list ap)
{
    return xs_node_vscanf(xen_device_bus(xendev)->xsh, XBT_NULL, path, key,
                          NULL, fmt, ap);
}

static bool read_number(XenDevice *xendev, const char *path, const char *key,
                        unsigned *value)
{
    return xs_node_scanf(xen_device_bus(xendev)->xsh, XBT_NULL, path, key,
                         NULL, "%u", value) == 1;
}

/* A number that is no state is XenbusStateUnknown. */
static enum xenbus_state read_state(XenDevice *xendev, const char *path)
{
    unsigned state;

    if (!read_number(xendev, path, "state", &state) ||
        state > XenbusStateReconfigured) {
        return XenbusStateUnknown;
    }
    return state;
}

enum xenbus_state xen_pv_nodes_frontend_state(XenDevice *xendev)
{
    return read_state(xendev, xendev->frontend_path);
}

enum xenbus_state xen_pv_nodes_backend_state(XenDevice *xendev)
{
    return read_state(xendev, xendev->backend_path);
}

bool xen_pv_nodes_backend_online(XenDevice *xendev)
{
    unsigned online;

    return read_number(xendev, xendev->backend_path, "online", &online) &&
           online;
}

/* ------------------------------------------------------ what a domain gets */

static bool create_dir(XenDevice *xendev, const char *path, unsigned owner,
                       unsigned reader, unsigned perms, Error **errp)
{
    ERRP_GUARD();

    xs_node_create(xen_device_bus(xendev)->xsh, XBT_NULL, path, owner, reader,
                   perms, errp);
    return !*errp;
}

static bool create_dirs(XenDevice *xendev, Error **errp)
{
    unsigned backend_id = xen_device_bus(xendev)->backend_id;

    return create_dir(xendev, xendev->backend_path, backend_id,
                      xendev->frontend_id, XS_PERM_READ, errp) &&
           create_dir(xendev, xendev->frontend_path, xendev->frontend_id,
                      backend_id, XS_PERM_READ | XS_PERM_WRITE, errp);
}

/* The states come last: they are what the guest waits for. */
static void write_states(XenDevice *xendev)
{
    xendev->backend_online = true;
    qatomic_set(&xendev->backend_state, XenbusStateInitWait);
    write_number(xendev, xendev->backend_path, "online", 1);
    write_number(xendev, xendev->backend_path, "state", XenbusStateInitWait);
    if (frontend_is_ours(xendev) ||
        xen_pv_nodes_frontend_state(xendev) == XenbusStateUnknown) {
        xendev->frontend_state = XenbusStateInitialising;
        write_number(xendev, xendev->frontend_path, "state",
                     XenbusStateInitialising);
    }
}

static void write_bus_nodes(XenDevice *xendev)
{
    const char *be = xendev->backend_path, *fe = xendev->frontend_path;

    write_node(xendev, be, "frontend", fe);
    write_number(xendev, be, "frontend-id", xendev->frontend_id);
    write_node(xendev, be, "hotplug-status", "connected");
    write_node(xendev, fe, "backend", be);
    write_number(xendev, fe, "backend-id", xen_device_bus(xendev)->backend_id);
}

static void write_kept(XenDevice *xendev, GHashTable *nodes, const char *path)
{
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, nodes);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const char *told = xen_pv_migration_told(xendev, key, value);

        if (told) {
            write_node(xendev, path, key, told);
        }
    }
}

bool xen_pv_nodes_create(XenDevice *xendev, Error **errp)
{
    if (!create_dirs(xendev, errp)) {
        return false;
    }
    write_bus_nodes(xendev);
    write_states(xendev);
    return true;
}

/* A part that is gone already is as good. */
static void destroy(XenDevice *xendev, const char *path)
{
    xs_node_destroy(xen_device_bus(xendev)->xsh, XBT_NULL, path, NULL);
}

void xen_pv_nodes_renew(XenDevice *xendev)
{
    struct XenDeviceLife *life = xendev->life;
    Error *err = NULL;

    trace_xen_pv_nodes_renew(xendev->name, xendev->frontend_path);
    destroy(xendev, xendev->backend_path);
    if (frontend_is_ours(xendev)) {
        destroy(xendev, xendev->frontend_path);
    }
    if (!create_dirs(xendev, &err)) {
        xen_pv_report_err(xendev, err);
        return;
    }
    write_bus_nodes(xendev);
    write_kept(xendev, life->backend_nodes, xendev->backend_path);
    write_kept(xendev, life->frontend_nodes, xendev->frontend_path);
    write_states(xendev);
}

void xen_pv_nodes_destroy(XenDevice *xendev)
{
    if (xendev->frontend_path) {
        destroy(xendev, xendev->frontend_path);
    }
    if (xendev->backend_path) {
        destroy(xendev, xendev->backend_path);
    }
    g_clear_pointer(&xendev->frontend_path, g_free);
    g_clear_pointer(&xendev->backend_path, g_free);
}

/* ---------------------------------------------------------------- watches */

static bool watch(XenDevice *xendev, struct qemu_xs_watch **w,
                  const char *path, const char *key, xs_watch_fn fn,
                  Error **errp)
{
    *w = xs_node_watch(xendev->xsh, path, key, fn, xendev, errp);
    return *w;
}

bool xen_pv_nodes_watch(XenDevice *xendev, xs_watch_fn frontend,
                        xs_watch_fn backend, Error **errp)
{
    return watch(xendev, &xendev->backend_state_watch, xendev->backend_path,
                 "state", backend, errp) &&
           watch(xendev, &xendev->backend_online_watch, xendev->backend_path,
                 "online", backend, errp) &&
           watch(xendev, &xendev->frontend_state_watch, xendev->frontend_path,
                 "state", frontend, errp);
}

static void unwatch(XenDevice *xendev, struct qemu_xs_watch **w)
{
    if (*w) {
        xs_node_unwatch(xendev->xsh, *w);
        *w = NULL;
    }
}

void xen_pv_nodes_unwatch(XenDevice *xendev)
{
    unwatch(xendev, &xendev->frontend_state_watch);
    unwatch(xendev, &xendev->backend_online_watch);
    unwatch(xendev, &xendev->backend_state_watch);
}

/* ------------------------------------------------------- what classes write */

/* Keys are those that realize() wrote, which are few. */
static void keep(GHashTable *nodes, bool recording, const char *key,
                 const char *value)
{
    if (recording || g_hash_table_contains(nodes, key)) {
        g_hash_table_insert(nodes, g_strdup(key), g_strdup(value));
    }
}

static void class_write(XenDevice *xendev, bool frontend, const char *key,
                        const char *value)
{
    struct XenDeviceLife *life = xendev->life;

    if (!xendev->backend_path) {
        return;                 /* unrealized since a late write was queued */
    }
    if (!g_str_equal(key, "state")) {
        g_hash_table_remove(life->told, key);
        keep(frontend ? life->frontend_nodes : life->backend_nodes,
             life->recording, key, value);
    }
    write_node(xendev, frontend ? xendev->frontend_path : xendev->backend_path,
               key, value);
}

static void set_state(XenDevice *xendev, enum xenbus_state state)
{
    if (xendev->backend_path && xendev->backend_state != state) {
        trace_xen_pv_backend_state(object_get_typename(OBJECT(xendev)),
                                   xendev->name, xs_strstate(state));
        qatomic_set(&xendev->backend_state, state);
        write_number(xendev, xendev->backend_path, "state", state);
    }
}

static void free_late_write(XenPvWrite *w)
{
    object_unref(OBJECT(w->device));
    g_free(w->key);
    g_free(w->value);
    g_free(w);
}

static XenPvWrite *take_late_write(void)
{
    QEMU_LOCK_GUARD(&late_lock);
    return xen_pv_write_list_take(&late_writes);
}

static void do_late_writes(void *opaque)
{
    XenPvWrite *w;

    while ((w = take_late_write())) {
        if (w->key) {
            class_write(w->device, w->frontend, w->key, w->value);
        } else {
            set_state(w->device, w->state);
        }
        free_late_write(w);
    }
}

static void write_late(XenPvWrite w)
{
    XenPvWrite *copy = g_memdup2(&w, sizeof(w)), *old;

    object_ref(OBJECT(w.device));
    WITH_QEMU_LOCK_GUARD(&late_lock) {
        old = xen_pv_write_list_add(&late_writes, copy);
    }
    if (old) {
        free_late_write(old);   /* not the last reference: @copy has one */
    }
    qemu_bh_schedule(late_bh);
}

void xen_pv_nodes_init(void)
{
    qemu_mutex_init(&late_lock);
    late_bh = qemu_bh_new(do_late_writes, NULL);
}

/* What other threads wrote before comes first. */
static void write_by_class(XenDevice *xendev, bool frontend, const char *key,
                           char *value)
{
    if (bql_locked()) {
        do_late_writes(NULL);
        class_write(xendev, frontend, key, value);
        g_free(value);
    } else {
        write_late((XenPvWrite) {
            .device = xendev, .frontend = frontend, .key = g_strdup(key),
            .value = value,
        });
    }
}

void xen_device_backend_printf(XenDevice *xendev, const char *key,
                               const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_by_class(xendev, false, key, g_strdup_vprintf(fmt, ap));
    va_end(ap);
}

void xen_device_frontend_printf(XenDevice *xendev, const char *key,
                                const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_by_class(xendev, true, key, g_strdup_vprintf(fmt, ap));
    va_end(ap);
}

void xen_device_backend_set_state(XenDevice *xendev, enum xenbus_state state)
{
    if (bql_locked()) {
        do_late_writes(NULL);
        set_state(xendev, state);
    } else {
        write_late((XenPvWrite) { .device = xendev, .state = state });
    }
}

enum xenbus_state xen_device_backend_get_state(XenDevice *xendev)
{
    return qatomic_read(&xendev->backend_state);
}

void xen_pv_nodes_set_online(XenDevice *xendev, bool online)
{
    xendev->backend_online = online;
    write_number(xendev, xendev->backend_path, "online", online);
}

int xen_device_frontend_scanf(XenDevice *xendev, const char *key,
                              const char *fmt, ...)
{
    va_list ap;
    int ret;

    va_start(ap, fmt);
    ret = vread_node(xendev, xendev->frontend_path, key, fmt, ap);
    va_end(ap);
    return ret;
}

char *xen_device_frontend_read(XenDevice *xendev, const char *key)
{
    return xs_node_read(xen_device_bus(xendev)->xsh, XBT_NULL, NULL, NULL,
                        "%s/%s", xendev->frontend_path, key);
}
