/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV devices keep the guest from being migrated
 *
 * The state of the emulation migrates, xenstore's too; that of a back end only
 * if its class has a description of it (a vmsd).  Every class of PV device is
 * led past us by its realize() and unrealize(), so QEMU's Xen bus need not know.
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/emu.h"
#include "hw/xen/xen-bus.h"
#include "migration/blocker.h"
#include "qapi/error.h"

/* XenDevice * -> Error *, what keeps the guest from being migrated. */
static GHashTable *blockers;

/* The Xen bus's own, the same for each class of device. */
static DeviceRealize own_realize;
static DeviceUnrealize own_unrealize;

static void realize(DeviceState *dev, Error **errp)
{
    ERRP_GUARD();
    Error *blocker = NULL;

    own_realize(dev, errp);
    if (*errp || DEVICE_GET_CLASS(dev)->vmsd) {
        return;
    }
    error_setg(&blocker, "%s '%s' cannot be migrated",
               object_get_typename(OBJECT(dev)), XEN_DEVICE(dev)->name);
    if (migrate_add_blocker(&blocker, errp) < 0) {
        own_unrealize(dev);
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
    own_unrealize(dev);
}

/* A class has had a copy of its parent's pointers since it was initialized. */
static void lead_class(ObjectClass *oc, void *opaque)
{
    DeviceClass *dc = DEVICE_CLASS(oc);

    if (dc->realize == own_realize) {
        dc->realize = realize;
        dc->unrealize = unrealize;
    }
}

void xen_emu_lead_pv_devices(void)
{
    DeviceClass *dc = DEVICE_CLASS(object_class_by_name(TYPE_XEN_DEVICE));

    blockers = g_hash_table_new(NULL, NULL);
    own_realize = dc->realize;
    own_unrealize = dc->unrealize;
    object_class_foreach(lead_class, TYPE_XEN_DEVICE, true, NULL);
}
