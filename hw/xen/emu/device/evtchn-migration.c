/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration of event channels
 *
 * While the guest uses the 2-level ABI, the section is identical to upstream's,
 * so that either QEMU loads what the other saved.  For a guest that uses FIFO,
 * the section has no ports and all state is in a subsection, which makes an
 * upstream QEMU refuse the stream.  So does the subsection for the runstate
 * update flag, which upstream does not support, if the guest has enabled it.
 *
 * Pending and mask bits are in guest memory.  A stream is untrusted input:
 * everything is checked, here or in the engine, and invalid data fails the load
 * with an error message.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/bitmap.h"
#include "migration/vmstate.h"
#include "hw/xen/emu/device/vcpu-unplugged.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/offload/delivery.h"
#include "hw/xen/emu/qemu-compat.h"
#include "hw/xen/emu/vcpu/runstate.h"
#include "hw/xen/emu/irq/upcall.h"
#include "system/kvm_xen.h"
#include "evtchn-dev-internal.h"

#define VAL_TO_QEMU     0x8000  /* in XenEvtchnSavedPort.val */
#define VAL_PORT        0x7fff

/* New fields go to subsections. */
#define FIRST_VERSION   .version_id = 1, .minimum_version_id = 1

static bool uses_fifo(void)
{
    return xen_evtchn_abi(xen_emu_evtchn()) == XEN_EVTCHN_ABI_FIFO;
}

/* ------------------------------------------------------------------ save */

static XenEvtchnSavedPort encode_port(const XenEvtchnPortInfo *info)
{
    XenEvtchnSavedPort saved = {
        .vcpu = info->vcpu, .type = info->type, .val = info->val,
    };

    if (info->to_backend) {
        saved.val |= VAL_TO_QEMU;
    } else if (info->type == EVTCHNSTAT_unbound && info->val > VAL_PORT) {
        /* No such domain exists, so any other invalid domain will do. */
        saved.val = DOMID_INVALID;
    } else if (info->type == EVTCHNSTAT_interdomain &&
               info->val >= xen_emu_layout()->nr_2l_ports) {
        /* Left over by a 64-bit kernel, before a kexec to a 32-bit one. */
        saved.type = EVTCHNSTAT_unbound;
        saved.val = 0;
    }
    return saved;
}

/* An unmask of the port that waits for a page. */
static void save_parked_unmask(XenEvtchnDevice *s,
                               const XenEvtchnPortInfo *info)
{
    if (info->parked_unmask) {
        s->unmask[s->nr_unmask++] = info->port;
    }
}

static void save_2level(XenEvtchnDevice *s)
{
    s->nr_ports = MIN(xen_evtchn_nr_ports(xen_emu_evtchn()),
                      ARRAY_SIZE(s->port));
    s->parked = g_new(uint32_t, s->nr_ports);
    s->unmask = g_new(uint32_t, s->nr_ports);
    for (uint32_t port = 0; port < s->nr_ports; port++) {
        XenEvtchnPortInfo info;

        xen_evtchn_port_info(xen_emu_evtchn(), port, &info);
        s->port[port] = encode_port(&info);
        if (info.parked) {
            s->parked[s->nr_parked++] = port;
        }
        save_parked_unmask(s, &info);
    }
}

static void save_fifo_vcpus(XenEvtchnDevice *s)
{
    XenEvtchn *e = xen_emu_evtchn();

    s->nr_fifo_vcpus = xen_evtchn_max_vcpus(xen_emu_evtchn());
    s->fifo_vcpu = g_new0(XenEvtchnSavedFifoVcpu, s->nr_fifo_vcpus);
    for (unsigned i = 0; i < s->nr_fifo_vcpus; i++) {
        s->fifo_vcpu[i].control_gpa = xen_evtchn_fifo_control_gpa(e, i);
        for (unsigned q = 0; q < EVTCHN_FIFO_MAX_QUEUES; q++) {
            s->fifo_vcpu[i].tail[q] = xen_evtchn_fifo_tail(e, i, q);
        }
    }

    s->nr_array_pages = xen_evtchn_fifo_nr_array_pages(e);
    s->array_gfn = g_new(uint64_t, s->nr_array_pages);
    for (unsigned i = 0; i < s->nr_array_pages; i++) {
        s->array_gfn[i] = xen_evtchn_fifo_array_gfn(e, i);
    }
}

