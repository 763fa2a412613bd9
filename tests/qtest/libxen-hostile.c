/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps of a hostile guest: see libxen-hostile.h
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "libxen-hostile.h"
#include "libxen-state.h"

#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/io/console.h"
#include "hw/xen/interface/io/netif.h"
#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/physdev.h"
#include "hw/xen/interface/sched.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/interface/hvm/hvm_op.h"

/* Grants of the pages, behind those of libxen-blk.c. */
#define FIRST_REF       2000
#define TABLE_REFS      4096
#define PLATFORM_PORT   0x10
#define RING_PAGES      8       /* of the pages; the others are for data */
/* One in so many parts of what a front end does is wrong. */
#define WRONG           12

static unsigned below(XenHostile *h, unsigned end)
{
    return g_rand_int_range(h->rand, 0, end);
}

static bool one_in(XenHostile *h, unsigned n)
{
    return !below(h, n);
}

static uint64_t page_gpa(XenHostile *h, unsigned page)
{
    return h->pages + page * XEN_PAGE_SIZE;
}

static uint8_t *page_at(XenHostile *h, unsigned page)
{
    return h->v->ram + page_gpa(h, page);
}

/* A number that means something to someone, or any. */
static uint64_t any_value(XenHostile *h)
{
    static const uint64_t some[] = {
        0, 1, 2, 3, 5, 8, 15, 16, 31, 63, 64, 127, 128, 255, 256, 511, 512, 4095,
        4096, 0x7fff, DOMID_SELF, 0xffff, 0x10000, 0x1ffff, 0x20000, INT32_MAX,
        UINT32_MAX, XEN_NO_RAM, INT64_MAX, UINT64_MAX,
    };

    switch (below(h, 8)) {
    case 0:
        return page_gpa(h, below(h, XEN_HOSTILE_PAGES)) + below(h, XEN_PAGE_SIZE);
    case 1:
        return page_gpa(h, below(h, XEN_HOSTILE_PAGES)) / XEN_PAGE_SIZE;
    case 2:
        return FIRST_REF + below(h, XEN_HOSTILE_PAGES);
    case 3:
        return (uint64_t)g_rand_int(h->rand) << 32 | g_rand_int(h->rand);
    case 4:
    case 5:
        return below(h, 40);
    default:
        return some[below(h, G_N_ELEMENTS(some))];
    }
}

/* ---------------------------------------------------------------- hypercalls -- */

typedef struct Call {
    uint8_t nr, cmd;
    const char *format;         /* xen_pack()'s */
} Call;

#define CALL(nr, cmd, format)   { __HYPERVISOR_##nr, cmd, format }

static const Call calls[] = {
    CALL(event_channel_op, EVTCHNOP_bind_interdomain, "hww"),
    CALL(event_channel_op, EVTCHNOP_bind_virq, "www"),
    CALL(event_channel_op, EVTCHNOP_bind_pirq, "www"),
    CALL(event_channel_op, EVTCHNOP_close, "w"),
    CALL(event_channel_op, EVTCHNOP_send, "w"),
    CALL(event_channel_op, EVTCHNOP_alloc_unbound, "hhw"),
    CALL(event_channel_op, EVTCHNOP_bind_ipi, "ww"),
    CALL(event_channel_op, EVTCHNOP_bind_vcpu, "ww"),
    CALL(event_channel_op, EVTCHNOP_unmask, "w"),
    CALL(event_channel_op, EVTCHNOP_init_control, "qww"),
    CALL(event_channel_op, EVTCHNOP_expand_array, "q"),
    CALL(event_channel_op, EVTCHNOP_set_priority, "ww"),
    CALL(sched_op, SCHEDOP_poll, "lwq"),
    CALL(sched_op, SCHEDOP_watchdog, "ww"),
    CALL(memory_op, XENMEM_add_to_physmap, "hhwll"),
    CALL(memory_op, XENMEM_remove_from_physmap, "hl"),
    CALL(memory_op, XENMEM_decrease_reservation, "llwwh"),
    CALL(memory_op, XENMEM_populate_physmap, "llwwh"),
    CALL(memory_op, XENMEM_add_to_physmap_batch, "hhhhlll"),
    CALL(physdev_op, PHYSDEVOP_map_pirq, "hwwwwwwq"),
    CALL(physdev_op, PHYSDEVOP_unmap_pirq, "hw"),
    CALL(physdev_op, PHYSDEVOP_eoi, "w"),
    CALL(hvm_op, HVMOP_set_param, "hwq"),
    CALL(hvm_op, HVMOP_get_param, "hwq"),
    CALL(hvm_op, HVMOP_set_evtchn_upcall_vector, "ww"),
    CALL(vcpu_op, VCPUOP_register_vcpu_info, "qww"),
    CALL(vcpu_op, VCPUOP_register_runstate_memory_area, "q"),
    CALL(vcpu_op, VCPUOP_register_vcpu_time_memory_area, "q"),
    CALL(vcpu_op, VCPUOP_set_singleshot_timer, "qw"),
    CALL(vcpu_op, VCPUOP_set_periodic_timer, "q"),
    CALL(grant_table_op, GNTTABOP_setup_table, "hwhl"),
    CALL(grant_table_op, GNTTABOP_set_version, "w"),
    CALL(grant_table_op, GNTTABOP_copy, "lhhlhhhh"),
    CALL(grant_table_op, GNTTABOP_map_grant_ref, "qwwhhwq"),
    CALL(multicall, 2, ""),
};

