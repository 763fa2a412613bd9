/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The grant table: a device with the table's memory
 *
 * The guest places frames of the table in its memory (XENMAPSPACE_grant_table)
 * and writes entries; only version 1 exists.  The table's memory is RAM of
 * QEMU's and migrates as that; where its frames are is in the device's state,
 * in upstream's format.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "system/address-spaces.h"
#include "exec/target_page.h"
#include "hw/core/sysbus.h"
#include "hw/i386/kvm/xen_gnttab.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/memory/overlay.h"
#include "hw/xen/emu/qemu-compat.h"
#include "hw/xen/xen.h"
#include "migration/vmstate.h"
#include "qemu/error-report.h"
#include "qom/object.h"
#include "system/kvm_xen.h"
#include "cpu.h"
#include "internal.h"

#define TYPE_XEN_GNTTAB "xen-gnttab"
OBJECT_DECLARE_SIMPLE_TYPE(XenGrantTable, XEN_GNTTAB)

#define ENTRIES_PER_FRAME   (XEN_GRANT_PAGE_SIZE / sizeof(grant_entry_v1_t))
/* Xen's table is never empty. */
#define MIN_FRAMES          1
/*
 * Places of frames that do not continue the one before.  Each cuts the guest's RAM in
 * two, and QEMU aborts if it comes to 4,096 parts of memory; a KVM of old had 509.
 * Guests have all frames in one piece, or in few.
 */
#define MAX_PLACES          1024

struct XenGrantTable {
    SysBusDevice parent_obj;

    uint32_t nr_frames;         /* the guest has placed, up to the last one */
    uint32_t max_frames;        /* xen-gnttab-max-frames */
    MemoryRegion memory;        /* all of them */
    MemoryRegion *alias;        /* [max_frames], each in its place */
    uint64_t *gpa;              /* [max_frames]: places; INVALID_GPA: none */
    grant_entry_v1_t *entry;    /* what is in memory */
};

static XenGrantTable *grant_table;

static void set_nr_frames(XenGrantTable *t, uint32_t nr)
{
    qatomic_set(&t->nr_frames, nr);
    xen_grant_entries_set_count(xen_grant_entries,
                                MAX(nr, MIN_FRAMES) * ENTRIES_PER_FRAME);
}

static void grant_page_of_ours(XenGrantTable *t, uint32_t ref, uint32_t gfn)
{
    t->entry[ref] = (grant_entry_v1_t) {
        .flags = GTF_permit_access, .domid = DOMID_QEMU, .frame = gfn,
    };
}

/* Xen's toolstack grants these pages in the guest's name. */
static void grant_pages_of_ours(XenGrantTable *t)
{
    grant_page_of_ours(t, GNTTAB_RESERVED_XENSTORE, XEN_SPECIAL_PFN(XENSTORE));
    if (xen_emu_console_pfn()) {
        grant_page_of_ours(t, GNTTAB_RESERVED_CONSOLE,
                           XEN_SPECIAL_PFN(CONSOLE));
    }
}

static void place_frame(XenGrantTable *t, uint32_t idx, uint64_t gpa)
{
    xen_overlay_do_map_page(&t->alias[idx], gpa);
    t->gpa[idx] = gpa;
}

static void clear_places(XenGrantTable *t)
{
    memory_region_transaction_begin();
    for (uint32_t i = 0; i < t->max_frames; i++) {
        place_frame(t, i, INVALID_GPA);
    }
    memory_region_transaction_commit();
    set_nr_frames(t, 0);
}

/* Are there not too many if frame @idx, unless it is max_frames, is at @gpa? */
static bool places_fit(const XenGrantTable *t, uint32_t idx, uint64_t gpa)
{
    uint64_t next = INVALID_GPA;
    uint32_t nr = 0;

    for (uint32_t i = 0; i < t->max_frames; i++) {
        uint64_t at = i == idx ? gpa : t->gpa[i];

        nr += at != next && xen_overlay_place_is_valid(at);
        next = at + XEN_GRANT_PAGE_SIZE;
    }
    return nr <= MAX_PLACES;
}

int xen_gnttab_map_page(uint64_t idx, uint64_t gfn)
{
    XenGrantTable *t = grant_table;

    if (!t) {
        return -ENOTSUP;
    }
    if (idx >= t->max_frames) {
        return -EINVAL;
    }
    BQL_LOCK_GUARD();
    /* One that goes may leave those before and behind it in two places. */
    if (!places_fit(t, idx, gfn << XEN_EMU_PAGE_SHIFT)) {
        return -ENOMEM;
    }
    place_frame(t, idx, gfn << XEN_EMU_PAGE_SHIFT);
    if (idx >= t->nr_frames) {
        set_nr_frames(t, idx + 1);
    }
    return 0;
}

int xen_gnttab_reset(void)
{
    XenGrantTable *t = grant_table;

    if (!t) {
        return -ENOTSUP;
    }
    assert(bql_locked());
    xen_grant_end_domain();
    clear_places(t);
    grant_pages_of_ours(t);
    return 0;
}

/* -------------------------------------------------------------- operations */

static bool is_the_guest(domid_t domid)
{
    return domid == DOMID_SELF || domid == xen_domid;
}

int xen_gnttab_set_version_op(struct gnttab_set_version *op)
{
    uint32_t wanted = op->version;

    op->version = 1;
    switch (wanted) {
    case 1:
        return 0;
    case 2:
        return -ENOSYS;         /* as a Xen that never had it */
    default:
        return -EINVAL;
    }
}

