/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xen-overlay device: reset and migration of the shared-info page
 *
 * Migrates the guest's layout (64- or 32-bit) and the page's address in
 * upstream's format, and resets the Xen domain when the machine is reset.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "hw/core/sysbus.h"
#include "hw/xen/xen.h"
#include "hw/xen/emu/device/reset.h"
#include "hw/xen/emu/device/vcpu.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/memory/overlay.h"
#include "hw/xen/emu/memory/shared-info.h"
#include "hw/xen/emu/qemu-compat.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "migration/vmstate.h"
#include "qom/object.h"
#include "system/kvm_xen.h"

#define TYPE_XEN_OVERLAY "xen-overlay"
OBJECT_DECLARE_SIMPLE_TYPE(XenOverlay, XEN_OVERLAY)

/* Only used during save and load. */
struct XenOverlay {
    SysBusDevice parent_obj;

    uint64_t shinfo_gpa;
    bool long_mode;
};

static void overlay_realize(DeviceState *dev, Error **errp)
{
    if (!xen_emu) {
        error_setg(errp, TYPE_XEN_OVERLAY " requires Xen emulation "
                   "(-accel ...,xen-version=...)");
        return;
    }
    if (xen_shared_info()) {
        error_setg(errp, TYPE_XEN_OVERLAY " exists already");
        return;
    }
    xen_shared_info_init(OBJECT(dev), errp);
}

/*
 * KVM latches the layout when the guest enables its hypercall page, and QEMU is
 * not notified before the guest's first hypercall.
 */
static int overlay_pre_save(void *opaque)
{
    XenOverlay *s = opaque;
    int ret = xen_sync_long_mode();

    s->shinfo_gpa = xen_shared_info_page.gpa;
    s->long_mode = xen_emu_long_mode();
    return ret;
}

static int overlay_post_load(void *opaque, int version_id)
{
    XenOverlay *s = opaque;
    uint64_t gpa = s->shinfo_gpa;

    if (gpa != XEN_GPA_NONE && !xen_overlay_place_is_valid(gpa)) {
        error_report("xen_overlay: shared info in the incoming state is at "
                     "the invalid address 0x%" PRIx64, gpa);
        return -EINVAL;
    }
    if (xen_restore_long_mode(s->long_mode)) {
        return -EINVAL;
    }
    /* Forget the address from before the load, so that this maps it again. */
    xen_shared_info_page.gpa = XEN_GPA_NONE;
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

/*
 * S3 concerns a Xen domain's vCPUs and devices: all that the guest shares with
 * Xen is still there when it wakes up.
 */
static void overlay_reset_hold(Object *obj, ResetType type)
{
    if (type != RESET_TYPE_WAKEUP) {
        xen_emu_machine_reset();
    }
}

static void overlay_class_init(ObjectClass *klass, XenClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = overlay_realize;
    dc->vmsd = &overlay_vmstate;
    dc->user_creatable = false;
    RESETTABLE_CLASS(klass)->phases.hold = overlay_reset_hold;
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

    /* Domain 0 is QEMU, which runs the back ends. */
    if (xen_domid == DOMID_QEMU) {
        xen_domid = 1;
    }
}
