/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that is saved while events and timers are pending
 *
 * It uses only what upstream QEMU supports with the 2-level ABI: the state is
 * saved by upstream and loaded by this QEMU (tests/guest/state.py).
 */
#include "guest.h"
#include "saved.h"
#include "tap.h"
#include "xen-saved-guest.h"

/* volatile: the host reads them after the guest was saved. */
#define NOTES       ((volatile struct SavedGuestNotes *)SAVED_GUEST_NOTES)
#define WORD_BITS   (8 * sizeof(xen_ulong_t))

static VcpuInfo own_info[SAVED_GUEST_VCPUS] PAGE_ALIGNED;
static struct vcpu_runstate_info runstate PAGE_ALIGNED;
static struct vcpu_time_info time_info;
static _Atomic bool parked;

/* Upstream supports all of these, so no error is expected. */
static void must(long ret, const char *what)
{
    if (ret) {
        tap_bail_out("%s: %ld", what, ret);
    }
}

static void send(uint32_t port)
{
    struct evtchn_send op = { .port = port };

    must(EVTCHN_OP(EVTCHNOP_send, &op), "send");
}

static void unmask(uint32_t port)
{
    struct evtchn_unmask op = { .port = port };

    must(EVTCHN_OP(EVTCHNOP_unmask, &op), "unmask");
}

static void set_singleshot(unsigned cpu, uint64_t deadline_ns)
{
    struct vcpu_set_singleshot_timer op = { .timeout_abs_ns = deadline_ns };

    must(VCPU_OP(VCPUOP_set_singleshot_timer, cpu, &op), "singleshot");
}

static void took(uint32_t port)
{
    NOTES->taken[port]++;
    if (port == NOTES->idle) {
        send(NOTES->loop[0]);
        /* In the past: fires immediately. */
        set_singleshot(0, 1);
    } else if (port == NOTES->loop[1]) {
        say("took the send\n");
    } else if (port == NOTES->timer) {
        say("took the timer\n");
    }
}

static void handle_upcall(void)
{
    VcpuInfo *info = vcpu_info[0];
    xen_ulong_t words;

    lapic_eoi();
    info->evtchn_upcall_pending = 0;
    words = __atomic_exchange_n(&info->evtchn_pending_sel, 0,
                                __ATOMIC_SEQ_CST);
    for (; words; words &= words - 1) {
        unsigned word = __builtin_ctzl(words);
        EventBits *pending = &shared_info->evtchn_pending[word];
        xen_ulong_t bits = *pending & ~shared_info->evtchn_mask[word];

        for (; bits; bits &= bits - 1) {
            uint32_t port = word * WORD_BITS + __builtin_ctzl(bits);

            /* Events of the other vCPU stay pending. */
            if (port != NOTES->other && port != NOTES->other_timer) {
                __atomic_fetch_and(pending, ~(bits & -bits),
                                   __ATOMIC_SEQ_CST);
                took(port);
            }
        }
    }
}

/* CPU 1 stays here until the end. */
static void park(void *unused)
{
    interrupts_off();
    parked = true;
    for (;;) {
        asm volatile("hlt");
    }
}

static uint32_t bind_ipi(unsigned cpu)
{
    struct evtchn_bind_ipi op = { .vcpu = cpu };

    must(EVTCHN_OP(EVTCHNOP_bind_ipi, &op), "bind_ipi");
    return op.port;
}

static uint32_t bind_timer(unsigned cpu)
{
    struct evtchn_bind_virq op = { .virq = VIRQ_TIMER, .vcpu = cpu };

    must(EVTCHN_OP(EVTCHNOP_bind_virq, &op), "bind_virq");
    return op.port;
}

static uint32_t alloc_unbound(domid_t remote)
{
    struct evtchn_alloc_unbound op = {
        .dom = DOMID_SELF, .remote_dom = remote,
    };

    must(EVTCHN_OP(EVTCHNOP_alloc_unbound, &op), "alloc_unbound");
    return op.port;
}

