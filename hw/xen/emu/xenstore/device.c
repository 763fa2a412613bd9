/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-xenstore: the device with the ring that the guest shares
 *
 * The page is RAM of QEMU's, placed in the guest's memory; the guest finds it
 * and the port by HVM parameters.  Names of device, memory and migration section
 * are upstream's, and its streams load.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/notify.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qemu/aio.h"
#include "hw/i386/kvm/xen_evtchn.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "hw/i386/kvm/xen_xenstore.h"
#include "hw/core/sysbus.h"
#include "hw/xen/xen.h"
#include "hw/xen/xen_backend_ops.h"
#include "hw/xen/emu/qemu-compat.h"
#include "hw/xen/emu/xenstore/ring.h"
#include "migration/vmstate.h"
#include "qom/object.h"
#include "system/kvm_xen.h"
#include "system/runstate.h"
#include "system/system.h"
#include "cpu.h"
#include "device.h"
#include "trace.h"

#include "hw/xen/interface/event_channel.h"
#include "hw/xen/interface/grant_table.h"

#define TYPE_XEN_XENSTORE "xen-xenstore"
OBJECT_DECLARE_SIMPLE_TYPE(XenXenstoreState, XEN_XENSTORE)

#define REPORT_INTERVAL_MS  1000
#define MESSAGE_MAX     (sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX)
/*
 * Of either part of an incoming state.  2.5 MiB of nodes that are the guest's,
 * and ten transactions that may each have as much again; upstream's likewise.
 */
#define STATE_MAX       (64 * MiB)

struct XenXenstoreState {
    SysBusDevice parent_obj;

    XenstoreRing ring;
    MemoryRegion page;
    evtchn_port_t guest_port, be_port;
    struct xenevtchn_handle *eh;
    xengnttab_handle *grants;
    QEMUBH *bh;
    Notifier shutdown, wakeup;
    bool was_reset;             /* once at least */
    bool reported;              /* that this guest broke its ring */
    int64_t next_report;        /* not before; ms of the real-time clock */

    /* Only while the state is saved or loaded. */
    uint8_t req_data[MESSAGE_MAX], rsp_data[MESSAGE_MAX];
    uint32_t req_offset, rsp_offset;
    bool rsp_pending, fatal_error;
    uint8_t *impl_state, *extra;
    uint32_t impl_state_size, extra_size;
};

/* One a machine, set before the guest runs. */
static XenXenstoreState *device;

/* ------------------------------------------------------------------- ring */

static void trace_request(void *opaque, const XenstoreMessage *req)
{
    trace_xen_xenstore_request(xenstore_wire_name(req->hdr.type),
                               req->hdr.req_id, req->hdr.tx_id, req->hdr.len);
}

static void trace_response(void *opaque, const XenstoreMessage *rsp)
{
    trace_xen_xenstore_response(xenstore_wire_name(rsp->hdr.type),
                                rsp->hdr.req_id, rsp->hdr.tx_id, rsp->hdr.len);
}

/* One line for each life of a guest, and those may be short. */
static void report_broken_ring(XenXenstoreState *s)
{
    int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);

    trace_xen_xenstore_broken(s->ring.error);
    if (s->reported) {
        return;
    }
    s->reported = true;
    if (now >= s->next_report) {
        s->next_report = now + REPORT_INTERVAL_MS;
        warn_report("xenstore: the guest sent %s; its connection is closed",
                    s->ring.error == XENSTORE_ERROR_RINGIDX ?
                    "an invalid ring index" : "a message that is too long");
    }
}

/* Main loop, BQL. */
static void run_ring(void *opaque)
{
    XenXenstoreState *s = opaque;
    XenstoreRingResult res;

    /* The page does not change once it may have been saved. */
    if (!runstate_is_running()) {
        return;
    }
    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        res = xenstore_ring_run(&s->ring);
    }
    if (res.notify || res.failed) {
        memory_region_set_dirty(&s->page, 0, XEN_PAGE_SIZE);
    }
    if (res.failed) {
        report_broken_ring(s);
    }
    if (res.notify) {
        xen_be_evtchn_notify(s->eh, s->be_port);
    }
    if (res.again) {
        qemu_bh_schedule(s->bh);
    }
}

