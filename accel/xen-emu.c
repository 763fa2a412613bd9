/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation: the xen-* properties, and enabling it
 *
 * KVM, TCG and qtest have the same properties, and so has the PC machine, whose
 * values are the defaults of all accelerators that QEMU tries.  Those of an
 * accelerator belong to its object, not to the process: with "-accel
 * kvm,xen-version=4.17 -accel tcg", if KVM has no Xen support, the TCG machine
 * that is created instead must not be affected.  So xen_mode changes only in
 * xen_emu_enable(), when the accelerator's own init has succeeded.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/accel.h"
#include "qemu/cutils.h"
#include "hw/core/boards.h"
#include "hw/i386/e820_memory_layout.h"
#include "hw/i386/pc.h"
#include "hw/xen/xen.h"
#include "hw/xen/emu/emu.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/debug/bql-check.h"
#include "hw/xen/emu/hypercall.h"
#include "hw/xen/emu/memory/guest-page.h"
#include "system/kvm_xen.h"

/* Object * -> XenEmuConfig *, for objects with a xen-* property set. */
static GHashTable *configs;

static const XenEmuConfig default_config = {
    .extraversion = ".0-qemu",
    .gnttab_max_frames = 64,
    /*
     * PIRQ numbers above this need more than 32 address bits in an MSI message,
     * which not all devices support.
     */
    .evtchn_max_pirq = 256,
    .evtchn_abi = XEN_EMU_ABI_AUTO,
    .tsc_stable = true,
    .kvm_caps_mask = UINT32_MAX,
};

/* Releases of Xen by major version: minor versions run from 0 to this. */
static const struct {
    unsigned major, last_minor;
} xen_releases[] = {
    { 3, 4 }, { 4, 21 },
};

static const char *const abi_names[] = {
    [XEN_EMU_ABI_AUTO] = "auto",
    [XEN_EMU_ABI_2LEVEL] = "2level",
    [XEN_EMU_ABI_FIFO] = "fifo",
};

static const char *const hypercalls_names[] = {
    [XEN_EMU_HYPERCALLS_AUTO] = "auto",
    [XEN_EMU_HYPERCALLS_KVM] = "kvm",
    [XEN_EMU_HYPERCALLS_PAGE] = "page",
};

static void free_config(gpointer opaque)
{
    XenEmuConfig *config = opaque;

    g_free(config->kvm_fail);
    g_free(config);
}

/*
 * Machine properties are set before an accelerator is created, so the copy that
 * an accelerator makes of them is complete.
 */
const XenEmuConfig *xen_emu_accel_config(Object *obj)
{
    Object *machine = OBJECT(current_machine);
    const XenEmuConfig *config = NULL;

    if (configs) {
        config = g_hash_table_lookup(configs, obj) ?:
                 g_hash_table_lookup(configs, machine);
    }
    return config ?: &default_config;
}

/* @name: the property that is to be set; a constant. */
static XenEmuConfig *config_for_writing(Object *obj, const char *name)
{
    XenEmuConfig *config;

    if (!configs) {
        configs = g_hash_table_new_full(NULL, NULL, NULL, free_config);
    }
    config = g_hash_table_lookup(configs, obj);
    if (!config) {
        config = g_memdup2(xen_emu_accel_config(obj), sizeof(*config));
        config->kvm_fail = g_strdup(config->kvm_fail);
        g_hash_table_insert(configs, obj, config);
    }
    if (g_str_equal(name, "xen-version")) {
        config->version_given = true;
    } else {
        config->other_given = name;
    }
    return config;
}

/* Another object may be allocated at the same address. */
static void release_config(Object *obj, const char *name, void *opaque)
{
    if (configs) {
        g_hash_table_remove(configs, obj);
    }
}

/* "4.17", or the number that XENVER_version returns: 0x40011. */
static bool parse_version(const char *text, uint32_t *version)
{
    unsigned major, minor;
    uint64_t number;
    const char *end;

    if (strchr(text, '.')) {
        if (qemu_strtoui(text, &end, 10, &major) || *end != '.' ||
            !g_ascii_isdigit(end[1]) ||
            qemu_strtoui(end + 1, NULL, 10, &minor)) {
            return false;
        }
    } else {
        if (qemu_strtou64(text, NULL, 0, &number) || number > UINT32_MAX) {
            return false;
        }
        if (!number) {
            *version = 0;
            return true;
        }
        major = number >> 16;
        minor = number & 0xffff;
    }

    for (size_t i = 0; i < ARRAY_SIZE(xen_releases); i++) {
        if (major == xen_releases[i].major &&
            minor <= xen_releases[i].last_minor) {
            *version = XEN_EMU_VERSION(major, minor);
            return true;
        }
    }
    return false;
}