static void hypercall(XenHostile *h)
{
    const Call *call = &calls[below(h, G_N_ELEMENTS(calls))];
    unsigned page = RING_PAGES + below(h, XEN_HOSTILE_PAGES - RING_PAGES);
    uint64_t values[8], args[4], gpa;
    uint8_t bytes[64];
    size_t len;

    for (unsigned i = 0; i < G_N_ELEMENTS(values); i++) {
        values[i] = any_value(h);
    }
    len = xen_pack(h->v->vm, bytes, call->format, values);
    gpa = page_gpa(h, page) + below(h, XEN_PAGE_SIZE - sizeof(bytes) + 1);
    qtest_memwrite(h->v->vm->qts, gpa, bytes, len);
    if (one_in(h, WRONG)) {
        gpa = any_value(h);
    }
    /* The command or the vCPU, the argument's address, a count. */
    args[0] = call->cmd;
    args[1] = call->nr == __HYPERVISOR_vcpu_op ? below(h, 3) : gpa;
    args[2] = call->nr == __HYPERVISOR_vcpu_op ? gpa : below(h, 4);
    args[3] = any_value(h);
    if (call->nr == __HYPERVISOR_multicall) {
        args[0] = gpa;
        args[1] = below(h, 8);
    }
    xen_call(h->v->vm, below(h, 2), one_in(h, 30) ? below(h, 64) : call->nr, args,
             G_N_ELEMENTS(args));
}

/* Often a reset. */
static void shut_down(XenHostile *h)
{
    struct sched_shutdown op = { .reason = below(h, 7) };

    xen_op(h->v->vm, 0, __HYPERVISOR_sched_op, SCHEDOP_shutdown, &op, sizeof(op));
}

/* An operation with good arguments, of which more follows. */
static uint32_t new_port(XenHostile *h)
{
    struct evtchn_alloc_unbound op = { .dom = DOMID_SELF };

    return XEN_EVTCHN_OP(h->v->vm, 0, EVTCHNOP_alloc_unbound, &op) ? any_value(h) :
           op.port;
}

static void notify(XenHostile *h, uint32_t port)
{
    struct evtchn_send op = { .port = one_in(h, WRONG) ? any_value(h) : port };

    XEN_EVTCHN_OP(h->v->vm, 0, EVTCHNOP_send, &op);
}

static void set_up_events(XenHostile *h)
{
    struct evtchn_init_control op = {
        .control_gfn = page_gpa(h, RING_PAGES) / XEN_PAGE_SIZE,
        .vcpu = below(h, 2), .offset = below(h, 60) * 64,
    };
    struct evtchn_expand_array array = {
        .array_gfn = page_gpa(h, RING_PAGES + 1) / XEN_PAGE_SIZE,
    };

    if (one_in(h, 4)) {
        struct evtchn_reset reset = { .dom = DOMID_SELF };

        XEN_EVTCHN_OP(h->v->vm, 0, EVTCHNOP_reset, &reset);
    } else {
        XEN_EVTCHN_OP(h->v->vm, 0, EVTCHNOP_init_control, &op);
        XEN_EVTCHN_OP(h->v->vm, 0, EVTCHNOP_expand_array, &array);
    }
}

