/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Offloaded ports: the guest's sends to them do not exit to QEMU
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/thread.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/offload/ports.h"
#include "trace.h"

#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/event_channel.h"

/* KVM's own limit, for 64-bit guests. */
#define MAX_KERNEL_PORTS    EVTCHN_2L_NR_CHANNELS

typedef struct KernelPort {
    uint8_t type;           /* EVTCHNSTAT_* */
    bool assigned;          /* KVM has it, with these fields */
    uint16_t vcpu;          /* notified of events on this port */
    uint32_t remote;        /* loopback: the other end; else 0 */
    int fd;                 /* back end's eventfd or -1 */
} KernelPort;

static struct {
    QemuMutex lock;
    KernelPort *port;       /* MAX_KERNEL_PORTS, or NULL */
    bool deliver;
} kernel;

/* The port raised by the guest's sends to @port; 0: none. */
static uint32_t target_of(uint32_t port)
{
    KernelPort *p = &kernel.port[port];

    return p->type == EVTCHNSTAT_ipi ? port : p->remote;
}

static bool wanted(uint32_t port)
{
    KernelPort *p = &kernel.port[port];
    uint32_t target;

    if (!port || port >= xen_emu_layout()->nr_2l_ports) {
        return false;
    }
    if (p->type == EVTCHNSTAT_interdomain && p->fd >= 0) {
        return true;
    }
    target = target_of(port);
    return kernel.deliver && target && xen_vcpu_get(kernel.port[target].vcpu) &&
           (p->type == EVTCHNSTAT_ipi || p->type == EVTCHNSTAT_interdomain);
}

static void assign(uint32_t port)
{
    KernelPort *p = &kernel.port[port];
    uint32_t target = target_of(port);
    CPUState *cs = NULL;
    int ret;

    if (p->fd < 0) {
        XenVcpu *v = xen_vcpu_get(kernel.port[target].vcpu);

        if (!v) {
            return;     /* unplugged after wanted() checked */
        }
        cs = v->cs;
    }
    ret = xen_emu_offload(EVTCHN_SEND)->assign_port(port, p->type, cs, target, p->fd);
    trace_xen_evtchn_assign(port, p->type, cs ? cs->cpu_index : -1, p->fd, ret);
    /* If this failed, the guest's sends exit to QEMU, which is only slower. */
    p->assigned = !ret;
}

static void unassign(uint32_t port)
{
    KernelPort *p = &kernel.port[port];
    int ret;

    if (p->assigned) {
        ret = xen_emu_offload(EVTCHN_SEND)->unassign_port(port);
        trace_xen_evtchn_unassign(port, ret);
        p->assigned = false;
    }
}

/*
 * Sends exit to QEMU between the two calls.  KVM could only update the vCPU in
 * place, which changes too rarely to be worth a special case.
 */
static void renew(uint32_t port)
{
    unassign(port);
    if (wanted(port)) {
        assign(port);
    }
}

static uint32_t loopback_remote(const XenEvtchnPortInfo *info)
{
    return info->type == EVTCHNSTAT_interdomain && !info->to_backend &&
           info->val < MAX_KERNEL_PORTS ? info->val : 0;
}

void xen_offload_port_changed(const XenEvtchnPortInfo *info, int fd)
{
    KernelPort now = {
        .type = info->type,
        .vcpu = info->vcpu,
        .remote = loopback_remote(info),
        .fd = info->type == EVTCHNSTAT_interdomain ? fd : -1,
    };
    KernelPort *p;
    uint32_t old_remote;

    if (!kernel.port || info->port >= MAX_KERNEL_PORTS) {
        return;
    }
    QEMU_LOCK_GUARD(&kernel.lock);

    p = &kernel.port[info->port];
    if (p->type == now.type && p->vcpu == now.vcpu &&
        p->remote == now.remote && p->fd == now.fd) {
        return;
    }
    unassign(info->port);
    old_remote = p->remote;
    *p = now;

    if (old_remote && old_remote != now.remote) {
        /* The other end's sends must no longer raise this port. */
        unassign(old_remote);
        kernel.port[old_remote].remote = 0;
    }
    if (now.remote) {
        /* The other end may not have been reported yet. */
        kernel.port[now.remote].type = EVTCHNSTAT_interdomain;
        kernel.port[now.remote].remote = info->port;
        kernel.port[now.remote].fd = -1;
        renew(now.remote);
    }
    renew(info->port);
}

void xen_offload_ports_update(bool on)
{
    if (!kernel.port) {
        return;
    }
    QEMU_LOCK_GUARD(&kernel.lock);

    kernel.deliver = on;
    for (uint32_t port = 1; port < MAX_KERNEL_PORTS; port++) {
        if (wanted(port) && !kernel.port[port].assigned) {
            assign(port);
        } else if (!wanted(port)) {
            unassign(port);
        }
    }
}

void xen_offload_ports_init(void)
{
    if (!xen_emu_offload(EVTCHN_SEND)) {
        return;
    }
    qemu_mutex_init(&kernel.lock);
    kernel.port = g_new0(KernelPort, MAX_KERNEL_PORTS);
    for (uint32_t port = 0; port < MAX_KERNEL_PORTS; port++) {
        kernel.port[port].fd = -1;
    }
}
