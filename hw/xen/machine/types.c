/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine types for Xen guests: pc-i440fx-xen and pc-q35-xen
 *
 * They are upstream's versioned machines with other defaults: Xen is on, emulated
 * disks and NICs have PV twins, KVM is preferred, and the platform device is in a
 * slot that tools leave free.  Since libvirt knows a PC by the prefixes
 * "pc-i440fx-" and "pc-q35-", it takes them for what they are.
 *
 * A version's guest must be able to migrate to a later QEMU, so a type stays as
 * it is.  For a new version of upstream's, add a row that takes over the alias.
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/qemu-compat.h"
#include "qemu/config-file.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "qapi/error.h"
#include "hw/core/boards.h"
#include "platform-slot.h"
#include "twins.h"

#define VERSION     "4.17"

static void init(MachineState *ms)
{
    ObjectClass *oc = OBJECT_CLASS(MACHINE_GET_CLASS(ms));

    /* Not in instance_init(): introspection creates instances of any machine. */
    xen_twins_set_default(true);
    MACHINE_CLASS(object_class_get_parent(oc))->init(ms);
    xen_platform_move_up();
}

static void instance_init(Object *obj)
{
    MachineClass *mc = MACHINE_GET_CLASS(obj);

    object_property_set_str(obj, "xen-version", VERSION, &error_abort);
    /*
     * QEMU's own default is TCG.  An accel= of the machine is weaker than one of
     * -machine, but is an error beside -accel.
     */
    if (QTAILQ_EMPTY(&qemu_find_opts("accel")->head)) {
        mc->default_machine_opts = "accel=kvm:tcg";
    }
}

static void class_init(ObjectClass *oc, XenClassData *alias)
{
    MachineClass *mc = MACHINE_CLASS(oc);
    MachineClass *parent = MACHINE_CLASS(object_class_get_parent(oc));

    mc->desc = g_strdup_printf("%s for Xen guests", parent->desc);
    mc->alias = alias;
    mc->is_default = false;
    mc->init = init;
    /* A class has a list of its own. */
    for (unsigned i = 0; i < parent->compat_props->len; i++) {
        g_ptr_array_add(mc->compat_props,
                        g_ptr_array_index(parent->compat_props, i));
    }
}

static const TypeInfo types[] = {
    {
        .name = MACHINE_TYPE_NAME("pc-i440fx-xen-10.0"),
        .parent = MACHINE_TYPE_NAME("pc-i440fx-10.0"),
        .instance_init = instance_init,
        .class_init = class_init,
        .class_data = (void *)"pc-i440fx-xen",
    }, {
        .name = MACHINE_TYPE_NAME("pc-q35-xen-10.0"),
        .parent = MACHINE_TYPE_NAME("pc-q35-10.0"),
        .instance_init = instance_init,
        .class_init = class_init,
        .class_data = (void *)"pc-q35-xen",
    },
};

DEFINE_TYPES(types)
