/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV bus: can this device take the place of the one that was saved?
 *
 * A section for each device, early in the stream: its type, and the nodes that
 * its realize() wrote, which is what the guest was told.  If this QEMU's device
 * would tell a guest less, the load ends before RAM or anything else has been
 * loaded.  A device that is missing ends it as well, by the section's name.
 *
 * If it would tell a guest more (more queues, say), it does not: this guest, and
 * the next one after a reset, is told what it was where it came from.  So it can be
 * moved back at any time, in the midst of a reset too.
 *
 * A stream is somebody else's data.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "migration/vmstate.h"
#include "hw/xen/emu/qemu-compat.h"
#include "bus-internal.h"
#include "trace.h"

/* Some 30 nodes with values of at most a page. */
#define CONFIG_MAX  (128 * KiB)

void xen_pv_set_rules(XenDevice *xendev, const XenPvRule *rules)
{
    xendev->life->rules = rules;
}

const char *xen_pv_migration_told(XenDevice *xendev, const char *key,
                                  const char *value)
{
    gpointer told;

    return g_hash_table_lookup_extended(xendev->life->told, key, NULL, &told) ?
           told : value;
}

void xen_pv_migration_reset(XenDevice *xendev)
{
    xendev->life->config_loaded = false;
    g_hash_table_remove_all(xendev->life->told);
}

/* -------------------------------------------------------------------- save */

static void put_string(GByteArray *out, const char *s)
{
    g_byte_array_append(out, (const guint8 *)s, strlen(s) + 1);
}

static int compare_keys(gconstpointer a, gconstpointer b, gpointer opaque)
{
    return strcmp(a, b);
}

static void put_nodes(GByteArray *out, XenDevice *xendev, GHashTable *nodes)
{
    g_autoptr(GList) keys = g_list_sort_with_data(
        g_hash_table_get_keys(nodes), compare_keys, NULL);

    for (GList *l = keys; l; l = l->next) {
        const char *told = xen_pv_migration_told(
            xendev, l->data, g_hash_table_lookup(nodes, l->data));

        if (told) {
            put_string(out, l->data);
            put_string(out, told);
        }
    }
}

static void forget_config(struct XenDeviceLife *life)
{
    g_clear_pointer(&life->config, g_free);
    life->config_len = 0;
}

static int config_pre_save(void *opaque)
{
    struct XenDeviceLife *life = opaque;
    GByteArray *out = g_byte_array_new();

    forget_config(life);
    put_string(out, object_get_typename(OBJECT(life->xendev)));
    put_nodes(out, life->xendev, life->backend_nodes);
    put_nodes(out, life->xendev, life->frontend_nodes);
    life->config_len = out->len;
    life->config = g_byte_array_free(out, false);
    return 0;
}

XEN_POST_SAVE(config_post_save, forget_config)

/* -------------------------------------------------------------------- load */

/* The next string of what was loaded; NULL: none. */
static const char *next_string(const struct XenDeviceLife *life, uint32_t *at)
{
    const char *s = (const char *)life->config + *at;
    size_t len = strnlen(s, life->config_len - *at);

    if (*at + len >= life->config_len) {
        return NULL;
    }
    *at += len + 1;
    return s;
}

static const char *own_value(const struct XenDeviceLife *life, const char *key)
{
    return g_hash_table_lookup(life->backend_nodes, key) ?:
           g_hash_table_lookup(life->frontend_nodes, key);
}

static uint64_t number(const char *value)
{
    uint64_t n;

    return value && !qemu_strtou64(value, NULL, 10, &n) ? n : 0;
}