/* The number, as upstream returns it. */
static void get_version(Object *obj, Visitor *v, const char *name,
                        void *opaque, Error **errp)
{
    uint32_t value = xen_emu_accel_config(obj)->version;

    visit_type_uint32(v, name, &value, errp);
}

static void set_version(Object *obj, Visitor *v, const char *name,
                        void *opaque, Error **errp)
{
    g_autofree char *text = NULL;
    uint32_t version;

    if (!visit_type_str(v, name, &text, errp)) {
        return;
    }
    if (!parse_version(text, &version)) {
        error_setg(errp, "Property '%s' doesn't take value '%s'", name, text);
        error_append_hint(errp, "Valid values are Xen's releases 3.0 to 3.4 and "
                          "4.0 to 4.21, as \"4.17\" or as \"0x40011\", and 0 "
                          "for no Xen.\n");
        return;
    }
    config_for_writing(obj, "xen-version")->version = version;
}

static char *get_extraversion(Object *obj, Error **errp)
{
    return g_strdup(xen_emu_accel_config(obj)->extraversion);
}

/* Guests print it after the version, in one word. */
static void set_extraversion(Object *obj, const char *value, Error **errp)
{
    const size_t size = sizeof_field(XenEmuConfig, extraversion);
    size_t len = strlen(value);
    bool is_word = true;

    for (size_t i = 0; i < len; i++) {
        is_word &= g_ascii_isgraph(value[i]);
    }
    if (len >= size || !is_word) {
        error_setg(errp, "Property 'xen-extraversion' doesn't take value '%s'",
                   value);
        error_append_hint(errp, "Valid values are up to %zu printable ASCII "
                          "characters without spaces.\n", size - 1);
        return;
    }
    pstrcpy(config_for_writing(obj, "xen-extraversion")->extraversion, size,
            value);
}

/* A uint16_t of XenEmuConfig with its limits. */
typedef struct {
    const char *name, *description;
    size_t offset;
    uint16_t min, max;
} NumberProperty;

static const NumberProperty number_properties[] = {
    {
        "xen-gnttab-max-frames", "Maximum number of grant table frames",
        offsetof(XenEmuConfig, gnttab_max_frames), 1, 4096,
    }, {
        /* 16 to 23 are for GSIs; upstream's migration stream has 16 bits */
        "xen-evtchn-max-pirq", "Maximum number of Xen PIRQs",
        offsetof(XenEmuConfig, evtchn_max_pirq), IOAPIC_NUM_PINS, UINT16_MAX,
    },
};

static void get_number(Object *obj, Visitor *v, const char *name,
                       void *opaque, Error **errp)
{
    const NumberProperty *prop = opaque;
    const XenEmuConfig *config = xen_emu_accel_config(obj);
    uint16_t value = *(const uint16_t *)((const char *)config + prop->offset);

    visit_type_uint16(v, name, &value, errp);
}

static void set_number(Object *obj, Visitor *v, const char *name,
                       void *opaque, Error **errp)
{
    const NumberProperty *prop = opaque;
    uint64_t value;

    if (!visit_type_uint64(v, name, &value, errp)) {
        return;
    }
    if (value < prop->min || value > prop->max) {
        error_setg(errp, "Property '%s' doesn't take value '%" PRIu64 "'",
                   name, value);
        error_append_hint(errp, "Valid values are %u to %u.\n", prop->min,
                          prop->max);
        return;
    }
    *(uint16_t *)((char *)config_for_writing(obj, prop->name) + prop->offset) =
        value;
}

static char *get_abi(Object *obj, Error **errp)
{
    return g_strdup(abi_names[xen_emu_accel_config(obj)->evtchn_abi]);
}

static void set_abi(Object *obj, const char *value, Error **errp)
{
    for (size_t i = 0; i < ARRAY_SIZE(abi_names); i++) {
        if (g_str_equal(value, abi_names[i])) {
            config_for_writing(obj, "xen-evtchn-abi")->evtchn_abi = i;
            return;
        }
    }
    error_setg(errp, "Property 'xen-evtchn-abi' doesn't take value '%s'",
               value);
    error_append_hint(errp, "Valid values are auto, 2level and fifo.\n");
}