static void guest_sent(void *opaque)
{
    XenXenstoreState *s = opaque;
    int port = xen_be_evtchn_pending(s->eh);

    if (port > 0 && port == s->be_port) {
        xen_be_evtchn_unmask(s->eh, port);
        run_ring(s);
    }
}

/* Any thread; see device.h. */
static void event_for_guest(void *opaque)
{
    XenXenstoreState *s = opaque;

    qemu_bh_schedule(s->bh);
}

static void vm_changed(void *opaque, bool running, RunState state)
{
    XenXenstoreState *s = opaque;

    if (running) {
        qemu_bh_schedule(s->bh);
    }
}

/* S3 is no change of the VM's state, but requests and events waited. */
static void woken_up(Notifier *n, void *reason)
{
    XenXenstoreState *s = container_of(n, XenXenstoreState, wakeup);

    qemu_bh_schedule(s->bh);
}

static void shutting_down(Notifier *n, void *data)
{
    QEMU_LOCK_GUARD(&xen_xenstore_mutex);
    xenstore_domain_event(xen_xenstore, false);
}

/* ------------------------------------------------------------------- life */

static void xenstore_realize(DeviceState *dev, Error **errp)
{
    static const XenstoreConnOps ops = { .pending = event_for_guest };
    XenXenstoreState *s = XEN_XENSTORE(dev);

    if (xen_mode != XEN_EMULATE) {
        error_setg(errp, TYPE_XEN_XENSTORE " is for Xen emulation");
        return;
    }
    if (device) {
        error_setg(errp, "there is a " TYPE_XEN_XENSTORE " already");
        return;
    }
    s->eh = xen_be_evtchn_open();
    if (!s->eh) {
        error_setg_errno(errp, errno, "xenstore has no event channel");
        return;
    }
    /* Part of the migration stream, as are the device's names. */
    if (!memory_region_init_ram(&s->page, OBJECT(dev), "xen:xenstore_page",
                                XEN_PAGE_SIZE, errp)) {
        xen_be_evtchn_close(s->eh);
        return;
    }

    device = s;
    xen_xenstore_init(xen_domid);
    s->ring = (XenstoreRing) {
        .page = memory_region_get_ram_ptr(&s->page),
        .conn = xenstore_connect(xen_xenstore, xen_domid, false, &ops, s),
        .request = trace_request,
        .response = trace_response,
    };
    xenstore_ring_reset(&s->ring);
    s->bh = aio_bh_new(qemu_get_aio_context(), run_ring, s);
    aio_set_fd_handler(qemu_get_aio_context(), xen_be_evtchn_fd(s->eh),
                       guest_sent, NULL, NULL, NULL, s);
    qemu_add_vm_change_state_handler(vm_changed, s);
    s->shutdown.notify = shutting_down;
    qemu_register_shutdown_notifier(&s->shutdown);
    s->wakeup.notify = woken_up;
    qemu_register_wakeup_notifier(&s->wakeup);
    xen_xenstore_domain_create(xenstore_connect(xen_xenstore, 0, true, NULL,
                                                NULL));
    xen_xenstore_backend_register();
}

void xen_xenstore_create(void)
{
    /* Page and port follow at the first reset, when memory is complete. */
    sysbus_create_simple(TYPE_XEN_XENSTORE, -1, NULL);
}

uint16_t xen_xenstore_get_port(void)
{
    return device ? device->guest_port : 0;
}

/*
 * QEMU needs no grant for the page.  The guest's entry shows that the other end
 * uses it, as on Xen.
 */
static void show_grant(XenXenstoreState *s)
{
    uint32_t ref = GNTTAB_RESERVED_XENSTORE;

    if (s->grants) {
        qemu_xen_gnttab_close(s->grants);
    }
    s->grants = qemu_xen_gnttab_open();
    qemu_xen_gnttab_map_refs(s->grants, 1, xen_domid, &ref,
                             PROT_READ | PROT_WRITE);
}

