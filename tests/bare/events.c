/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Binding of ports, and upcalls; the ABIs are in events-2l.c and events-fifo.c
 */
#include "events-abi.h"
#include "tap.h"

#define CALLBACK(type, rest) \
    ((uint64_t)HVM_PARAM_CALLBACK_TYPE_##type << 56 | (rest))
#define ANY_CPU         0xff
#define FREE_GSI        5           /* of no device on this machine */
#define PLATFORM_VENDOR 0x5853
#define PLATFORM_DEVICE 0x0001
#define PCI_INTERRUPT   0x3c

_Atomic uint32_t port_count[NR_PORTS];
_Atomic uint32_t port_cpu[NR_PORTS];
void (*_Atomic port_handler[NR_PORTS])(uint32_t port);

static bool fifo, abi_is_up, vcpu_vectors_are_up;
const bool *const is_fifo = &fifo;
static _Atomic bool port_is_open[NR_PORTS];
static _Atomic uint8_t port_owner[NR_PORTS];   /* a CPU, or ANY_CPU */

void event_arrived(uint32_t port)
{
    /* Another CPU may close the port at the same time. */
    void (*handler)(uint32_t port) = port_handler[port];

    port_cpu[port] = this_cpu();
    port_count[port]++;
    if (handler) {
        handler(port);
    }
}

/*
 * 2-level bits of all CPUs' ports share words.  A port without an owner is
 * being bound: some are pending from the start.
 */
bool event_is_of(uint32_t port, unsigned cpu)
{
    return port_owner[port] == cpu || port_owner[port] == ANY_CPU ||
           !port_is_open[port];
}

static void take_events(void)
{
    VcpuInfo *v = vcpu_info[this_cpu()];

    do {
        v->evtchn_upcall_pending = 0;
        __sync_synchronize();
        if (fifo) {
            fifo_take_events(this_cpu());
        } else {
            twolevel_take_events(v, this_cpu());
        }
    } while (v->evtchn_upcall_pending);
}

static void take_and_eoi(void)
{
    take_events();
    lapic_eoi();
}

static void eoi_and_take(void)
{
    lapic_eoi();
    take_events();
}

void events_set_up_abi(void)
{
    if (abi_is_up) {
        return;
    }
    set_handler(VECTOR_CALLBACK, take_events);
    set_handler(VECTOR_UPCALL, eoi_and_take);
    set_handler(VECTOR_LINE, take_and_eoi);
    fifo = guest_is("abi", "fifo");
    if (fifo) {
        fifo_set_up();
    }
    abi_is_up = true;
}

void events_forget_abi(void)
{
    abi_is_up = false;
    for (unsigned port = 0; port < NR_PORTS; port++) {
        port_is_open[port] = false;
    }
}

void events_clear_2level(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(shared_info->evtchn_pending); i++) {
        shared_info->evtchn_pending[i] = 0;
        shared_info->evtchn_mask[i] = 0;
    }
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        vcpu_info[cpu]->evtchn_pending_sel = 0;
        vcpu_info[cpu]->evtchn_upcall_pending = 0;
    }
}

void events_use_2level(void)
{
    fifo = false;
    abi_is_up = true;
}

void events_switch_to_fifo(void)
{
    fifo = true;
    fifo_set_up();
}

void events_forget(void)
{
    events_forget_abi();
    vcpu_vectors_are_up = false;
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        vcpu_info[cpu] = NULL;
    }
}

void events_set_up(void)
{
    events_set_up_abi();
    if (!vcpu_vectors_are_up && events_use(UPCALL_VCPU)) {
        tap_bail_out("no upcall vector");
    }
}

static long use_vcpu_vectors(void)
{
    /* If both are set, Xen and KVM may use both. */
    long ret = guest_set_param(HVM_PARAM_CALLBACK_IRQ, 0);

    for (unsigned cpu = 0; cpu < nr_cpus && !ret; cpu++) {
        struct xen_hvm_evtchn_upcall_vector op = {
            .vcpu = cpu, .vector = VECTOR_UPCALL,
        };

        ret = HVM_OP(HVMOP_set_evtchn_upcall_vector, &op);
    }
    vcpu_vectors_are_up = !ret;
    return ret;
}

long events_use(enum Upcall how)
{
    int platform = pci_find(PLATFORM_VENDOR, PLATFORM_DEVICE);
    unsigned irq = pci_read(platform, PCI_INTERRUPT) & 0xff;

    ioapic_mask(FREE_GSI);
    ioapic_mask(irq);
    switch (how) {
    case UPCALL_VECTOR:
        return guest_set_param(HVM_PARAM_CALLBACK_IRQ,
                               CALLBACK(VECTOR, VECTOR_CALLBACK));
    case UPCALL_GSI:
        ioapic_route(FREE_GSI);
        return guest_set_param(HVM_PARAM_CALLBACK_IRQ,
                               CALLBACK(GSI, FREE_GSI));
    case UPCALL_INTX:
        ioapic_route(irq);
        return guest_set_param(HVM_PARAM_CALLBACK_IRQ,
                               CALLBACK(PCI_INTX, platform << 8));
    case UPCALL_VCPU:
        return use_vcpu_vectors();
    default:
        return guest_set_param(HVM_PARAM_CALLBACK_IRQ, 0);
    }
}

