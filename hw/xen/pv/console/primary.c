/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The primary console: what a guest finds before it has xenstore
 *
 * A page, a port and a reserved grant of the page, as a toolstack prepares them
 * for a new domain.  The page is memory of QEMU's, placed in the guest's by
 * xen_overlay_do_map_page(); QEMU uses it without the grant, which is there for
 * the guest to see.  The interface is upstream's,
 * hw/i386/kvm/xen_primary_console.h.
 */
#include "qemu/osdep.h"
#include "console.h"
#include "hw/i386/kvm/xen_evtchn.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "hw/i386/kvm/xen_primary_console.h"
#include "hw/core/sysbus.h"
#include "hw/xen/xen.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/qemu-compat.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "system/kvm_xen.h"
#include "cpu.h"
#include "trace.h"

#include "hw/xen/interface/event_channel.h"
#include "hw/xen/interface/grant_table.h"

#define TYPE_XEN_PRIMARY_CONSOLE "xen-primary-console"
OBJECT_DECLARE_SIMPLE_TYPE(XenPrimaryConsole, XEN_PRIMARY_CONSOLE)

struct XenPrimaryConsole {
    SysBusDevice parent_obj;

    MemoryRegion mr;            /* one page of RAM */
    evtchn_port_t be_port;      /* the back end's; 0: not connected */
    XenConsole *backend;
    xengnttab_handle *grants;
    Notifier reset;
};

/* One a machine; NULL: this one has none.  Set before the guest runs. */
static XenPrimaryConsole *primary;

static void primary_realize(DeviceState *dev, Error **errp)
{
    XenPrimaryConsole *s = XEN_PRIMARY_CONSOLE(dev);

    /* The name is upstream's, and part of the migration stream. */
    memory_region_init_ram(&s->mr, OBJECT(dev), "xen:console_page",
                           XEN_PAGE_SIZE, errp);
}

static void reset_notify(Notifier *n, void *phase);

void xen_primary_console_create(void)
{
    DeviceState *dev = qdev_new(TYPE_XEN_PRIMARY_CONSOLE);

    trace_xen_pv_console_primary_create();
    sysbus_realize_and_unref(SYS_BUS_DEVICE(dev), &error_fatal);
    /* Page and port follow at the first reset, when memory is complete. */
    primary = XEN_PRIMARY_CONSOLE(dev);
    xen_emu_set_console(XEN_SPECIAL_PFN(CONSOLE), 0);
    primary->reset.notify = reset_notify;
    xen_emu_add_reset_notifier(&primary->reset);
}

void xen_primary_console_set_backend(XenConsole *con)
{
    primary->backend = con;
}

uint64_t xen_primary_console_get_pfn(void)
{
    return xen_emu_console_pfn();
}

void *xen_primary_console_get_map(void)
{
    return primary ? memory_region_get_ram_ptr(&primary->mr) : NULL;
}

uint16_t xen_primary_console_get_port(void)
{
    return xen_emu_console_port();
}

void xen_primary_console_set_port(uint32_t port)
{
    xen_emu_set_console(xen_emu_console_pfn(), port);
}

void xen_primary_console_set_be_port(uint16_t port)
{
    if (primary) {
        primary->be_port = port;
    }
}

/*
 * All ports of the guest are gone.  A back end that is connected keeps its own,
 * and finds the guest's next port at the other end of it.
 */
static int open_port(XenPrimaryConsole *s)
{
    struct evtchn_bind_interdomain bind = {
        .remote_dom = DOMID_QEMU, .remote_port = s->be_port,
    };
    struct evtchn_alloc_unbound alloc = {
        .dom = DOMID_SELF, .remote_dom = DOMID_QEMU,
    };
    int ret;

    if (s->be_port) {
        ret = xen_evtchn_bind_interdomain_op(&bind);
        xen_primary_console_set_port(bind.local_port);
    } else {
        ret = xen_evtchn_alloc_unbound_op(&alloc);
        xen_primary_console_set_port(alloc.port);
    }
    return ret;
}

static void show_grant(XenPrimaryConsole *s)
{
    uint32_t ref = GNTTAB_RESERVED_CONSOLE;

    if (s->grants) {
        qemu_xen_gnttab_close(s->grants);
    }
    s->grants = qemu_xen_gnttab_open();
    qemu_xen_gnttab_map_refs(s->grants, 1, xen_domid, &ref,
                             PROT_READ | PROT_WRITE);
}

int xen_primary_console_reset(void)
{
    XenPrimaryConsole *s = primary;
    bool connected;             /* has a ring in the page */
    int ret;

    if (!s) {
        return 0;
    }
    /* The old guest's last words first: the page is the next one's. */
    connected = s->backend && s->backend->connected;
    if (connected) {
        xen_console_detach(s->backend);
    }
    memset(memory_region_get_ram_ptr(&s->mr), 0, XEN_PAGE_SIZE);
    if (!memory_region_is_mapped(&s->mr)) {
        xen_overlay_do_map_page(&s->mr, (uint64_t)XEN_SPECIAL_PFN(CONSOLE) <<
                                        TARGET_PAGE_BITS);
    }
    ret = open_port(s);
    trace_xen_pv_console_primary_reset(xen_emu_console_port(), s->be_port);
    if (ret) {
        return ret;
    }
    show_grant(s);
    if (connected) {
        s->backend->port = xen_emu_console_port();
        xen_console_attach(s->backend);
    }
    return 0;
}

static void reset_notify(Notifier *n, void *phase)
{
    int ret;

    if (*(XenResetPhase *)phase == XEN_RESET_RINGS) {
        ret = xen_primary_console_reset();
        if (ret) {
            warn_report("xen: the primary console has no port: %s",
                        strerror(-ret));
        }
    }
}

static void primary_class_init(ObjectClass *oc, XenClassData *data)
{
    DEVICE_CLASS(oc)->realize = primary_realize;
}

static const TypeInfo primary_info = {
    .name = TYPE_XEN_PRIMARY_CONSOLE,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(XenPrimaryConsole),
    .class_init = primary_class_init,
};

static void register_types(void)
{
    type_register_static(&primary_info);
}

type_init(register_types)