int xen_xenstore_reset(void)
{
    XenXenstoreState *s = device;
    struct evtchn_alloc_unbound alloc = {
        .dom = DOMID_SELF, .remote_dom = DOMID_QEMU,
    };
    int ret;

    if (!s) {
        return -ENOTSUP;
    }
    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        xenstore_ring_reset(&s->ring);
        if (s->was_reset) {
            xenstore_domain_event(xen_xenstore, false);
        }
        xenstore_reset_domain(xen_xenstore);
        xenstore_domain_event(xen_xenstore, true);
    }
    s->was_reset = true;
    s->reported = false;
    memory_region_set_dirty(&s->page, 0, XEN_PAGE_SIZE);
    if (!memory_region_is_mapped(&s->page)) {
        xen_overlay_do_map_page(&s->page, (uint64_t)XEN_SPECIAL_PFN(XENSTORE)
                                          << TARGET_PAGE_BITS);
    }

    ret = xen_evtchn_alloc_unbound_op(&alloc);
    if (ret) {
        return ret;
    }
    s->guest_port = alloc.port;
    /* A migration that comes in has ports of its own: post_load(). */
    ret = xen_be_evtchn_bind_interdomain(s->eh, xen_domid, s->guest_port);
    if (ret < 0) {
        return ret;
    }
    s->be_port = ret;
    trace_xen_xenstore_reset(s->guest_port);
    xen_xenstore_domain_set_ring(s->guest_port, XEN_SPECIAL_PFN(XENSTORE));
    show_grant(s);
    return 0;
}

/* -------------------------------------------------------------- migration */

/* Moves what @bytes holds. */
static void take_bytes(GByteArray *bytes, uint8_t **data, uint32_t *size)
{
    g_free(*data);
    *size = bytes->len;
    *data = g_byte_array_free(bytes, false);
}

static void forget_saved(XenXenstoreState *s)
{
    g_clear_pointer(&s->impl_state, g_free);
    g_clear_pointer(&s->extra, g_free);
    s->impl_state_size = s->extra_size = 0;
}

static int xenstore_pre_save(void *opaque)
{
    XenXenstoreState *s = opaque;
    GByteArray *state = g_byte_array_new(), *extra = g_byte_array_new();

    /* The guest may have connected its port to another. */
    s->guest_port = xen_be_evtchn_get_guest_port(s->eh);
    memcpy(s->req_data, &s->ring.req, MESSAGE_MAX);
    memcpy(s->rsp_data, &s->ring.rsp, MESSAGE_MAX);
    s->req_offset = s->ring.req_len;
    s->rsp_offset = s->ring.rsp_len;
    s->rsp_pending = s->ring.rsp_pending;
    s->fatal_error = s->ring.error;
    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        xenstore_save(xen_xenstore, s->ring.conn, state, extra);
    }
    take_bytes(state, &s->impl_state, &s->impl_state_size);
    take_bytes(extra, &s->extra, &s->extra_size);
    return 0;
}

XEN_POST_SAVE(xenstore_post_save, forget_saved)

static int xenstore_pre_load(void *opaque)
{
    forget_saved(opaque);
    return 0;
}

static int load_ring(XenXenstoreState *s)
{
    XenstoreRing *ring = &s->ring;
    bool valid;

    memcpy(&ring->req, s->req_data, MESSAGE_MAX);
    memcpy(&ring->rsp, s->rsp_data, MESSAGE_MAX);
    ring->req_len = s->req_offset;
    ring->rsp_len = s->rsp_offset;
    ring->rsp_pending = s->rsp_pending;
    ring->error = XENSTORE_ERROR_NONE;
    valid = s->fatal_error || xenstore_ring_valid(ring);
    if (!valid) {
        error_report("xen: a message of xenstore's in the incoming state is "
                     "not a valid one");
    }
    /* Whatever becomes of this machine, its ring must hold. */
    if (s->fatal_error || !valid) {
        ring->error = XENSTORE_ERROR_PROTO;
        ring->req_len = ring->rsp_len = 0;
        ring->rsp_pending = false;
    }
    return valid ? 0 : -EINVAL;
}

