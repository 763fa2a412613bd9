/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the PV bus
 *
 * The manual is include/hw/xen/pv/bus.h.  Which file does what:
 *
 *   bus.c       the bus, its bridge, hot plug
 *   device.c    the type of all devices: realize and unrealize
 *   life.c      front end's changes, disconnect, reset, load, removal
 *   migration.c what a device must be like to take an incoming guest
 *   nodes.c     nodes in xenstore: of the device, of a new domain
 *   channel.c   event channels
 *   grants.c    grants
 *   report.c    what is logged
 *   twin.c      twins of emulated devices, include/hw/xen/pv/twin.h
 *   write-list.c    node writes that other threads leave to the main loop
 */
#ifndef HW_XEN_PV_BUS_INTERNAL_H
#define HW_XEN_PV_BUS_INTERNAL_H

#include "qemu/thread.h"
#include "hw/core/resettable.h"
#include "hw/xen/xen-bus.h"
#include "hw/xen/xen-bus-helper.h"
#include "hw/xen/pv/bus.h"

struct XenDeviceLife {
    XenDevice *xendev;          /* whose it is */
    /* key -> value, of what realize() wrote; see nodes.c */
    GHashTable *backend_nodes, *frontend_nodes;
    bool recording;             /* realize() is running */

    bool realized;              /* all of it: reset and removal may come */
    bool in_reset;              /* between disconnect and new nodes */
    bool in_class;              /* frontend_changed() or disconnect() runs */
    bool changed;               /* the front end did, meanwhile */
    bool unplugging;            /* by device_del */
    bool going;                 /* removal is scheduled */
    QEMUTimer *removal;         /* it waits for a migration's end */
    bool loading;               /* a state is, or was, and the VM has not run */

    Notifier reset, resume;

    const XenPvRule *rules;     /* of the class, migration.c; or NULL */
    bool config_loaded;         /* the incoming state has this device */
    /*
     * key -> value of back end's nodes that are less to the guest than those above,
     * by what it was told where it came from; a value may be NULL.
     */
    GHashTable *told;
    uint32_t config_len;        /* only while saved or loaded */
    uint8_t *config;

    QemuMutex log_lock;         /* guards the rest */
    unsigned log_lines;         /* that may be logged at once */
    unsigned log_lost;
    int64_t log_refilled;       /* ns of the real-time clock */
};

static inline XenBus *xen_device_bus(XenDevice *xendev)
{
    return XEN_BUS(qdev_get_parent_bus(DEVICE(xendev)));
}

/* ----------------------------------------------------------------- nodes.c */

/* Once, before the first device.  BQL for all of these. */
void xen_pv_nodes_init(void);
/* The paths; false with *errp. */
bool xen_pv_nodes_set_paths(XenDevice *xendev, Error **errp);
/* Creates what the bus writes for each device. */
bool xen_pv_nodes_create(XenDevice *xendev, Error **errp);
/*
 * As for a new domain: created once more, with what realize() wrote, or less
 * (XenDeviceLife.told).
 */
void xen_pv_nodes_renew(XenDevice *xendev);
void xen_pv_nodes_destroy(XenDevice *xendev);
/*
 * Watches: @frontend is called with @xendev when the front end's state is
 * written, @backend when ours is.
 */
bool xen_pv_nodes_watch(XenDevice *xendev, xs_watch_fn frontend,
                        xs_watch_fn backend, Error **errp);
void xen_pv_nodes_unwatch(XenDevice *xendev);
/* XenbusStateUnknown where there is none. */
enum xenbus_state xen_pv_nodes_frontend_state(XenDevice *xendev);
enum xenbus_state xen_pv_nodes_backend_state(XenDevice *xendev);
bool xen_pv_nodes_backend_online(XenDevice *xendev);
void xen_pv_nodes_set_online(XenDevice *xendev, bool online);

/* ------------------------------------------------------------------ life.c */

void xen_pv_frontend_changed(XenDevice *xendev);
void xen_pv_backend_changed(XenDevice *xendev);
/* Stops all that the device does for the guest. */
void xen_pv_disconnect(XenDevice *xendev);
/* device_del */
void xen_pv_unplug(XenDevice *xendev);
/* Follows resets and the front end from now on, or no longer. */
void xen_pv_life_begin(XenDevice *xendev);
void xen_pv_life_end(XenDevice *xendev);
/* Before anything else of the machine is reset. */
void xen_pv_reset_enter(Object *obj, ResetType type);

/* ------------------------------------------------------------- migration.c */

/* A section of its own, early in the stream.  BQL. */
void xen_pv_migration_begin(XenDevice *xendev);
void xen_pv_migration_end(XenDevice *xendev);
/* A guest is about to be loaded, which may have no such device. */
void xen_pv_migration_reset(XenDevice *xendev);
/*
 * What the guest is told by a node that realize() wrote with @value: that, less,
 * or NULL, which is nothing.
 */
const char *xen_pv_migration_told(XenDevice *xendev, const char *key,
                                  const char *value);

/* --------------------------------------------------------------- channel.c */

/*
 * Its handler does not run any more; the channel stays bound.  BQL, or in the
 * channel's context.
 */
void xen_pv_channel_stop(XenEventChannel *channel);
/* All of a device's; BQL. */
void xen_pv_channels_stop(XenDevice *xendev);
void xen_pv_channels_unbind(XenDevice *xendev);

/* ------------------------------------------------------------------ twin.c */

/*
 * @twin, which is new, becomes a child of @emulated.  False: it was freed, and
 * *errp is set.
 */
bool xen_twin_realize(DeviceState *twin, DeviceState *emulated, Error **errp);

/* ---------------------------------------------------------------- report.c */

void xen_pv_report_init(XenDevice *xendev);
void xen_pv_report_cleanup(XenDevice *xendev);

#endif