/* -------------------------------------------------------------------- grants -- */

static void write_grant(XenHostile *h, uint32_t ref, uint16_t flags, uint64_t frame)
{
    grant_entry_v1_t entry = { .flags = flags, .domid = 0, .frame = frame };

    qtest_memwrite(h->v->vm->qts, h->v->table + ref * sizeof(entry), &entry,
                   sizeof(entry));
}

static void grant_pages(XenHostile *h)
{
    grant_entry_v1_t entry[XEN_HOSTILE_PAGES];

    for (unsigned i = 0; i < XEN_HOSTILE_PAGES; i++) {
        entry[i] = (grant_entry_v1_t) {
            .flags = GTF_permit_access, .frame = page_gpa(h, i) / XEN_PAGE_SIZE,
        };
    }
    qtest_memwrite(h->v->vm->qts, h->v->table + FIRST_REF * sizeof(*entry), entry,
                   sizeof(entry));
}

/* As they should be, or one of any kind. */
static void grants(XenHostile *h)
{
    if (one_in(h, 2)) {
        grant_pages(h);
    } else {
        write_grant(h, one_in(h, 2) ? FIRST_REF + below(h, XEN_HOSTILE_PAGES)
                                    : below(h, TABLE_REFS),
                    any_value(h), any_value(h));
    }
}

/* ------------------------------------------------------------------ xenstore -- */

#define FIELD(h, name) \
    ((h)->v->store.ring + offsetof(struct xenstore_domain_interface, name))

/* Without waiting for room, or for an answer. */
static void put_bytes(XenHostile *h, const void *data, size_t len)
{
    QTestState *qts = h->v->vm->qts;
    uint32_t prod = qtest_readl(qts, FIELD(h, req_prod));
    size_t first = MIN(len, XENSTORE_RING_SIZE - MASK_XENSTORE_IDX(prod));

    qtest_memwrite(qts, FIELD(h, req) + MASK_XENSTORE_IDX(prod), data, first);
    if (first < len) {
        qtest_memwrite(qts, FIELD(h, req), (const char *)data + first, len - first);
    }
    qtest_writel(qts, FIELD(h, req_prod), one_in(h, 300 * WRONG) ? any_value(h) :
                                          prod + len);
    /* Nobody reads the answers. */
    qtest_writel(qts, FIELD(h, rsp_cons), qtest_readl(qts, FIELD(h, rsp_prod)));
    notify(h, h->v->store.port);
}

static void request(XenHostile *h, uint32_t type, const char *path,
                    const char *value)
{
    g_autoptr(GString) message = g_string_new(NULL);
    struct xsd_sockmsg header = { .type = type, .tx_id = one_in(h, 4 * WRONG) };

    g_string_append_len(message, (const char *)&header, sizeof(header));
    g_string_append_len(message, path, strlen(path) + 1);
    if (value) {
        g_string_append(message, value);
        if (type != XS_WRITE) {
            g_string_append_c(message, 0);
        }
    }
    header.len = message->len - sizeof(header) + one_in(h, 300 * WRONG);
    memcpy(message->str, &header, sizeof(header));
    put_bytes(h, message->str, MIN(message->len, XENSTORE_RING_SIZE));
}

typedef enum Kind { DISK, NIC, CONSOLE } Kind;

typedef struct Device {
    Kind kind;
    const char *path, *backend;
    unsigned page;              /* of the first of its rings */
} Device;

static const Device devices[XEN_HOSTILE_DEVICES] = {
    { DISK, "device/vbd/51728", "backend/qdisk/1/51728", 0 },
    { DISK, "device/vbd/51744", "backend/qdisk/1/51744", 2 },
    { NIC, "device/vif/0", "backend/vif/1/0", 3 },
    { NIC, "device/vif/1", "backend/vif/1/1", 5 },
    { CONSOLE, "device/console/1", "backend/console/1/1", 7 },
};

static void write_key(XenHostile *h, const Device *d, const char *key,
                      uint64_t value)
{
    g_autofree char *path = g_strdup_printf("%s/%s", d->path, key);
    g_autofree char *text = g_strdup_printf("%" PRIu64, one_in(h, 4 * WRONG) ?
                                            any_value(h) : value);

    request(h, XS_WRITE, path, text);
}