static char *get_hypercalls(Object *obj, Error **errp)
{
    return g_strdup(hypercalls_names[xen_emu_accel_config(obj)->hypercalls]);
}

/* A machine's value is for KVM alone, whatever else is tried. */
static bool can_choose_hypercalls(Object *obj)
{
    return object_dynamic_cast(obj, ACCEL_CLASS_NAME("kvm")) ||
           object_dynamic_cast(obj, TYPE_MACHINE);
}

static void set_hypercalls(Object *obj, const char *value, Error **errp)
{
    for (size_t i = 0; i < ARRAY_SIZE(hypercalls_names); i++) {
        if (!g_str_equal(value, hypercalls_names[i])) {
            continue;
        }
        if (i != XEN_EMU_HYPERCALLS_AUTO && !can_choose_hypercalls(obj)) {
            error_setg(errp, "xen-hypercalls=%s has no effect without KVM",
                       value);
            error_append_hint(errp, "Use it with -accel kvm, or omit it.\n");
            return;
        }
        config_for_writing(obj, "xen-hypercalls")->hypercalls = i;
        return;
    }
    error_setg(errp, "Property 'xen-hypercalls' doesn't take value '%s'",
               value);
    error_append_hint(errp, "Valid values are auto, kvm and page.\n");
}

/* Booleans of XenEmuConfig. */
static bool get_bql_check(Object *obj, Error **errp)
{
    return xen_emu_accel_config(obj)->bql_check;
}

static void set_bql_check(Object *obj, bool value, Error **errp)
{
    config_for_writing(obj, "x-xen-bql-check")->bql_check = value;
}

static bool get_upcall_vector(Object *obj, Error **errp)
{
    return xen_emu_accel_config(obj)->upcall_vector;
}

static void set_upcall_vector(Object *obj, bool value, Error **errp)
{
    config_for_writing(obj, "x-xen-upcall-vector")->upcall_vector = value;
}

static bool get_tsc_stable(Object *obj, Error **errp)
{
    return xen_emu_accel_config(obj)->tsc_stable;
}

static void set_tsc_stable(Object *obj, bool value, Error **errp)
{
    config_for_writing(obj, "xen-tsc-stable")->tsc_stable = value;
}

static void get_kvm_caps(Object *obj, Visitor *v, const char *name,
                         void *opaque, Error **errp)
{
    uint32_t value = xen_emu_accel_config(obj)->kvm_caps_mask;

    visit_type_uint32(v, name, &value, errp);
}

static void set_kvm_caps(Object *obj, Visitor *v, const char *name,
                         void *opaque, Error **errp)
{
    uint32_t value;

    if (visit_type_uint32(v, name, &value, errp)) {
        config_for_writing(obj, "x-kvm-xen-caps")->kvm_caps_mask = value;
    }
}

static char *get_kvm_fail(Object *obj, Error **errp)
{
    return g_strdup(xen_emu_accel_config(obj)->kvm_fail ?: "");
}

static void set_kvm_fail(Object *obj, const char *value, Error **errp)
{
    XenEmuConfig *config = config_for_writing(obj, "x-kvm-xen-fail");

    g_free(config->kvm_fail);
    config->kvm_fail = g_strdup(value);
}

/*
 * Upstream's KVM already has some of the properties.  Their names, types and
 * semantics stay, but the values are stored as those of other accelerators.
 */
static void add_property(ObjectClass *oc, const char *name, const char *type,
                         ObjectPropertyAccessor *get,
                         ObjectPropertyAccessor *set, void *opaque,
                         const char *description)
{
    ObjectProperty *prop = object_class_property_find(oc, name);

    if (prop) {
        assert(g_str_equal(prop->type, type));
        prop->get = get;
        prop->set = set;
        prop->release = release_config;
        prop->opaque = opaque;
    } else {
        object_class_property_add(oc, name, type, get, set, release_config,
                                  opaque);
    }
    object_class_property_set_description(oc, name, description);
}

