/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Overlay pages: memory of Xen's that appears in guest physical memory
 *
 * The shared info page lives here; grant table, xenstore and console pages are
 * mapped through xen_overlay_do_map_page().  The device carries the guest's
 * layout (64- or 32-bit) and the page's place through migration, in upstream's
 * format, and resets the Xen domain with the machine.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "exec/address-spaces.h"
#include "hw/sysbus.h"
#include "hw/xen/xen.h"
#include "hw/xen/emu/emu.h"
#include "hw/xen/emu/vcpu/time.h"
#include "hw/xen/emu/vcpu/vcpu.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "migration/vmstate.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qom/object.h"
#include "system/kvm_xen.h"
#include "cpu.h"
#include "trace.h"

#include "hw/xen/interface/xen.h"

#define TYPE_XEN_OVERLAY "xen-overlay"
OBJECT_DECLARE_SIMPLE_TYPE(XenOverlay, XEN_OVERLAY)

struct XenOverlay {
    SysBusDevice parent_obj;

    MemoryRegion shinfo_mem;
    void *shinfo;
    uint64_t shinfo_gpa;        /* XEN_GPA_NONE: not mapped */
    bool long_mode;             /* migrated copy of xen_emu_long_mode() */
};

static XenOverlay *overlay;

/*
 * Pages that QEMU writes by their address in QEMU.  All are known when the
 * machine has been reset for the first time.
 */
static GPtrArray *written_pages;

/*
 * Aliases are the grant table's, of which QEMU writes no more than flags, for
 * devices that do not migrate.
 */
static void note_page(MemoryRegion *page)
{
    if (!written_pages) {
        written_pages = g_ptr_array_new();
    }
    if (!page->alias && !g_ptr_array_find(written_pages, page, NULL)) {
        g_ptr_array_add(written_pages, page);
    }
}

void xen_overlay_set_dirty(void)
{
    for (guint i = 0; written_pages && i < written_pages->len; i++) {
        memory_region_set_dirty(g_ptr_array_index(written_pages, i), 0,
                                XEN_EMU_PAGE_SIZE);
    }
}

bool xen_overlay_frame_is_valid(uint64_t gfn)
{
    const XenAccelOps *accel = xen_emu_accel();
    unsigned bits = X86_CPU(first_cpu)->phys_bits;

    if (accel->phys_bits) {
        bits = MIN(bits, accel->phys_bits());
    }
    return !(gfn >> (bits - XEN_EMU_PAGE_SHIFT));
}

static bool place_is_valid(uint64_t gpa)
{
    return !(gpa & (XEN_EMU_PAGE_SIZE - 1)) &&
           xen_overlay_frame_is_valid(gpa >> XEN_EMU_PAGE_SHIFT);
}

/*
 * A page is mapped in one place at most: a second place would have to be
 * remembered and migrated, and no guest asks for it.
 */
void xen_overlay_do_map_page(MemoryRegion *page, uint64_t gpa)
{
    bool mapped = memory_region_is_mapped(page);

    note_page(page);
    /*
     * A caller that counts in frames says "none" by the last frame there is;
     * and the grant table's frames are where an incoming state says.
     */
    if (!place_is_valid(gpa)) {
        if (mapped) {
            memory_region_del_subregion(get_system_memory(), page);
        }
        return;
    }
    if (mapped) {
        memory_region_set_address(page, gpa);
        return;
    }
    memory_region_add_subregion_overlap(get_system_memory(), gpa, page, 0);
}

static int accel_set_shared_info(uint64_t gpa, void *hva)
{
    const XenAccelOps *accel = xen_emu_accel();

    return accel->set_shared_info ? accel->set_shared_info(gpa, hva) : 0;
}

/* The vcpu_info of the first vCPUs stand at the start of shared_info. */
static int set_default_vcpu_infos(XenOverlay *s)
{
    for (unsigned i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) {
        XenVcpu *v = xen_vcpu_get(i);
        uint64_t offset = i * XEN_VCPU_INFO_SIZE;
        int ret;

        if (!v) {
            continue;
        }
        ret = xen_vcpu_set_default_info(v, s->shinfo_gpa + offset,
                                        s->shinfo + offset);
        if (ret) {
            return ret;
        }
    }
    return 0;
}

int xen_overlay_map_shinfo_page(uint64_t gpa)
{
    XenOverlay *s = overlay;
    int ret;

    assert(bql_locked());
    trace_xen_overlay_shared_info(gpa);

    /* The kernel must not write through a mapping that is about to move. */
    if (s->shinfo_gpa != XEN_GPA_NONE) {
        ret = accel_set_shared_info(XEN_GPA_NONE, NULL);
        if (ret) {
            return ret;
        }
    }
    xen_overlay_do_map_page(&s->shinfo_mem, gpa);
    s->shinfo_gpa = gpa;
    if (gpa == XEN_GPA_NONE) {
        return 0;
    }

    ret = accel_set_shared_info(gpa, s->shinfo) ?: set_default_vcpu_infos(s);
    if (ret) {
        /* Nowhere, rather than where the kernel does not know of it. */
        accel_set_shared_info(XEN_GPA_NONE, NULL);
        xen_overlay_do_map_page(&s->shinfo_mem, XEN_GPA_NONE);
        s->shinfo_gpa = XEN_GPA_NONE;
        return ret;
    }
    if (!XEN_ACCEL_HAS(xen_emu_accel(), SHARED_INFO)) {
        xen_time_write_wallclock(s->shinfo);
    }
    return 0;
}

