/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Monitor commands for the state of Xen emulation: query-xen, info xen
 */
#include "qemu/osdep.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-xen-emu-target.h"
#include "qemu/module.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/debug/bql-check.h"
#include "hw/xen/emu/irq/upcall.h"
#include "hw/xen/emu/offload/delivery.h"
#include "hw/xen/emu/vcpu/timer.h"

/* XenKernelCapability has the values of XenAccelCap. */
#define SAME_CAP(qapi, accel) \
    QEMU_BUILD_BUG_ON((int)XEN_KERNEL_CAPABILITY_##qapi != \
                      (int)XEN_ACCEL_CAP_##accel)
SAME_CAP(HYPERCALLS, HCALL);
SAME_CAP(SHARED_INFO, SHARED_INFO);
SAME_CAP(SHARED_INFO_HVA, SHARED_INFO_HVA);
SAME_CAP(RUNSTATE, RUNSTATE);
SAME_CAP(RUNSTATE_UPDATE_FLAG, RUNSTATE_FLAG);
SAME_CAP(EVTCHN_2LEVEL, EVTCHN_2LEVEL);
SAME_CAP(EVTCHN_SEND, EVTCHN_SEND);
SAME_CAP(TSC_UNSTABLE, TSC_UNSTABLE);
SAME_CAP(TIMER, TIMER);
SAME_CAP(UPCALL_VECTOR, UPCALL_VECTOR);
SAME_CAP(_MAX, _MAX);

/* XenEventKind has the values of the engine's XenEvtchnKind. */
#define SAME_KIND(qapi, engine) \
    QEMU_BUILD_BUG_ON((int)XEN_EVENT_KIND_##qapi != (int)XEN_EVTCHN_##engine)
SAME_KIND(TIMER, TIMER);
SAME_KIND(VIRQ, VIRQ);
SAME_KIND(IPI, IPI);
SAME_KIND(PIRQ, PIRQ);
SAME_KIND(LOOPBACK, LOOPBACK);
SAME_KIND(BACKEND, BACKEND);
SAME_KIND(TO_BACKEND, TO_BACKEND);
SAME_KIND(REPEAT, REPEAT);
SAME_KIND(_MAX, NR_KINDS);

static XenKernelCapabilityList *list_caps(uint32_t caps)
{
    XenKernelCapabilityList *head = NULL, **tail = &head;

    for (int cap = 0; cap < XEN_ACCEL_CAP__MAX; cap++) {
        if (caps & 1u << cap) {
            QAPI_LIST_APPEND(tail, (XenKernelCapability)cap);
        }
    }
    return head;
}

static void fill_counts(XenEventCounts *counts, const XenEvtchnStats *events)
{
    *counts = (XenEventCounts) {
        .fast = events->fast,
        .slow = events->slow,
        .kernel = events->kernel,
        .would_block = events->would_block,
        .already_pending = events->already_pending,
        .masked = events->masked,
        .parked = events->parked,
        .upcalls = events->upcalls,
        .upcalls_saved = events->upcalls_saved,
    };
}

static XenEventKindStatsList *list_kinds(const XenEvtchnStats *events)
{
    static const XenEvtchnStats none;
    XenEventKindStatsList *head = NULL, **tail = &head;

    for (int kind = 0; kind < XEN_EVTCHN_NR_KINDS; kind++) {
        XenEventKindStats *stats;

        if (!memcmp(&events[kind], &none, sizeof(none))) {
            continue;
        }
        stats = g_new0(XenEventKindStats, 1);
        stats->kind = (XenEventKind)kind;
        fill_counts(qapi_XenEventKindStats_base(stats), &events[kind]);
        QAPI_LIST_APPEND(tail, stats);
    }
    return head;
}

static XenVcpuStats *vcpu_stats(unsigned vcpu)
{
    XenVcpuStats *stats = g_new0(XenVcpuStats, 1);
    XenEvtchnStats events[XEN_EVTCHN_NR_KINDS], sum;
    XenVcpuTimerStats timer;

    xen_evtchn_stats(xen_emu_evtchn(), vcpu, events);
    sum = xen_evtchn_stats_sum(events);
    xen_vcpu_timer_stats(xen_vcpu_get(vcpu)->timer, &timer);
    *stats = (XenVcpuStats) {
        .vcpu = vcpu,
        .kinds = list_kinds(events),
        .timers_armed = timer.armed,
        .timers_fired = timer.fired,
        .timers_past = timer.fired_past,
        .timers_slow = timer.slow,
    };
    fill_counts(qapi_XenVcpuStats_base(stats), &sum);
    return stats;
}

static uint32_t count_ports(void)
{
    uint32_t end = xen_evtchn_nr_ports(xen_emu_evtchn()), nr = 0;
    XenEvtchnPortInfo port;

    for (uint32_t i = 1; i < end; i++) {
        nr += xen_evtchn_port_info(xen_emu_evtchn(), i, &port);
    }
    return nr;
}

XenEmulationInfo *qmp_query_xen(Error **errp)
{
    XenVcpuStatsList **tail;
    XenEmulationInfo *info;
    CPUState *cs;

    if (!xen_emu_is_on()) {
        error_setg(errp, XEN_EMU_IS_OFF);
        return NULL;
    }
    info = g_new0(XenEmulationInfo, 1);
    info->version = g_strdup_printf("%u.%u", xen_emu_config()->version >> 16,
                                    xen_emu_config()->version & 0xffff);
    info->accelerator = g_strdup(xen_emu_accel()->name);
    info->hypercall_trap = xen_emu_accel()->hypercall_port ?
                           XEN_HYPERCALL_TRAP_PORT : XEN_HYPERCALL_TRAP_VMCALL;
    info->called = xen_emu_was_called();
    info->capabilities = list_caps(xen_emu_accel()->caps);
    info->missing_capabilities = list_caps(xen_emu_accel()->caps_missing);
    info->long_mode = xen_emu_long_mode();
    info->event_abi = xen_evtchn_abi(xen_emu_evtchn()) == XEN_EVTCHN_ABI_FIFO ?
                      XEN_EVENT_ABI_FIFO : XEN_EVENT_ABI_TWO_LEVEL;
    info->fifo_allowed = xen_delivery_fifo_is_allowed();
    info->kernel_delivery = xen_emu_delivery_is_offloaded();
    info->callback = xen_upcall_param();
    info->ports = count_ports();
    info->has_bql_checked = xen_emu_config()->bql_check;
    info->bql_checked = xen_fast_checked();

    tail = &info->vcpus;
    CPU_FOREACH(cs) {
        if (xen_vcpu_get(cs->cpu_index)) {
            QAPI_LIST_APPEND(tail, vcpu_stats(cs->cpu_index));
        }
    }
    return info;
}

static void print_hypercalls(Monitor *mon, XenEmulationInfo *info)
{
    monitor_printf(mon, "hypercalls by %s, %s\n",
                   XenHypercallTrap_str(info->hypercall_trap),
                   info->called ? "in use" : "none so far");
    if (info->hypercall_trap == XEN_HYPERCALL_TRAP_PORT && !info->called) {
        monitor_printf(mon, "  This host's KVM has no support for Xen, or "
                       "xen-hypercalls=page was requested.\n"
                       "  Then guests work that use Xen's hypercall page.  Linux "
                       "6.13, 6.12.6, 6.6.67, 6.1.121,\n"
                       "  5.15.175, 5.10.232 and later do not: they need a KVM "
                       "with CONFIG_KVM_XEN, or -accel tcg.\n");
    }
}

static void print_caps(Monitor *mon, const char *title,
                       XenKernelCapabilityList *list)
{
    monitor_printf(mon, "%s:", title);
    for (; list; list = list->next) {
        monitor_printf(mon, " %s", XenKernelCapability_str(list->value));
    }
    monitor_printf(mon, "\n");
}

static void print_counts(Monitor *mon, const char *of, XenEventCounts *c)
{
    monitor_printf(mon, "  %-10s %9" PRIu64 " %7" PRIu64 " %7" PRIu64
                   " %7" PRIu64 " %9" PRIu64 " %7" PRIu64 " %6" PRIu64
                   " %9" PRIu64 " %9" PRIu64 "\n", of, c->fast, c->slow,
                   c->kernel, c->would_block, c->already_pending, c->masked,
                   c->parked, c->upcalls, c->upcalls_saved);
}

static void print_vcpu(Monitor *mon, XenVcpuStats *s)
{
    monitor_printf(mon, "vcpu %u: timers armed %" PRIu64 " fired %" PRIu64
                   " (past %" PRIu64 ", slow %" PRIu64 ")\n", s->vcpu,
                   s->timers_armed, s->timers_fired, s->timers_past,
                   s->timers_slow);
    monitor_printf(mon, "  %-10s %9s %7s %7s %7s %9s %7s %6s %9s %9s\n",
                   "events", "fast", "slow", "kernel", "blocked", "pending",
                   "masked", "parked", "upcalls", "saved");
    for (XenEventKindStatsList *k = s->kinds; k; k = k->next) {
        print_counts(mon, XenEventKind_str(k->value->kind),
                     qapi_XenEventKindStats_base(k->value));
    }
    print_counts(mon, "all", qapi_XenVcpuStats_base(s));
}

static void hmp_info_xen(Monitor *mon, const QDict *qdict)
{
    Error *err = NULL;
    g_autoptr(XenEmulationInfo) info = qmp_query_xen(&err);

    if (hmp_handle_error(mon, err)) {
        return;
    }
    monitor_printf(mon, "Xen %s on %s, %s layout\n", info->version,
                   info->accelerator, info->long_mode ? "64-bit" : "32-bit");
    print_hypercalls(mon, info);
    print_caps(mon, "capabilities", info->capabilities);
    print_caps(mon, "missing capabilities", info->missing_capabilities);
    monitor_printf(mon, "event ABI %s (fifo %s), %u ports, delivered by %s, "
                   "callback 0x%" PRIx64 "\n",
                   XenEventAbi_str(info->event_abi),
                   info->fifo_allowed ? "allowed" : "refused", info->ports,
                   info->kernel_delivery ? "KVM" : "QEMU",
                   info->callback);
    for (XenVcpuStatsList *v = info->vcpus; v; v = v->next) {
        print_vcpu(mon, v->value);
    }
}

static void register_hmp(void)
{
    monitor_register_hmp("xen", true, hmp_info_xen);
}

type_init(register_hmp);