void events_remove_vcpu_vectors(void)
{
    struct sched_shutdown op = { .reason = SHUTDOWN_soft_reset };

    if (vcpu_vectors_are_up) {
        CHECK_EQ(SCHED_OP(SCHEDOP_shutdown, &op), 0);
        events_forget();
        CHECK_EQ(guest_map_shared_info(0), 0);
        events_clear_2level();
    }
}

uint8_t upcall_vector(enum Upcall how)
{
    return how == UPCALL_VCPU ? VECTOR_UPCALL :
           how == UPCALL_VECTOR ? VECTOR_CALLBACK : VECTOR_LINE;
}

static uint32_t opened(long ret, uint32_t port, unsigned cpu)
{
    CHECK_EQ(ret, 0);
    if (ret || port >= NR_PORTS) {
        return 0;
    }
    port_count[port] = 0;
    port_handler[port] = NULL;
    port_owner[port] = cpu;
    port_is_open[port] = true;
    /* The mask bit is that of the port's previous use. */
    if (port_is_masked(port)) {
        CHECK_EQ(port_unmask(port), 0);
    }
    return port;
}

uint32_t bind_ipi(unsigned cpu)
{
    struct evtchn_bind_ipi op = { .vcpu = cpu };
    long ret = EVTCHN_OP(EVTCHNOP_bind_ipi, &op);

    return opened(ret, op.port, cpu);
}

uint32_t bind_virq(unsigned virq, unsigned cpu)
{
    struct evtchn_bind_virq op = { .virq = virq, .vcpu = cpu };
    long ret = EVTCHN_OP(EVTCHNOP_bind_virq, &op);

    return opened(ret, op.port, cpu);
}

void bind_loopback(uint32_t port[2])
{
    struct evtchn_alloc_unbound a = {
        .dom = DOMID_SELF, .remote_dom = DOMID_SELF,
    };
    struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };
    long ret = EVTCHN_OP(EVTCHNOP_alloc_unbound, &a);

    port[0] = opened(ret, a.port, 0);
    b.remote_port = a.port;
    ret = EVTCHN_OP(EVTCHNOP_bind_interdomain, &b);
    port[1] = opened(ret, b.local_port, 0);
    EXPECT_SOON(!port_is_pending(port[1]));
    port_count[port[1]] = 0;
}

long port_bind_vcpu(uint32_t port, unsigned cpu)
{
    struct evtchn_bind_vcpu op = { .port = port, .vcpu = cpu };

    /* While the port moves, its events may notify the old or the new CPU. */
    port_owner[port] = ANY_CPU;
    return EVTCHN_OP(EVTCHNOP_bind_vcpu, &op);
}

long port_close(uint32_t port)
{
    struct evtchn_close op = { .port = port };
    long ret = EVTCHN_OP(EVTCHNOP_close, &op);

    port_is_open[port] = false;
    return ret;
}

long port_send(uint32_t port)
{
    struct evtchn_send op = { .port = port };

    return EVTCHN_OP(EVTCHNOP_send, &op);
}

long port_unmask(uint32_t port)
{
    struct evtchn_unmask op = { .port = port };

    return EVTCHN_OP(EVTCHNOP_unmask, &op);
}

long port_set_priority(uint32_t port, unsigned priority)
{
    struct evtchn_set_priority op = { .port = port, .priority = priority };

    return EVTCHN_OP(EVTCHNOP_set_priority, &op);
}

bool port_is_pending(uint32_t port)
{
    return fifo ? fifo_is_pending(port) : twolevel_is_pending(port);
}

bool port_is_masked(uint32_t port)
{
    return fifo ? fifo_is_masked(port) : twolevel_is_masked(port);
}

void port_mask(uint32_t port)
{
    fifo ? fifo_mask(port) : twolevel_mask(port);
}

void port_clear_pending(uint32_t port)
{
    fifo ? fifo_clear_pending(port) : twolevel_clear_pending(port);
}

void port_unmask_gently(uint32_t port)
{
    if (fifo ? fifo_unmask(port) : twolevel_unmask(port)) {
        port_unmask(port);
    }
}

void events_close_all(void)
{
    for (unsigned port = 1; port < NR_PORTS; port++) {
        if (port_is_open[port]) {
            CHECK_EQ(port_close(port), 0);
            port_handler[port] = NULL;
        }
    }
}
