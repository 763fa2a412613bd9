/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSIs that KVM delivers by itself (irqfd), as Xen event channels
 */
#include "qemu/osdep.h"
#include <linux/kvm.h>

#include "hw/pci/pci.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/i386/kvm/xen_evtchn.h"
#include "system/kvm.h"
#include "target/i386/kvm/kvm_i386.h"

/* The empty logical destination: no vCPU receives it. */
#define MSI_NO_TARGET   0xfee00004

static void update_routes(void)
{
    kvm_update_msi_routes_all(NULL, true, 0, 0);
}

int xen_evtchn_translate_pirq_msi(struct kvm_irq_routing_entry *route,
                                  uint64_t address, uint32_t data)
{
    unsigned vcpu;
    uint32_t port;
    XenPirqMsi where;
    CPUState *cs = NULL;

    if (!xen_emu_is_on()) {
        return 1;
    }
    where = xen_pirq_route_msi(address, data, &port, &vcpu, update_routes);
    if (where == XEN_PIRQ_MSI_NOT) {
        return 1;
    }

    /*
     * The kernel supports the 2-level ABI only.  kvm_xen_init_vcpu() keeps MSIs
     * in QEMU if the guest may use FIFO or the kernel does not support this.
     */
    if (where == XEN_PIRQ_MSI_PORT &&
        XEN_ACCEL_HAS(xen_emu_accel(), EVTCHN_2LEVEL) &&
        xen_evtchn_abi(xen_emu_evtchn()) == XEN_EVTCHN_ABI_2L &&
        port < xen_emu_layout()->nr_2l_ports) {
        cs = qemu_get_cpu(vcpu);
    }
    if (!cs) {
        /*
         * Do not return an error: some devices would abort QEMU, but the
         * guest can write any message.
         */
        route->type = KVM_IRQ_ROUTING_MSI;
        route->u.msi.address_lo = MSI_NO_TARGET;
        route->u.msi.address_hi = 0;
        route->u.msi.data = 0;
        return 0;
    }
    route->type = KVM_IRQ_ROUTING_XEN_EVTCHN;
    route->u.xen_evtchn.port = port;
    route->u.xen_evtchn.vcpu = kvm_arch_vcpu_id(cs);
    route->u.xen_evtchn.priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL;
    return 0;
}