static void save_fifo_ports(XenEvtchnDevice *s)
{
    uint32_t end = xen_evtchn_nr_ports(xen_emu_evtchn());

    s->fifo_port = g_new0(XenEvtchnSavedFifoPort, end);
    s->unmask = g_new(uint32_t, end);
    for (uint32_t port = 1; port < end; port++) {
        XenEvtchnPortInfo info;

        if (xen_evtchn_port_info(xen_emu_evtchn(), port, &info)) {
            s->fifo_port[s->nr_fifo_ports++] = (XenEvtchnSavedFifoPort) {
                .port = port,
                .val = info.val,
                .vcpu = info.vcpu,
                .queue_vcpu = info.queue_vcpu,
                .type = info.type,
                .priority = info.priority,
                .queue_priority = info.queue_priority,
                .to_backend = info.to_backend,
                .parked = info.parked,
            };
            save_parked_unmask(s, &info);
        }
    }
}

/* Resets @s before a save or load, and frees what the last one left. */
static void clear(XenEvtchnDevice *s)
{
    g_clear_pointer(&s->fifo_vcpu, g_free);
    g_clear_pointer(&s->fifo_port, g_free);
    g_clear_pointer(&s->array_gfn, g_free);
    g_clear_pointer(&s->parked, g_free);
    g_clear_pointer(&s->unmask, g_free);
    g_clear_pointer(&s->pirq.allocated, g_free);
    g_clear_pointer(&s->unplugged, g_free);
    s->nr_ports = s->nr_array_pages = s->nr_parked = s->nr_unmask = 0;
    s->nr_fifo_vcpus = s->nr_fifo_ports = s->nr_unplugged = 0;
    s->runstate_flag = false;
    s->hypercall_port = 0;
    s->pirq.nr_words = DIV_ROUND_UP(kvm_xen_get_evtchn_max_pirq(), 64);
}

static int evtchn_pre_save(void *opaque)
{
    XenEvtchnDevice *s = opaque;

    clear(s);
    s->callback_param = xen_upcall_param();
    s->runstate_flag = xen_runstate_update_flag();
    s->hypercall_port = xen_emu_accel()->hypercall_port;
    s->pirq.allocated = g_new0(uint64_t, s->pirq.nr_words);
    xen_pirq_save(&s->pirq);
    s->unplugged = xen_unplugged_save(&s->nr_unplugged);
    if (uses_fifo()) {
        save_fifo_vcpus(s);
        save_fifo_ports(s);
    } else {
        save_2level(s);
    }
    return 0;
}

XEN_POST_SAVE(evtchn_post_save, clear)

/* ------------------------------------------------------------------ load */

static int evtchn_pre_load(void *opaque)
{
    clear(opaque);
    return 0;
}

/* @list as a bitmap, for a fast lookup of each port. */
static unsigned long *port_set(const uint32_t *list, uint32_t nr)
{
    unsigned long *set = bitmap_new(EVTCHN_FIFO_NR_CHANNELS);

    for (uint32_t i = 0; i < nr; i++) {
        if (list[i] < EVTCHN_FIFO_NR_CHANNELS) {
            set_bit(list[i], set);
        }
    }
    return set;
}

static XenEvtchnPortInfo decode_port(const XenEvtchnDevice *s, uint32_t port)
{
    const XenEvtchnSavedPort *saved = &s->port[port];
    XenEvtchnPortInfo info = {
        .port = port,
        /* The engine refuses the maximum values. */
        .type = MIN(saved->type, UINT8_MAX),
        .priority = EVTCHN_FIFO_PRIORITY_DEFAULT,
        .queue_priority = EVTCHN_FIFO_PRIORITY_DEFAULT,
        .vcpu = MIN(saved->vcpu, UINT16_MAX),
        .queue_vcpu = MIN(saved->vcpu, UINT16_MAX),
        .val = saved->val,
    };

    if (info.type == EVTCHNSTAT_unbound ||
        info.type == EVTCHNSTAT_interdomain) {
        info.to_backend = saved->val & VAL_TO_QEMU;
        info.val = saved->val & VAL_PORT;
    }
    return info;
}

static int refuse_port(uint32_t port, int ret)
{
    error_report("xen_evtchn: port %" PRIu32 " in the incoming state is "
                 "invalid", port);
    return ret;
}