int xen_gnttab_get_version_op(struct gnttab_get_version *op)
{
    if (is_the_guest(op->dom)) {
        op->version = 1;
        return 0;
    }
    return -ESRCH;
}

int xen_gnttab_query_size_op(struct gnttab_query_size *op)
{
    XenGrantTable *t = grant_table;

    if (!t) {
        return -ENOTSUP;
    }
    op->status = GNTST_bad_domain;
    if (is_the_guest(op->dom)) {
        op->nr_frames = qatomic_read(&t->nr_frames);
        op->max_nr_frames = t->max_frames;
        op->status = GNTST_okay;
    }
    return 0;
}

/* --------------------------------------------------------------- migration */

static bool nr_frames_is_valid(void *opaque, int version_id)
{
    XenGrantTable *t = opaque;

    if (t->nr_frames <= t->max_frames) {
        return true;
    }
    error_report("xen_gnttab: %" PRIu32 " grant frames in the incoming state, "
                 "but xen-gnttab-max-frames is %" PRIu32,
                 t->nr_frames, t->max_frames);
    /* The number would not be valid to anybody else either. */
    t->nr_frames = 0;
    return false;
}

/* A state that is refused leaves none. */
static int table_pre_load(void *opaque)
{
    clear_places(opaque);
    return 0;
}

static int table_post_load(void *opaque, int version_id)
{
    XenGrantTable *t = opaque;

    for (uint32_t i = t->nr_frames; i < t->max_frames; i++) {
        t->gpa[i] = INVALID_GPA;
    }
    if (!places_fit(t, t->max_frames, 0)) {
        error_report("xen_gnttab: grant frames in the incoming state are in "
                     "more than %u places", MAX_PLACES);
        clear_places(t);
        return -EINVAL;
    }
    for (uint32_t i = 0; i < t->max_frames; i++) {
        place_frame(t, i, t->gpa[i]);
    }
    set_nr_frames(t, t->nr_frames);
    return 0;
}

static bool table_is_needed(void *opaque)
{
    return xen_emu != NULL;
}

static const VMStateDescription table_vmstate = {
    .name = "xen_gnttab",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = table_is_needed,
    .pre_load = table_pre_load,
    .post_load = table_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(nr_frames, XenGrantTable),
        VMSTATE_VALIDATE("nr_frames is within the limit", nr_frames_is_valid),
        VMSTATE_VARRAY_UINT32(gpa, XenGrantTable, nr_frames, 0,
                              vmstate_info_uint64, uint64_t),
        VMSTATE_END_OF_LIST()
    }
};

/* What is written by address, before migration reads the dirty bitmap. */
static void table_log_sync(MemoryListener *listener, bool last_stage)
{
    XenGrantTable *t = grant_table;

    xen_grant_map_set_dirty();
    for (uint32_t i = 0; i < t->max_frames; i++) {
        if (xen_grant_entries_test_and_clear_touched(xen_grant_entries,
                                                     i * ENTRIES_PER_FRAME)) {
            memory_region_set_dirty(&t->memory, i * XEN_GRANT_PAGE_SIZE,
                                    XEN_GRANT_PAGE_SIZE);
        }
    }
}

static MemoryListener table_listener = {
    .name = "xen-grants",
    .log_sync_global = table_log_sync,
};

/* -------------------------------------------------------------------- life */

static void table_realize(DeviceState *dev, Error **errp)
{
    XenGrantTable *t = XEN_GNTTAB(dev);
    uint64_t size;

    if (!xen_emu) {
        error_setg(errp, TYPE_XEN_GNTTAB " is part of Xen emulation "
                   "(-accel ...,xen-version=...)");
        return;
    }
    if (grant_table) {
        error_setg(errp, TYPE_XEN_GNTTAB " exists already");
        return;
    }
    t->max_frames = xen_emu_config()->gnttab_max_frames;
    size = (uint64_t)t->max_frames * XEN_GRANT_PAGE_SIZE;
    if (!memory_region_init_ram(&t->memory, OBJECT(dev), "xen:grant_table",
                                size, errp)) {
        return;
    }
    t->entry = memory_region_get_ram_ptr(&t->memory);
    t->alias = g_new0(MemoryRegion, t->max_frames);
    t->gpa = g_new(uint64_t, t->max_frames);
    for (uint32_t i = 0; i < t->max_frames; i++) {
        memory_region_init_alias(&t->alias[i], OBJECT(dev), NULL, &t->memory,
                                 i * XEN_GRANT_PAGE_SIZE, XEN_GRANT_PAGE_SIZE);
        t->gpa[i] = INVALID_GPA;
    }
    xen_grant_entries = xen_grant_entries_new(
        t->entry, t->max_frames * ENTRIES_PER_FRAME);
    xen_grant_map_init();
    set_nr_frames(t, 0);
    grant_pages_of_ours(t);
    grant_table = t;
    memory_listener_register(&table_listener, &address_space_memory);
}

static void table_class_init(ObjectClass *oc, XenClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);

    dc->realize = table_realize;
    dc->vmsd = &table_vmstate;
    dc->user_creatable = false;
}

static const TypeInfo table_types[] = {
    {
        .name = TYPE_XEN_GNTTAB,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(XenGrantTable),
        .class_init = table_class_init,
    },
};
DEFINE_TYPES(table_types)

void xen_gnttab_create(void)
{
    sysbus_create_simple(TYPE_XEN_GNTTAB, -1, NULL);
}