static uint32_t connect(uint32_t remote)
{
    struct evtchn_bind_interdomain op = {
        .remote_dom = DOMID_SELF, .remote_port = remote,
    };

    must(EVTCHN_OP(EVTCHNOP_bind_interdomain, &op), "bind_interdomain");
    return op.local_port;
}

static uint32_t bind_pirq(void)
{
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI,
        .index = SAVED_GUEST_GSI, .pirq = SAVED_GUEST_PIRQ,
    };
    struct evtchn_bind_pirq bind = { .pirq = SAVED_GUEST_PIRQ };

    must(hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &map),
         "map_pirq");
    must(EVTCHN_OP(EVTCHNOP_bind_pirq, &bind), "bind_pirq");
    return bind.port;
}

static void register_places(void)
{
    struct vcpu_register_runstate_memory_area runstate_area;
    struct vcpu_register_time_memory_area time_area;

    runstate_area.addr.v = &runstate;
    time_area.addr.v = &time_info;
    for (unsigned cpu = 0; cpu < SAVED_GUEST_VCPUS; cpu++) {
        struct xen_hvm_evtchn_upcall_vector vector = {
            .vcpu = cpu, .vector = SAVED_GUEST_VECTOR,
        };

        must(guest_register_vcpu_info(cpu, &own_info[cpu]), "vcpu_info");
        NOTES->vcpu_info[cpu] = (uintptr_t)&own_info[cpu];
        must(HVM_OP(HVMOP_set_evtchn_upcall_vector, &vector), "vector");
    }
    must(guest_set_param(HVM_PARAM_CALLBACK_IRQ, SAVED_GUEST_CALLBACK),
         "callback");
    must(VCPU_OP(VCPUOP_register_runstate_memory_area, 0, &runstate_area),
         "runstate area");
    must(VCPU_OP(VCPUOP_register_vcpu_time_memory_area, 0, &time_area),
         "time area");
    NOTES->shared_info = (uintptr_t)shared_info;
    NOTES->runstate = (uintptr_t)&runstate;
    NOTES->time = (uintptr_t)&time_info;
}

static void bind_ports(void)
{
    NOTES->idle = bind_ipi(0);
    NOTES->masked = bind_ipi(0);
    NOTES->other = bind_ipi(1);
    NOTES->timer = bind_timer(0);
    NOTES->other_timer = bind_timer(1);
    NOTES->loop[0] = alloc_unbound(DOMID_SELF);
    NOTES->loop[1] = connect(NOTES->loop[0]);
    NOTES->for_backend = alloc_unbound(0);
    NOTES->pirq = bind_pirq();

    unmask(NOTES->idle);
    unmask(NOTES->masked);
    unmask(NOTES->other);
    unmask(NOTES->timer);
    unmask(NOTES->other_timer);
    unmask(NOTES->loop[0]);
    unmask(NOTES->loop[1]);
}

void saved_guest(void)
{
    struct vcpu_set_periodic_timer period = {
        .period_ns = SAVED_GUEST_PERIOD,
    };

    cpu_call(1, park, NULL);
    WAIT_FOR(parked);
    set_handler(SAVED_GUEST_VECTOR, handle_upcall);
    register_places();
    bind_ports();

    __atomic_fetch_or(&shared_info->evtchn_mask[NOTES->masked / WORD_BITS],
                      (xen_ulong_t)1 << NOTES->masked % WORD_BITS,
                      __ATOMIC_SEQ_CST);
    send(NOTES->masked);
    send(NOTES->other);
    set_singleshot(0, SAVED_GUEST_DEADLINE);
    must(VCPU_OP(VCPUOP_set_periodic_timer, 1, &period), "periodic");
    NOTES->magic = SAVED_GUEST_MAGIC;
    say("ready\n");

    for (;;) {
        asm volatile("hlt");
    }
}