static int load_2level(const XenEvtchnDevice *s)
{
    g_autofree unsigned long *parked = port_set(s->parked, s->nr_parked);
    g_autofree unsigned long *unmask = port_set(s->unmask, s->nr_unmask);

    for (uint32_t port = 0; port < s->nr_ports; port++) {
        XenEvtchnPortInfo info = decode_port(s, port);
        int ret;

        if (info.type == EVTCHNSTAT_closed) {
            continue;
        }
        info.parked = test_bit(port, parked);
        info.parked_unmask = test_bit(port, unmask);
        ret = xen_evtchn_restore_port(xen_emu_evtchn(), &info);
        if (ret) {
            return refuse_port(port, ret);
        }
    }
    return 0;
}

static int load_fifo_pages(const XenEvtchnDevice *s)
{
    XenEvtchn *e = xen_emu_evtchn();

    for (unsigned i = 0; i < s->nr_fifo_vcpus; i++) {
        int ret = xen_evtchn_restore_fifo_control(e, i,
                                                  s->fifo_vcpu[i].control_gpa);

        if (ret) {
            error_report("xen_evtchn: control block of vCPU %u in the incoming "
                         "state is at the invalid address 0x%" PRIx64, i,
                         s->fifo_vcpu[i].control_gpa);
            return ret;
        }
    }
    for (unsigned i = 0; i < s->nr_array_pages; i++) {
        int ret = xen_evtchn_restore_fifo_array(e, i, s->array_gfn[i]);

        if (ret) {
            error_report("xen_evtchn: page %u of the event array in the "
                         "incoming state is frame 0x%" PRIx64 ", which is not "
                         "RAM", i, s->array_gfn[i]);
            return ret;
        }
    }
    return 0;
}

static int load_fifo_ports(const XenEvtchnDevice *s)
{
    g_autofree unsigned long *unmask = port_set(s->unmask, s->nr_unmask);

    for (unsigned i = 0; i < s->nr_fifo_ports; i++) {
        const XenEvtchnSavedFifoPort *saved = &s->fifo_port[i];
        int ret = xen_evtchn_restore_port(xen_emu_evtchn(),
                                          &(XenEvtchnPortInfo) {
            .port = saved->port,
            .type = saved->type,
            .priority = saved->priority,
            .vcpu = saved->vcpu,
            .val = saved->val,
            .to_backend = saved->to_backend,
            .parked = saved->parked,
            .parked_unmask = saved->port < EVTCHN_FIFO_NR_CHANNELS &&
                             test_bit(saved->port, unmask),
            .queue_vcpu = saved->queue_vcpu,
            .queue_priority = saved->queue_priority,
        });

        if (ret) {
            return refuse_port(saved->port, ret);
        }
    }
    return 0;
}

static int load_fifo_tails(const XenEvtchnDevice *s)
{
    for (unsigned i = 0; i < s->nr_fifo_vcpus; i++) {
        for (unsigned q = 0; q < EVTCHN_FIFO_MAX_QUEUES; q++) {
            uint32_t tail = s->fifo_vcpu[i].tail[q];
            int ret = xen_evtchn_restore_fifo_tail(xen_emu_evtchn(), i, q,
                                                   tail);

            if (ret) {
                error_report("xen_evtchn: queue %u of vCPU %u in the incoming "
                             "state has the invalid tail %" PRIu32, q, i, tail);
                return ret;
            }
        }
    }
    return 0;
}

static int load_fifo(const XenEvtchnDevice *s)
{
    int ret;

    if (xen_emu_config()->evtchn_abi == XEN_EMU_ABI_2LEVEL) {
        error_report("xen_evtchn: the incoming guest uses the FIFO ABI, but "
                     "xen-evtchn-abi is 2level");
        error_printf("Valid values are auto and fifo.\n");
        return -EINVAL;
    }
    ret = load_fifo_pages(s);
    if (!ret) {
        ret = load_fifo_ports(s);
    }
    return ret ?: load_fifo_tails(s);
}