static bool obeys(const struct XenDeviceLife *life, const XenPvRule *rule,
                  const char *value)
{
    const char *own = own_value(life, rule->key);
    bool fits = rule->kind == XEN_PV_SAME ? !g_strcmp0(own, value) :
                                            number(own) >= number(value);

    if (!fits) {
        error_report("%s '%s': %s is %s, but must be %s%s for the incoming "
                     "guest", object_get_typename(OBJECT(life->xendev)),
                     life->xendev->name, rule->what, own ?: "not set",
                     rule->kind == XEN_PV_SAME ? "" : "at least ", value);
    }
    return fits;
}

/* @value: NULL if the guest was told nothing. */
static void tell_no_more(struct XenDeviceLife *life, const char *key,
                         const char *value)
{
    g_hash_table_remove(life->told, key);
    if (number(own_value(life, key)) > number(value)) {
        g_hash_table_insert(life->told, g_strdup(key), g_strdup(value));
    }
}

/* Until it is found in the incoming state. */
static void tell_nothing(struct XenDeviceLife *life)
{
    for (const XenPvRule *r = life->rules; r && r->key; r++) {
        if (r->kind == XEN_PV_AT_LEAST) {
            tell_no_more(life, r->key, NULL);
        }
    }
}

static bool node_fits(struct XenDeviceLife *life, const char *key,
                      const char *value)
{
    for (const XenPvRule *r = life->rules; r && r->key; r++) {
        if (g_str_equal(r->key, key)) {
            if (r->kind == XEN_PV_AT_LEAST) {
                tell_no_more(life, key, value);
            }
            return obeys(life, r, value);
        }
    }
    return true;
}

static bool config_fits(struct XenDeviceLife *life)
{
    const char *type = object_get_typename(OBJECT(life->xendev));
    const char *key, *value;
    uint32_t at = 0;

    key = next_string(life, &at);
    if (!key || !g_str_equal(key, type)) {
        error_report("%s '%s': the incoming guest has another device there: "
                     "%s", type, life->xendev->name, key ?: "an invalid one");
        return false;
    }
    while (at < life->config_len) {
        key = next_string(life, &at);
        value = key ? next_string(life, &at) : NULL;
        if (!value) {
            error_report("%s '%s': its configuration in the incoming state is "
                         "not a valid one", type, life->xendev->name);
            return false;
        }
        if (!node_fits(life, key, value)) {
            return false;
        }
    }
    return true;
}

static int config_pre_load(void *opaque)
{
    forget_config(opaque);
    return 0;
}

static int config_post_load(void *opaque, int version_id)
{
    struct XenDeviceLife *life = opaque;
    bool fits;

    tell_nothing(life);
    fits = config_fits(life);
    trace_xen_pv_config(object_get_typename(OBJECT(life->xendev)),
                        life->xendev->name, fits);
    forget_config(life);
    life->config_loaded = true;
    return fits ? 0 : -EINVAL;
}

static bool len_is_valid(void *opaque, int version_id)
{
    struct XenDeviceLife *life = opaque;

    return life->config_len <= CONFIG_MAX;
}

static const VMStateDescription config_vmstate = {
    .name = "xen-pv-device",
    .version_id = 1,
    .minimum_version_id = 1,
    .early_setup = true,
    /* Before RAM. */
    .priority = MIG_PRI_GICV3,
    .pre_save = config_pre_save,
    .post_save = config_post_save,
    .pre_load = config_pre_load,
    .post_load = config_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(config_len, struct XenDeviceLife),
        VMSTATE_VALIDATE("length", len_is_valid),
        VMSTATE_VBUFFER_ALLOC_UINT32(config, struct XenDeviceLife, 1, NULL,
                                     config_len),
        VMSTATE_END_OF_LIST()
    },
};

void xen_pv_migration_begin(XenDevice *xendev)
{
    vmstate_register(VMSTATE_IF(xendev), VMSTATE_INSTANCE_ID_ANY,
                     &config_vmstate, xendev->life);
}

void xen_pv_migration_end(XenDevice *xendev)
{
    vmstate_unregister(VMSTATE_IF(xendev), &config_vmstate, xendev->life);
    forget_config(xendev->life);
}
