/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks that a toolstack describes in xenstore
 *
 * The bus calls this when nodes of a "qdisk" back end appear that no device
 * made: an image, opened as a node of the block layer, an iothread, and a
 * device that uses both are made for it, and go with it.
 *
 *   params          FORMAT:FILE; aio is raw, vhd is vpc
 *   dev             the disk's name
 *   device-type     disk or cdrom
 *   mode            w is writable
 *   direct-io-safe, discard-enable      0 or 1
 */
#include "qemu/osdep.h"
#include "qemu/rcu.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-block-core.h"
#include "qapi/qapi-commands-qom.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qobject-input-visitor.h"
#include "qobject/qdict.h"
#include "hw/xen/xen-backend.h"
#include "device.h"

static bool is_set(const QDict *nodes, const char *key)
{
    return !g_strcmp0(qdict_get_try_str(nodes, key), "1");
}

static const char *need(const QDict *nodes, const char *key, Error **errp)
{
    const char *value = qdict_get_try_str(nodes, key);

    if (!value) {
        error_setg(errp, "node '%s' is missing", key);
    }
    return value;
}

/* The layer that opens @file. */
static QDict *file_layer(const QDict *nodes, const char *file, Error **errp)
{
    const char *mode = qdict_get_try_str(nodes, "mode");
    struct stat st;
    QDict *layer;

    if (stat(file, &st) < 0) {
        error_setg_errno(errp, errno, "cannot find image '%s'", file);
        return NULL;
    }
    layer = qdict_new();
    qdict_put_str(layer, "driver",
                  S_ISBLK(st.st_mode) ? "host_device" : "file");
    qdict_put_str(layer, "filename", file);
    /* The disk's emulated twin has the same image open. */
    qdict_put_str(layer, "locking", "off");
    if (mode && mode[0] != 'w') {
        qdict_put_bool(layer, "read-only", true);
    }
    if (is_set(nodes, "direct-io-safe")) {
        QDict *cache = qdict_new();

        qdict_put_bool(cache, "direct", true);
        qdict_put(layer, "cache", cache);
        qdict_put_str(layer, "aio", "native");
    }
    return layer;
}

/* The node's name, or NULL. */
static char *add_node(const char *dev, const QDict *nodes, Error **errp)
{
    const char *params = need(nodes, "params", errp);
    g_auto(GStrv) part = params ? g_strsplit(params, ":", 2) : NULL;
    g_autofree char *name = NULL;
    BlockdevOptions *options = NULL;
    Error *err = NULL;
    const char *format;
    QDict *file, *top;
    Visitor *v;

    if (!part) {
        return NULL;
    }
    format = !part[0] || !part[1] || !strcmp(part[0], "aio") ? "raw" :
             !strcmp(part[0], "vhd") ? "vpc" : part[0];
    file = file_layer(nodes, part[0] && part[1] ? part[1] : params, errp);
    if (!file) {
        return NULL;
    }
    name = g_strdup_printf("%s-%s", dev, format);
    top = qdict_new();
    qdict_put_str(top, "node-name", name);
    qdict_put_str(top, "driver", format);
    if (is_set(nodes, "discard-enable")) {
        qdict_put_str(file, "discard", "unmap");
        qdict_put_str(top, "discard", "unmap");
    }
    qdict_put(top, "file", file);

    v = qobject_input_visitor_new(QOBJECT(top));
    if (visit_type_BlockdevOptions(v, NULL, &options, &err)) {
        qmp_blockdev_add(options, &err);
    }
    visit_free(v);
    qapi_free_BlockdevOptions(options);
    qobject_unref(top);
    if (err) {
        error_propagate(errp, err);
        return NULL;
    }
    return g_steal_pointer(&name);
}

static bool add_iothread(const char *id, Error **errp)
{
    g_autoptr(ObjectOptions) options = g_new0(ObjectOptions, 1);
    Error *err = NULL;

    options->qom_type = OBJECT_TYPE_IOTHREAD;
    options->id = g_strdup(id);
    qmp_object_add(options, &err);
    error_propagate(errp, err);
    return !err;
}

/* Takes away what there is; complains about nothing that is not. */
static void remove_parts(char *node_name, char *iothread_id, Error **errp)
{
    if (iothread_id) {
        qmp_object_del(iothread_id, errp);
        g_free(iothread_id);
    }
    if (node_name) {
        qmp_blockdev_del(node_name, errp && *errp ? NULL : errp);
        g_free(node_name);
    }
}

static DeviceState *make_device(const char *type, const char *dev,
                                const char *node_name,
                                const char *iothread_id, Error **errp)
{
    DeviceState *device = qdev_new(type);

    if (object_property_set_str(OBJECT(device), "vdev", dev, errp) &&
        object_property_set_str(OBJECT(device), "drive", node_name, errp) &&
        object_property_set_str(OBJECT(device), "iothread", iothread_id,
                                errp)) {
        return device;
    }
    object_unparent(OBJECT(device));
    object_unref(OBJECT(device));
    return NULL;
}

static void create(XenBackendInstance *backend, QDict *nodes, Error **errp)
{
    const char *dev = need(nodes, "dev", errp);
    const char *kind = dev ? need(nodes, "device-type", errp) : NULL;
    g_autofree char *type = kind ? g_strdup_printf("xen-%s", kind) : NULL;
    char *node_name = NULL, *iothread_id = NULL;
    DeviceState *device;

    if (!type) {
        return;
    }
    if (strcmp(type, TYPE_XEN_DISK_DEVICE) &&
        strcmp(type, TYPE_XEN_CDROM_DEVICE)) {
        error_setg(errp, "device-type '%s' is neither disk nor cdrom", kind);
        return;
    }
    node_name = add_node(dev, nodes, errp);
    if (!node_name || !add_iothread(dev, errp)) {
        goto fail;
    }
    iothread_id = g_strdup(dev);
    device = make_device(type, dev, node_name, iothread_id, errp);
    if (!device || !qdev_realize_and_unref(device,
                                           BUS(xen_backend_get_bus(backend)),
                                           errp)) {
        goto fail;
    }
    XEN_BLOCK_DEVICE(device)->node_name = node_name;
    XEN_BLOCK_DEVICE(device)->iothread_id = iothread_id;
    xen_backend_set_device(backend, XEN_DEVICE(device));
    return;

fail:
    /* Devices that were not realized let go of them when RCU says so. */
    drain_call_rcu();
    remove_parts(node_name, iothread_id, NULL);
}

static void destroy(XenBackendInstance *backend, Error **errp)
{
    XenBlockDevice *dev = XEN_BLOCK_DEVICE(xen_backend_get_device(backend));
    char *node_name = dev->node_name, *iothread_id = dev->iothread_id;

    object_unparent(OBJECT(dev));
    drain_call_rcu();
    remove_parts(node_name, iothread_id, errp);
}

static const XenBackendInfo qdisk = {
    .type = "qdisk",
    .create = create,
    .destroy = destroy,
};

static void register_qdisk(void)
{
    xen_backend_register(&qdisk);
}

xen_backend_init(register_qdisk);