static int evtchn_post_load(void *opaque, int version_id)
{
    XenEvtchnDevice *s = opaque;
    XenEvtchn *e = xen_emu_evtchn();
    int ret;

    ret = xen_pirq_load(&s->pirq);
    if (ret) {
        error_report("xen_evtchn: the PIRQs in the incoming state are "
                     "inconsistent or exceed xen-evtchn-max-pirq=%u",
                     kvm_xen_get_evtchn_max_pirq());
        return ret;
    }

    ret = xen_evtchn_check_hypercall_port(s) ?:
          xen_unplugged_load(s->unplugged, s->nr_unplugged);
    if (ret) {
        return ret;
    }

    xen_evtchn_restore_begin(e);
    ret = s->nr_fifo_vcpus ? load_fifo(s) : load_2level(s);
    if (ret) {
        /* Drop what was restored so far. */
        xen_evtchn_restore_begin(e);
        return ret;
    }
    ret = xen_evtchn_restore_finish(e);
    if (ret) {
        error_report("xen_evtchn: ports or queues in the incoming state are "
                     "inconsistent");
        return ret;
    }

    if (xen_delivery_set_callback(s->callback_param)) {
        warn_report("xen_evtchn: HVM_PARAM_CALLBACK_IRQ 0x%" PRIx64 " in the "
                    "incoming state is invalid on this machine",
                    s->callback_param);
    }
    if (xen_runstate_set_update_flag(s->runstate_flag) && s->runstate_flag) {
        warn_report("xen_evtchn: the incoming guest relies on "
                    "XEN_RUNSTATE_UPDATE, which this host's KVM does not set");
    }
    xen_delivery_update();
    xen_pirq_update_all_routes();
    clear(s);
    return 0;
}

/* -------------------------------------------------------------- sections */

static bool evtchn_needed(void *opaque)
{
    return xen_emu != NULL;
}

static bool nr_ports_is_valid(void *opaque, int version_id)
{
    XenEvtchnDevice *s = opaque;

    return s->nr_ports <= ARRAY_SIZE(s->port);
}

static bool nr_parked_is_valid(void *opaque, int version_id)
{
    XenEvtchnDevice *s = opaque;

    return s->nr_parked <= ARRAY_SIZE(s->port);
}

static bool parked_needed(void *opaque)
{
    XenEvtchnDevice *s = opaque;

    return s->nr_parked > 0;
}

static bool nr_unmask_is_valid(void *opaque, int version_id)
{
    XenEvtchnDevice *s = opaque;

    return s->nr_unmask < EVTCHN_FIFO_NR_CHANNELS;
}

static bool unmask_needed(void *opaque)
{
    XenEvtchnDevice *s = opaque;

    return s->nr_unmask > 0;
}

static bool runstate_flag_needed(void *opaque)
{
    XenEvtchnDevice *s = opaque;

    return s->runstate_flag;
}

static bool fifo_needed(void *opaque)
{
    XenEvtchnDevice *s = opaque;

    return s->nr_fifo_vcpus > 0;
}

static bool nr_fifo_vcpus_is_valid(void *opaque, int version_id)
{
    XenEvtchnDevice *s = opaque;

    return s->nr_fifo_vcpus > 0 &&
           s->nr_fifo_vcpus <= xen_evtchn_max_vcpus(xen_emu_evtchn());
}

static bool nr_array_pages_is_valid(void *opaque, int version_id)
{
    XenEvtchnDevice *s = opaque;

    return s->nr_array_pages <= XEN_EVTCHN_MAX_ARRAY_PAGES;
}

static bool nr_fifo_ports_is_valid(void *opaque, int version_id)
{
    XenEvtchnDevice *s = opaque;

    return s->nr_fifo_ports >= 0 &&
           s->nr_fifo_ports < EVTCHN_FIFO_NR_CHANNELS;
}

