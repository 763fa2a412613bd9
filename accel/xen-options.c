/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xen-* properties that are given elsewhere than at the accelerator in use. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/accel.h"
#include "qemu/config-file.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/option.h"
#include "qom/object.h"
#include "hw/core/qdev-properties.h"
#include "hw/xen/emu/emu.h"
#include "hw/xen/emu/options.h"

#define VERSION "xen-version"

static bool is_xen_property(const char *name)
{
    return g_str_has_prefix(name, "xen-") ||
           g_str_has_prefix(name, "x-xen-") ||
           g_str_has_prefix(name, "x-kvm-xen-");
}

/* QAPI names have hyphens; options may be spelt with underscores. */
static char *property_name(const char *option)
{
    return g_strdelimit(g_strdup(option), "_", '-');
}

/* "0", in any of its spellings, asks for no Xen. */
static bool asks_for_xen(const char *version)
{
    uint64_t number;

    return version && (qemu_strtou64(version, NULL, 0, &number) || number);
}

static int note_xen_property(void *opaque, const char *option,
                             const char *value, Error **errp)
{
    g_autofree char *name = property_name(option);
    bool *found = opaque;

    *found |= is_xen_property(name);
    return 0;
}

static bool has_xen_property(QemuOpts *opts)
{
    bool found = false;

    qemu_opt_foreach(opts, note_xen_property, &found, NULL);
    return found;
}

/* ------------------------------------------- options of the command line -- */

static int set_property(void *opaque, const char *option, const char *value,
                        Error **errp)
{
    g_autofree char *name = property_name(option);

    if (g_str_equal(name, "accel")) {
        return 0;
    }
    return object_property_parse(opaque, name, value, errp) ? 0 : -1;
}

static int set_xen_property(void *opaque, const char *option,
                            const char *value, Error **errp)
{
    g_autofree char *name = property_name(option);

    return is_xen_property(name) ? set_property(opaque, option, value, errp)
                                 : 0;
}

/* -global kvm-accel.xen-version=..., which QEMU applies to devices only. */
static void apply_globals(Object *accel)
{
    g_autoptr(GPtrArray) globals = g_ptr_array_new();
    ObjectPropertyIterator iter;
    ObjectProperty *prop;

    object_class_property_iter_init(&iter, object_get_class(accel));
    while ((prop = object_property_iter_next(&iter))) {
        const GlobalProperty *global = is_xen_property(prop->name) ?
            qdev_find_global_prop(accel, prop->name) : NULL;

        if (global) {
            g_ptr_array_add(globals, (void *)global);
        }
    }
    object_apply_global_props(accel, globals, &error_fatal);
}

/* Class name -> how many -accel of that class QEMU has tried. */
static GHashTable *tried;

typedef struct Search {
    Object *accel;              /* the accelerator that is being tried */
    const char *name;           /* as in -accel: "kvm" */
    unsigned skip;              /* -accel options of that name before its own */
    QemuOpts *own;              /* its own, once it was found */
} Search;

static Search search_for(Object *accel)
{
    const char *class_name = object_get_typename(accel);
    unsigned count = GPOINTER_TO_UINT(g_hash_table_lookup(tried, class_name));
    g_autofree char *name = g_strndup(class_name, strlen(class_name) -
                                      strlen(ACCEL_CLASS_SUFFIX));

    return (Search) {
        .accel = accel, .name = g_intern_string(name), .skip = count - 1,
    };
}

/* Returns true, once, for the -accel that @s is about. */
static bool is_own(Search *s, QemuOpts *opts)
{
    if (s->own || g_strcmp0(qemu_opt_get(opts, "accel"), s->name) != 0 ||
        s->skip--) {
        return false;
    }
    s->own = opts;
    return true;
}

static int apply_accel(void *opaque, QemuOpts *opts, Error **errp)
{
    Search *s = opaque;

    if (is_own(s, opts)) {
        /* Again, since they are stronger than -global. */
        return qemu_opt_foreach(opts, set_xen_property, s->accel, errp);
    }
    if (s->own && g_strcmp0(qemu_opt_get(opts, "accel"), s->name) == 0 &&
        !has_xen_property(s->own) && has_xen_property(opts)) {
        return qemu_opt_foreach(opts, set_property, s->accel, errp);
    }
    return 0;
}

void xen_options_apply(Object *accel)
{
    const char *class_name = object_get_typename(accel);
    unsigned count;
    Search s;

    if (!tried) {
        tried = g_hash_table_new(g_str_hash, g_str_equal);
    }
    count = GPOINTER_TO_UINT(g_hash_table_lookup(tried, class_name));
    g_hash_table_insert(tried, (char *)class_name,
                        GUINT_TO_POINTER(count + 1));
    s = search_for(accel);
    apply_globals(accel);
    qemu_opts_foreach(qemu_find_opts("accel"), apply_accel, &s, &error_fatal);
}

/* ---------------------------------------------- requests without effect -- */

/* An -accel after the one in use. */
static int check_accel(void *opaque, QemuOpts *opts, Error **errp)
{
    ERRP_GUARD();
    Search *s = opaque;
    const char *version = qemu_opt_get(opts, VERSION) ?:
                          qemu_opt_get(opts, "xen_version");

    if (!is_own(s, opts) && s->own && asks_for_xen(version)) {
        error_setg(errp, "%s=%s has no effect: accelerator '%s' is in use",
                   VERSION, version, s->name);
        error_append_hint(errp, "Add %s=%s to the first -accel %s, or use "
                          "-machine %s=%s.\n", VERSION, version, s->name,
                          VERSION, version);
        return -1;
    }
    return 0;
}

static int check_global(void *opaque, QemuOpts *opts, Error **errp)
{
    ERRP_GUARD();
    Search *s = opaque;
    const char *driver = qemu_opt_get(opts, "driver");
    const char *property = qemu_opt_get(opts, "property");
    const char *value = qemu_opt_get(opts, "value");

    if (driver && g_str_has_suffix(driver, ACCEL_CLASS_SUFFIX) &&
        g_strcmp0(property, VERSION) == 0 && asks_for_xen(value) &&
        !g_hash_table_contains(tried, driver)) {
        error_setg(errp, "%s.%s=%s has no effect: accelerator '%s' is in use",
                   driver, property, value, s->name);
        error_append_hint(errp, "Use -global %s-accel.%s=%s or -machine %s=%s."
                          "\n", s->name, VERSION, value, VERSION, value);
        return -1;
    }
    return 0;
}

/* A property of the accelerator or the machine; xen-version=0 says that it is off. */
static void check_others(const XenEmuConfig *config, Error **errp)
{
    ERRP_GUARD();

    if (config->other_given && !config->version_given) {
        error_setg(errp, "%s has no effect without xen-version",
                   config->other_given);
        error_append_hint(errp, XEN_EMU_HINT);
    }
}

void xen_options_check(Object *accel)
{
    Search s = search_for(accel);

    qemu_opts_foreach(qemu_find_opts("accel"), check_accel, &s, &error_fatal);
    qemu_opts_foreach(qemu_find_opts("global"), check_global, &s,
                      &error_fatal);
    check_others(xen_emu_accel_config(accel), &error_fatal);
}