void xen_overlay_vcpu_added(unsigned vcpu)
{
    XenVcpu *v = xen_vcpu_get(vcpu);
    uint64_t offset = vcpu * XEN_VCPU_INFO_SIZE;

    if (overlay && overlay->shinfo_gpa != XEN_GPA_NONE &&
        vcpu < XEN_LEGACY_MAX_VCPUS) {
        xen_vcpu_set_default_info(v, overlay->shinfo_gpa + offset,
                                  overlay->shinfo + offset);
    }
}

void *xen_overlay_get_shinfo_ptr(void)
{
    return overlay ? overlay->shinfo : NULL;
}

int xen_overlay_clear(void)
{
    if (!overlay) {
        return 0;
    }
    memset(overlay->shinfo, 0, XEN_EMU_PAGE_SIZE);
    return xen_overlay_map_shinfo_page(XEN_GPA_NONE);
}

int xen_emu_set_long_mode(bool long_mode)
{
    const XenAccelOps *accel = xen_emu_accel();
    int ret = 0;

    if (accel->set_long_mode) {
        ret = accel->set_long_mode(long_mode);
        if (ret) {
            return ret;
        }
    }
    xen_emu_note_long_mode(long_mode);
    return 0;
}

void xen_emu_note_long_mode(bool long_mode)
{
    bool changed = xen_emu_long_mode() != long_mode;

    qatomic_set(&xen_emu->long_mode, long_mode);
    xen_evtchn_set_long_mode(xen_emu_evtchn(), long_mode);
    if (changed && overlay->shinfo_gpa != XEN_GPA_NONE &&
        !XEN_ACCEL_HAS(xen_emu_accel(), SHARED_INFO)) {
        xen_time_write_wallclock(overlay->shinfo);
    }
}

int xen_sync_long_mode(void)
{
    const XenAccelOps *accel = xen_emu_accel();
    bool long_mode;
    int ret;

    if (!accel->get_long_mode) {
        return 0;
    }
    ret = accel->get_long_mode(&long_mode);
    if (!ret) {
        xen_emu_note_long_mode(long_mode);
    }
    return ret;
}

int xen_set_long_mode(bool long_mode)
{
    return xen_emu_set_long_mode(long_mode);
}

bool xen_is_long_mode(void)
{
    return xen_emu && xen_emu_long_mode();
}

static void overlay_realize(DeviceState *dev, Error **errp)
{
    XenOverlay *s = XEN_OVERLAY(dev);

    if (!xen_emu) {
        error_setg(errp, TYPE_XEN_OVERLAY " is part of Xen emulation "
                   "(-accel ...,xen-version=...)");
        return;
    }
    if (overlay) {
        error_setg(errp, TYPE_XEN_OVERLAY " exists already");
        return;
    }
    if (!memory_region_init_ram(&s->shinfo_mem, OBJECT(dev), "xen:shared_info",
                                XEN_EMU_PAGE_SIZE, errp)) {
        return;
    }
    s->shinfo = memory_region_get_ram_ptr(&s->shinfo_mem);
    s->shinfo_gpa = XEN_GPA_NONE;
    overlay = s;
    /* Events are noted in it before the guest says where it shall be. */
    note_page(&s->shinfo_mem);
}

/*
 * The kernel latches the layout when the guest asks for its hypercall page;
 * a guest that was saved between that and its first hypercall has told the
 * kernel only.
 */
static int overlay_pre_save(void *opaque)
{
    XenOverlay *s = opaque;
    int ret = xen_sync_long_mode();

    s->long_mode = xen_emu_long_mode();
    return ret;
}

static int overlay_post_load(void *opaque, int version_id)
{
    XenOverlay *s = opaque;
    uint64_t gpa = s->shinfo_gpa;

    if (gpa != XEN_GPA_NONE && !place_is_valid(gpa)) {
        error_report("xen_overlay: shared info in the incoming state is at "
                     "0x%" PRIx64 ", where no page can be", gpa);
        return -EINVAL;
    }
    if (xen_emu_set_long_mode(s->long_mode)) {
        return -EINVAL;
    }
    /* What was mapped before the load is not where the stream says. */
    s->shinfo_gpa = XEN_GPA_NONE;
    if (xen_overlay_map_shinfo_page(gpa)) {
        return -EINVAL;
    }
    if (xen_vcpu_check_loaded_all()) {
        return -EINVAL;
    }
    xen_vcpu_post_load_all();
    return 0;
}

static bool overlay_is_needed(void *opaque)
{
    return xen_emu != NULL;
}

static const VMStateDescription overlay_vmstate = {
    .name = "xen_overlay",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = overlay_is_needed,
    .pre_save = overlay_pre_save,
    .post_load = overlay_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(shinfo_gpa, XenOverlay),
        VMSTATE_BOOL(long_mode, XenOverlay),
        VMSTATE_END_OF_LIST()
    }
};

static void overlay_reset(DeviceState *dev)
{
    xen_emu_soft_reset();
}

static void overlay_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = overlay_realize;
    dc->vmsd = &overlay_vmstate;
    dc->user_creatable = false;
    device_class_set_legacy_reset(dc, overlay_reset);
}

static const TypeInfo overlay_types[] = {
    {
        .name = TYPE_XEN_OVERLAY,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(XenOverlay),
        .class_init = overlay_class_init,
    },
};
DEFINE_TYPES(overlay_types)

void xen_overlay_create(void)
{
    sysbus_create_simple(TYPE_XEN_OVERLAY, -1, NULL);

    /* Domain 0 is QEMU itself, the back ends' domain. */
    if (xen_domid == DOMID_QEMU) {
        xen_domid = 1;
    }
}