static int xenstore_post_load(void *opaque, int version_id)
{
    XenXenstoreState *s = opaque;
    const char *why;
    int ret = load_ring(s);

    if (ret) {
        return ret;
    }
    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        ret = xenstore_load(xen_xenstore, s->ring.conn, s->impl_state,
                            s->impl_state_size, s->extra, s->extra_size, &why);
    }
    if (ret) {
        error_report("xen: xenstore's nodes in the incoming state are not "
                     "valid: %s", why);
        return ret;
    }
    forget_saved(s);
    xen_xenstore_domain_loaded();
    qemu_bh_schedule(s->bh);

    /*
     * Windows' drivers unbind their end and bind to ours again, by the number
     * that they have from EVTCHNOP_status.  In between there is no guest port.
     */
    s->be_port = 0;
    if (s->guest_port) {
        ret = xen_be_evtchn_bind_interdomain(s->eh, xen_domid, s->guest_port);
        if (ret < 0) {
            error_report("xen: xenstore's port %u in the incoming state is "
                         "not a valid one", s->guest_port);
            return ret;
        }
        s->be_port = ret;
    }
    return 0;
}

static bool size_is_valid(uint32_t size)
{
    if (size > STATE_MAX) {
        error_report("xen: the size of xenstore's nodes in the incoming state "
                     "is not a valid one");
        return false;
    }
    return true;
}

static bool state_size_is_valid(void *opaque, int version_id)
{
    return size_is_valid(((XenXenstoreState *)opaque)->impl_state_size);
}

static bool extra_size_is_valid(void *opaque, int version_id)
{
    return size_is_valid(((XenXenstoreState *)opaque)->extra_size);
}

static bool extra_is_needed(void *opaque)
{
    return ((XenXenstoreState *)opaque)->extra_size;
}

static bool is_needed(void *opaque)
{
    return xen_mode == XEN_EMULATE;
}

/* What upstream's section cannot say; see stream.h. */
static const VMStateDescription vmstate_extra = {
    .name = "xen_xenstore/extra",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = extra_is_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(extra_size, XenXenstoreState),
        VMSTATE_VALIDATE("size", extra_size_is_valid),
        VMSTATE_VARRAY_UINT32_ALLOC(extra, XenXenstoreState, extra_size, 0,
                                    vmstate_info_uint8, uint8_t),
        VMSTATE_END_OF_LIST()
    },
};

/* Upstream's, field by field. */
static const VMStateDescription vmstate_xenstore = {
    .name = "xen_xenstore",
    .needed = is_needed,
    .pre_load = xenstore_pre_load,
    .post_load = xenstore_post_load,
    .pre_save = xenstore_pre_save,
    .post_save = xenstore_post_save,
    .minimum_version_id = 1,
    .version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8_ARRAY(req_data, XenXenstoreState, MESSAGE_MAX),
        VMSTATE_UINT8_ARRAY(rsp_data, XenXenstoreState, MESSAGE_MAX),
        VMSTATE_UINT32(req_offset, XenXenstoreState),
        VMSTATE_UINT32(rsp_offset, XenXenstoreState),
        VMSTATE_BOOL(rsp_pending, XenXenstoreState),
        VMSTATE_UINT32(guest_port, XenXenstoreState),
        VMSTATE_BOOL(fatal_error, XenXenstoreState),
        VMSTATE_UINT32(impl_state_size, XenXenstoreState),
        VMSTATE_VALIDATE("size", state_size_is_valid),
        VMSTATE_VARRAY_UINT32_ALLOC(impl_state, XenXenstoreState,
                                    impl_state_size, 0, vmstate_info_uint8,
                                    uint8_t),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription * const []) {
        &vmstate_extra,
        NULL
    },
};

static void class_init(ObjectClass *oc, XenClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);

    dc->realize = xenstore_realize;
    dc->vmsd = &vmstate_xenstore;
}

static const TypeInfo xenstore_info = {
    .name = TYPE_XEN_XENSTORE,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(XenXenstoreState),
    .class_init = class_init,
};

static void register_types(void)
{
    type_register_static(&xenstore_info);
}

type_init(register_types)