static void store(XenHostile *h)
{
    static const uint8_t types[] = {
        XS_DIRECTORY, XS_READ, XS_GET_PERMS, XS_WATCH, XS_UNWATCH,
        XS_TRANSACTION_START, XS_TRANSACTION_END, XS_WRITE, XS_MKDIR, XS_RM,
        XS_SET_PERMS, XS_RESET_WATCHES, XS_GET_DOMAIN_PATH, XS_DIRECTORY_PART,
        XS_INTRODUCE, XS_CONTROL,
    };
    static const char *const keys[] = {
        "state", "ring-ref", "ring-ref0", "event-channel", "protocol", "tx-ring-ref",
        "rx-ring-ref", "port", "feature-sg", "multi-queue-num-queues",
        "ring-page-order", "queue-0/ring-ref", "request-rx-copy", "x/y/z", "",
    };
    const Device *d = &devices[below(h, G_N_ELEMENTS(devices))];
    g_autofree char *path = g_strdup_printf("%s%s%s", one_in(h, 3) ? d->backend :
                                            d->path, one_in(h, 6) ? "" : "/",
                                            keys[below(h, G_N_ELEMENTS(keys))]);
    g_autofree char *value = g_strdup_printf("%" PRId64, (int64_t)any_value(h));

    if (one_in(h, WRONG)) {
        uint32_t bytes[16];

        for (unsigned i = 0; i < G_N_ELEMENTS(bytes); i++) {
            bytes[i] = any_value(h);
        }
        put_bytes(h, bytes, sizeof(bytes));
    } else {
        request(h, types[below(h, G_N_ELEMENTS(types))], path,
                one_in(h, 4) ? NULL : value);
    }
}

/* ---------------------------------------------------------------- front ends -- */

static const Device *any_device(XenHostile *h)
{
    return &devices[below(h, G_N_ELEMENTS(devices))];
}

static void state(XenHostile *h)
{
    write_key(h, any_device(h), "state", below(h, XenbusStateReconfigured + 2));
}

static void connect_device(XenHostile *h)
{
    const Device *d = any_device(h);
    uint32_t port = new_port(h);

    h->port[d - devices] = port;
    if (!one_in(h, WRONG)) {
        grant_pages(h);
    }
    write_key(h, d, "state", XenbusStateInitialising);
    for (unsigned i = 0; i < 2; i++) {
        memset(page_at(h, d->page + i % (d->kind == CONSOLE ? 1 : 2)), 0,
               XEN_PAGE_SIZE);
    }
    switch (d->kind) {
    case DISK:
        if (d->page == 0) {
            write_key(h, d, "ring-page-order", 1);
            write_key(h, d, "ring-ref0", FIRST_REF);
            write_key(h, d, "ring-ref1", FIRST_REF + 1);
        } else {
            write_key(h, d, "ring-ref", FIRST_REF + d->page);
        }
        break;
    case NIC:
        write_key(h, d, "tx-ring-ref", FIRST_REF + d->page);
        write_key(h, d, "rx-ring-ref", FIRST_REF + d->page + 1);
        write_key(h, d, "request-rx-copy", 1);
        write_key(h, d, "feature-sg", 1);
        write_key(h, d, "feature-rx-notify", 1);
        write_key(h, d, "feature-gso-tcpv4", 1);
        break;
    case CONSOLE:
        write_key(h, d, "ring-ref", page_gpa(h, d->page) / XEN_PAGE_SIZE);
        write_key(h, d, "port", port);
        break;
    }
    write_key(h, d, "event-channel", port);
    write_key(h, d, "state", XenbusStateConnected);
    notify(h, port);
}

static uint32_t any_data_ref(XenHostile *h)
{
    return one_in(h, 3 * WRONG) ? any_value(h) : FIRST_REF + RING_PAGES +
           below(h, XEN_HOSTILE_PAGES - RING_PAGES);
}

