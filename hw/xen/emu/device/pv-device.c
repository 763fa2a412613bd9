/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration blockers of PV devices
 *
 * A PV device blocks migration unless its class has a vmsd.  For this, realize
 * and unrealize of each class of PV device are hooked.
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/emu.h"
#include "hw/xen/xen-bus.h"
#include "migration/blocker.h"
#include "qapi/error.h"

/* XenDevice * -> Error *: migration blockers. */
static GHashTable *blockers;

/* Those of TYPE_XEN_DEVICE, inherited by all its subclasses. */
static DeviceRealize parent_realize;
static DeviceUnrealize parent_unrealize;

static void realize(DeviceState *dev, Error **errp)
{
    ERRP_GUARD();
    Error *blocker = NULL;

    parent_realize(dev, errp);
    if (*errp || DEVICE_GET_CLASS(dev)->vmsd) {
        return;
    }
    error_setg(&blocker, "%s '%s' cannot be migrated",
               object_get_typename(OBJECT(dev)), XEN_DEVICE(dev)->name);
    if (migrate_add_blocker(&blocker, errp) < 0) {
        parent_unrealize(dev);
        return;
    }
    g_hash_table_insert(blockers, dev, blocker);
}

static void unrealize(DeviceState *dev)
{
    gpointer blocker;

    if (g_hash_table_steal_extended(blockers, dev, NULL, &blocker)) {
        migrate_del_blocker((Error **)&blocker);
    }
    parent_unrealize(dev);
}

/* Each class has its own copy of the inherited pointers. */
static void hook_class(ObjectClass *oc, void *opaque)
{
    DeviceClass *dc = DEVICE_CLASS(oc);

    if (dc->realize == parent_realize) {
        dc->realize = realize;
        dc->unrealize = unrealize;
    }
}

void xen_emu_hook_pv_devices(void)
{
    DeviceClass *dc = DEVICE_CLASS(object_class_by_name(TYPE_XEN_DEVICE));

    blockers = g_hash_table_new(NULL, NULL);
    parent_realize = dc->realize;
    parent_unrealize = dc->unrealize;
    object_class_foreach(hook_class, TYPE_XEN_DEVICE, true, NULL);
}