void xen_emu_add_properties(ObjectClass *oc)
{
    add_property(oc, "xen-version", "uint32", get_version, set_version, NULL,
        "Xen version to be emulated (for example 4.17, or 0x40011 as "
        "XENVER_version returns it)");

    object_class_property_add_str(oc, "xen-extraversion", get_extraversion,
                                  set_extraversion);
    object_class_property_set_description(oc, "xen-extraversion",
        "What follows the version of Xen (for example .amazon)");

    for (size_t i = 0; i < ARRAY_SIZE(number_properties); i++) {
        const NumberProperty *prop = &number_properties[i];

        add_property(oc, prop->name, "uint16", get_number, set_number,
                     (void *)prop, prop->description);
    }

    object_class_property_add_str(oc, "xen-evtchn-abi", get_abi, set_abi);
    object_class_property_set_description(oc, "xen-evtchn-abi",
        "Event channel ABI that the guest can use (auto, 2level, fifo)");

    object_class_property_add_str(oc, "xen-hypercalls", get_hypercalls,
                                  set_hypercalls);
    object_class_property_set_description(oc, "xen-hypercalls",
        "How the guest makes hypercalls on KVM (auto, kvm, page)");

    object_class_property_add_bool(oc, "x-xen-bql-check", get_bql_check,
                                   set_bql_check);
    object_class_property_set_description(oc, "x-xen-bql-check",
        "Abort when the fast path of an event takes the BQL (for tests)");
    object_class_property_add_bool(oc, "x-xen-upcall-vector", get_upcall_vector,
                                   set_upcall_vector);
    object_class_property_set_description(oc, "x-xen-upcall-vector",
        "Offer per-vCPU upcall vectors even if they are slow (for tests)");
    object_class_property_add_bool(oc, "xen-tsc-stable", get_tsc_stable,
                                   set_tsc_stable);
    object_class_property_set_description(oc, "xen-tsc-stable",
        "Set the TSC-stable flag in time areas if the TSC is stable");

    if (g_str_equal(object_class_get_name(oc), ACCEL_CLASS_NAME("kvm"))) {
        add_property(oc, "x-kvm-xen-caps", "uint32", get_kvm_caps,
                     set_kvm_caps, NULL,
            "Mask of the KVM_CAP_XEN_HVM bits to use (for tests)");
        object_class_property_add_str(oc, "x-kvm-xen-fail", get_kvm_fail,
                                      set_kvm_fail);
        object_class_property_set_description(oc, "x-kvm-xen-fail",
            "KVM ioctl or attribute to fail (for tests)");
    }
}

bool xen_emu_accel_check(Object *accel, Error **errp)
{
    MachineState *ms = current_machine;

    if (!xen_emu_accel_config(accel)->version) {
        return true;
    }
    /* isapc has no PCI bus, which xen-platform needs. */
    if (!object_dynamic_cast(OBJECT(ms), TYPE_PC_MACHINE) ||
        !PC_MACHINE_GET_CLASS(ms)->pci_enabled) {
        error_setg(errp, "xen-version: machine '%s' does not support Xen guests",
                   MACHINE_GET_CLASS(ms)->name);
        error_append_hint(errp, "Valid machines are pc and q35.\n");
        return false;
    }
    /* Hypercalls, shared pages and grants need memory that QEMU can read. */
    if (ms->cgs) {
        error_setg(errp, "xen-version: a confidential guest "
                   "(confidential-guest-support) cannot be a Xen guest");
        return false;
    }
    if (ms->smp.max_cpus > XEN_EVTCHN_MAX_VCPUS) {
        error_setg(errp, "xen-version: %u vCPUs (smp.maxcpus) exceed the limit "
                   "of a Xen guest", ms->smp.max_cpus);
        error_append_hint(errp, "Valid values are 1 to %u.\n",
                          XEN_EVTCHN_MAX_VCPUS);
        return false;
    }
    return true;
}

void xen_emu_enable(Object *accel, XenAccelOps *ops)
{
    const XenEmuConfig *config = xen_emu_accel_config(accel);

    assert(config->version && !xen_emu);

    xen_emu = g_new0(XenEmu, 1);
    xen_emu->config = *config;
    xen_emu->accel = ops;
    xen_page_cache_init(&xen_emu->pages, &xen_guest_page_ops, NULL);
    xen_mode = XEN_EMULATE;

    /* Xen's shared pages, which firmware must not use. */
    e820_add_entry(XEN_SPECIAL_AREA_ADDR, XEN_SPECIAL_AREA_SIZE,
                   E820_RESERVED);
    xen_hypercall_init();
    if (config->bql_check) {
        xen_fast_check();
    }
}