static void make_disk_request(XenHostile *h, uint8_t *p)
{
    unsigned body = h->v->vm->long_mode ? 24 : 20;

    p[0] = below(h, 8);
    p[1] = below(h, 12);
    stq_le_p(p + body - 8, one_in(h, WRONG) ? any_value(h) : below(h, 2000));
    for (unsigned s = 0; s < 11; s++) {
        uint8_t *segment = p + body + 8 * s;

        stl_le_p(segment, any_data_ref(h));
        segment[4] = one_in(h, WRONG) ? below(h, 16) : 0;
        segment[5] = one_in(h, WRONG) ? below(h, 16) : 7;
    }
}

static void make_frame_slot(XenHostile *h, uint8_t *p, unsigned flags)
{
    stl_le_p(p, any_data_ref(h));
    stw_le_p(p + 4, one_in(h, WRONG) ? any_value(h) : below(h, 200));
    stw_le_p(p + 6, one_in(h, 4 * WRONG) ? below(h, 64) : flags);
    stw_le_p(p + 10, one_in(h, WRONG) ? any_value(h) : 60 + below(h, 1500));
}

/* As its front end would, but in a ring that the changer changes, too. */
static void put_requests(XenHostile *h)
{
    const Device *d = any_device(h);
    uint8_t *ring = page_at(h, d->page);
    /* One frame in so many slots, each with the same flags, or short ones. */
    bool long_frame = one_in(h, 5);
    unsigned flags = below(h, 64), nr = 1 + below(h, long_frame ? 40 : 8);
    uint32_t *shared = (uint32_t *)(ring + (d->kind == CONSOLE ?
                                            offsetof(struct xencons_interface,
                                                     out_prod) : 0));
    uint32_t prod = *shared;

    for (unsigned i = 0; i < nr; i++, prod++) {
        switch (d->kind) {
        case DISK:
            make_disk_request(h, ring + 64 + prod % (d->page ? 32 : 64) *
                              (h->v->vm->long_mode ? 112 : 108));
            break;
        case NIC:
            make_frame_slot(h, ring + 64 + prod % 256 * 12,
                            !long_frame ? 0 : i + 1 < nr ? flags :
                            flags & ~NETTXF_more_data);
            break;
        case CONSOLE:
            ring[offsetof(struct xencons_interface, out) + prod % 2048] = 'x';
            break;
        }
    }
    *shared = one_in(h, 8 * WRONG) ? any_value(h) : prod;
    notify(h, h->port[d - devices]);
}

/* ------------------------------------------------------------- the user's part -- */

/* Errors are fine, too. */
static void qmp(XenHostile *h, const char *command)
{
    qobject_unref(qtest_qmp(h->v->vm->qts, "%p",
                            qobject_from_json(command, &error_abort)));
}

static void user(XenHostile *h)
{
    static const char *const commands[] = {
        "{ 'execute': 'query-xen' }", "{ 'execute': 'query-block' }",
        "{ 'execute': 'stop' }",
        "{ 'execute': 'block_resize', 'arguments': { 'node-name': 'n1',"
        " 'size': 1048576 } }",
        "{ 'execute': 'block_resize', 'arguments': { 'node-name': 'n1',"
        " 'size': 8388608 } }",
        "{ 'execute': 'set_link', 'arguments': { 'name': 'vif0', 'up': false } }",
        "{ 'execute': 'set_link', 'arguments': { 'name': 'vif0', 'up': true } }",
        "{ 'execute': 'balloon', 'arguments': { 'value': 16777216 } }",
        "{ 'execute': 'human-monitor-command',"
        " 'arguments': { 'command-line': 'info xen' } }",
        "{ 'execute': 'human-monitor-command',"
        " 'arguments': { 'command-line': 'xenstore-list -r /' } }",
        "{ 'execute': 'system_reset' }",
        /* Not where a target must have the same devices. */
        "{ 'execute': 'device_del', 'arguments': { 'id': 'xvdb' } }",
        "{ 'execute': 'device_add', 'arguments': { 'driver': 'xen-disk',"
        " 'id': 'xvdb', 'drive': 'n1', 'vdev': 'xvdb', 'iothread': 'io' } }",
        "{ 'execute': 'device_del', 'arguments': { 'id': 'vif1' } }",
        "{ 'execute': 'device_add', 'arguments': { 'driver': 'xen-net-device',"
        " 'id': 'vif1', 'netdev': 'h1', 'idx': 1 } }",
    };

    qmp(h, commands[below(h, G_N_ELEMENTS(commands) - (h->moves ? 4 : 0))]);
    /* A stopped guest does not do much. */
    if (!one_in(h, 4)) {
        qmp(h, "{ 'execute': 'cont' }");
    }
}

