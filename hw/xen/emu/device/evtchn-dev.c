/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xen-evtchn device: creates the event-channel engine of the machine
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/core/boards.h"
#include "hw/core/cpu.h"
#include "hw/xen/xen.h"
#include "hw/xen/emu/device/vcpu.h"
#include "hw/xen/emu/device/powerdown.h"
#include "hw/xen/emu/device/ram-events.h"
#include "hw/xen/emu/device/vm-state.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/grant.h"
#include "hw/xen/emu/irq/pirq.h"
#include "hw/xen/emu/irq/upcall.h"
#include "hw/xen/emu/memory/shared-info.h"
#include "hw/xen/emu/offload/delivery.h"
#include "hw/xen/emu/offload/evtchn-ops.h"
#include "hw/xen/emu/offload/ports.h"
#include "hw/xen/emu/qemu-compat.h"
#include "hw/i386/kvm/xen_evtchn.h"
#include "evtchn-dev-internal.h"

int xen_evtchn_soft_reset(void)
{
    int ret;

    if (!xen_emu_is_on()) {
        return -ENOTSUP;
    }
    ret = xen_evtchn_op_reset(DOMID_SELF);
    if (!ret) {
        xen_pirq_reset();
    }
    return ret;
}

int xen_evtchn_alloc_unbound_op(struct evtchn_alloc_unbound *alloc)
{
    return xen_evtchn_alloc_unbound(xen_emu_evtchn(), alloc);
}

int xen_evtchn_bind_interdomain_op(struct evtchn_bind_interdomain *interdomain)
{
    return xen_evtchn_bind_interdomain(xen_emu_evtchn(), interdomain);
}

static void xen_evtchn_class_init(ObjectClass *klass, XenClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->vmsd = &xen_evtchn_vmstate;
    dc->user_creatable = false;
}

static const TypeInfo xen_evtchn_types[] = {
    {
        .name = TYPE_XEN_EVTCHN,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(XenEvtchnDevice),
        .class_init = xen_evtchn_class_init,
    },
};
DEFINE_TYPES(xen_evtchn_types)

void xen_evtchn_create(unsigned int nr_gsis, qemu_irq system_gsis[])
{
    MachineState *ms = MACHINE(qdev_get_machine());
    unsigned nr_pirqs = xen_emu_config()->evtchn_max_pirq;
    unsigned max_vcpus = MIN(ms->smp.max_cpus, XEN_EVTCHN_MAX_VCPUS);

    xen_delivery_init();
    xen_offload_ports_init();
    xen_emu->evtchn = xen_evtchn_new(max_vcpus, nr_pirqs, xen_domid,
                                     xen_emu_pages(), &xen_evtchn_engine_ops,
                                     NULL);
    xen_evtchn_allow_fifo(xen_emu_evtchn(), xen_delivery_fifo_is_allowed());
    xen_evtchn_set_shared_info(xen_emu_evtchn(), xen_shared_info());

    xen_pirq_init(nr_pirqs);
    xen_upcall_init(nr_gsis, system_gsis);
    xen_vcpu_engine_ready();
    xen_ram_events_init();
    xen_vm_state_init();
    xen_powerdown_init();
    xen_evtchn_backend_register();
    xen_grant_register_backend_ops();

    sysbus_create_simple(TYPE_XEN_EVTCHN, -1, NULL);
}