static const VMStateDescription port_vmstate = {
    .name = "xen_evtchn_port",
    FIRST_VERSION,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(vcpu, XenEvtchnSavedPort),
        VMSTATE_UINT16(type, XenEvtchnSavedPort),
        VMSTATE_UINT16(val, XenEvtchnSavedPort),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription fifo_port_vmstate = {
    .name = "xen_evtchn_fifo_port",
    FIRST_VERSION,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(port, XenEvtchnSavedFifoPort),
        VMSTATE_UINT32(val, XenEvtchnSavedFifoPort),
        VMSTATE_UINT16(vcpu, XenEvtchnSavedFifoPort),
        VMSTATE_UINT16(queue_vcpu, XenEvtchnSavedFifoPort),
        VMSTATE_UINT8(type, XenEvtchnSavedFifoPort),
        VMSTATE_UINT8(priority, XenEvtchnSavedFifoPort),
        VMSTATE_UINT8(queue_priority, XenEvtchnSavedFifoPort),
        VMSTATE_BOOL(to_backend, XenEvtchnSavedFifoPort),
        VMSTATE_BOOL(parked, XenEvtchnSavedFifoPort),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription fifo_vcpu_vmstate = {
    .name = "xen_evtchn_fifo_vcpu",
    FIRST_VERSION,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(control_gpa, XenEvtchnSavedFifoVcpu),
        VMSTATE_UINT32_ARRAY(tail, XenEvtchnSavedFifoVcpu,
                             EVTCHN_FIFO_MAX_QUEUES),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription fifo_vmstate = {
    .name = "xen_evtchn/fifo",
    FIRST_VERSION,
    .needed = fifo_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_INT32(nr_fifo_vcpus, XenEvtchnDevice),
        VMSTATE_VALIDATE("number of vCPUs", nr_fifo_vcpus_is_valid),
        VMSTATE_STRUCT_VARRAY_ALLOC(fifo_vcpu, XenEvtchnDevice, nr_fifo_vcpus,
                                    1, fifo_vcpu_vmstate,
                                    XenEvtchnSavedFifoVcpu),
        VMSTATE_UINT32(nr_array_pages, XenEvtchnDevice),
        VMSTATE_VALIDATE("number of array pages", nr_array_pages_is_valid),
        VMSTATE_VARRAY_UINT32_ALLOC(array_gfn, XenEvtchnDevice, nr_array_pages,
                                    1, vmstate_info_uint64, uint64_t),
        VMSTATE_INT32(nr_fifo_ports, XenEvtchnDevice),
        VMSTATE_VALIDATE("number of ports", nr_fifo_ports_is_valid),
        VMSTATE_STRUCT_VARRAY_ALLOC(fifo_port, XenEvtchnDevice, nr_fifo_ports,
                                    1, fifo_port_vmstate,
                                    XenEvtchnSavedFifoPort),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription parked_vmstate = {
    .name = "xen_evtchn/parked",
    FIRST_VERSION,
    .needed = parked_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(nr_parked, XenEvtchnDevice),
        VMSTATE_VALIDATE("number of parked events", nr_parked_is_valid),
        VMSTATE_VARRAY_UINT32_ALLOC(parked, XenEvtchnDevice, nr_parked, 1,
                                    vmstate_info_uint32, uint32_t),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription unmask_vmstate = {
    .name = "xen_evtchn/unmask",
    FIRST_VERSION,
    .needed = unmask_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(nr_unmask, XenEvtchnDevice),
        VMSTATE_VALIDATE("number of parked unmasks", nr_unmask_is_valid),
        VMSTATE_VARRAY_UINT32_ALLOC(unmask, XenEvtchnDevice, nr_unmask, 1,
                                    vmstate_info_uint32, uint32_t),
        VMSTATE_END_OF_LIST()
    }
};

/* Here because the domain has no section of its own. */
static const VMStateDescription runstate_flag_vmstate = {
    .name = "xen_evtchn/runstate_flag",
    FIRST_VERSION,
    .needed = runstate_flag_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_BOOL(runstate_flag, XenEvtchnDevice),
        VMSTATE_END_OF_LIST()
    }
};

const VMStateDescription xen_evtchn_vmstate = {
    .name = "xen_evtchn",
    FIRST_VERSION,
    .needed = evtchn_needed,
    .pre_save = evtchn_pre_save,
    .post_save = evtchn_post_save,
    .pre_load = evtchn_pre_load,
    .post_load = evtchn_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(callback_param, XenEvtchnDevice),
        VMSTATE_UINT32(nr_ports, XenEvtchnDevice),
        VMSTATE_VALIDATE("number of ports", nr_ports_is_valid),
        VMSTATE_STRUCT_VARRAY_UINT32(port, XenEvtchnDevice, nr_ports, 1,
                                     port_vmstate, XenEvtchnSavedPort),
        VMSTATE_UINT16_ARRAY(pirq.gsi_pirq, XenEvtchnDevice, IOAPIC_NUM_PINS),
        VMSTATE_VARRAY_UINT16_ALLOC(pirq.allocated, XenEvtchnDevice,
                                    pirq.nr_words, 0, vmstate_info_uint64,
                                    uint64_t),
        VMSTATE_UINT32(pirq.gsi_high, XenEvtchnDevice),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription * const []) {
        &fifo_vmstate,
        &parked_vmstate,
        &unmask_vmstate,
        &runstate_flag_vmstate,
        &xen_evtchn_unplugged_vmstate,
        &xen_evtchn_hypercall_port_vmstate,
        NULL
    }
};