static void clock_step(XenHostile *h)
{
    qtest_clock_step(h->v->vm->qts, below(h, 200000000));
}

static void unplug(XenHostile *h)
{
    qtest_outw(h->v->vm->qts, PLATFORM_PORT, one_in(h, WRONG) ? any_value(h) :
               1u << below(h, 4));
}

static void move(XenHostile *h)
{
    uint8_t *old = h->v->ram;

    if (!h->moves) {
        return;
    }
    qmp(h, "{ 'execute': 'cont' }");
    xen_changer_free(h->changer);
    h->v = xen_vbd_move_stopped(h->v, h->options);
    g_assert_true(h->v->ram != old);
    h->changer = xen_changer_new(page_at(h, 0),
                                 XEN_HOSTILE_PAGES * XEN_PAGE_SIZE,
                                 g_rand_int(h->rand));
}

/* --------------------------------------------------------------------- steps -- */

static const struct {
    const char *name;
    unsigned weight;
    void (*run)(XenHostile *h);
} steps[] = {
    { "hypercall", 200, hypercall }, { "events", 5, set_up_events },
    { "shutdown", 2, shut_down }, { "grants", 30, grants }, { "store", 100, store },
    { "state", 30, state }, { "connect", 100, connect_device },
    { "requests", 500, put_requests }, { "user", 30, user },
    { "clock", 30, clock_step }, { "unplug", 4, unplug }, { "move", 4, move },
};

const char *xen_hostile_step(XenHostile *h)
{
    unsigned all = 0, at;

    for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++) {
        all += steps[i].weight;
    }
    at = below(h, all);
    for (unsigned i = 0;; i++) {
        if (at < steps[i].weight) {
            steps[i].run(h);
            return steps[i].name;
        }
        at -= steps[i].weight;
    }
}

char *xen_hostile_options(const char *image, bool twins)
{
    return g_strdup_printf(
        "-smp 2 %s -no-shutdown -action reboot=reset,shutdown=pause,panic=pause "
        "-object iothread,id=io "
        "-blockdev null-co,node-name=n0,size=67108864,read-zeroes=on "
        "-device xen-disk,id=xvda,drive=n0,vdev=xvda "
        "-blockdev file,node-name=f1,filename=%s,discard=unmap "
        "-blockdev raw,node-name=n1,file=f1,discard=unmap "
        "-device xen-disk,id=xvdb,drive=n1,vdev=xvdb,iothread=io "
        "-blockdev null-co,node-name=n2,size=8388608,read-zeroes=on "
        "-device xen-disk,id=xvdc,drive=n2,vdev=xvdc "
        "-netdev hubport,id=h0,hubid=0 -netdev hubport,id=h1,hubid=0 "
        "-device xen-net-device,id=vif0,netdev=h0,idx=0,iothread=io "
        "-device xen-net-device,id=vif1,netdev=h1,idx=1 "
        "-chardev null,id=c0 -device xen-console,chardev=c0 "
        "-chardev ringbuf,id=c1,size=4096 -device xen-console,chardev=c1",
        twins ? "-machine xen-pv-twins=on -drive file=null-co://,if=ide,index=3 "
                "-device e1000,id=nic" : "", image);
}

XenHostile *xen_hostile_new(XenVbd *v, uint32_t seed)
{
    XenHostile *h = g_new0(XenHostile, 1);

    h->v = v;
    h->rand = g_rand_new_with_seed(seed);
    h->pages = xen_vm_page(v->vm);
    for (unsigned i = 1; i < XEN_HOSTILE_PAGES; i++) {
        g_assert_cmphex(xen_vm_page(v->vm), ==, page_gpa(h, i));
    }
    h->changer = xen_changer_new(page_at(h, 0), XEN_HOSTILE_PAGES * XEN_PAGE_SIZE,
                                 g_rand_int(h->rand));
    return h;
}

void xen_hostile_free(XenHostile *h)
{
    xen_changer_free(h->changer);
    g_rand_free(h->rand);
    g_free(h);
}
