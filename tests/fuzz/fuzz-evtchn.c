/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest against the event-channel engine: a libFuzzer target
 *
 * The input is a program.  Each step is a byte for the operation and some for
 * its arguments: a hypercall with any arguments, an event from QEMU, a change
 * of the guest's memory map, or a write of any value to any word that guest and
 * engine share.  All steps run in one thread; the stress test covers
 * concurrency.
 *
 * Checked: no crash, no access out of bounds (AddressSanitizer), no undefined
 * behaviour, no endless loop (libFuzzer's timeout), all pages unpinned, and an
 * engine that works after EVTCHNOP_reset.
 */
#include "evtchn-guest.h"
#include "fuzz.h"

#define NR_VCPUS        3
#define NR_BACKENDS     4
#define MAX_STEPS       2000
/*
 * Ports of IPIs that one input may bind: some words of a bitmap.  Each costs a
 * microsecond, and inputs with many would take most of the time.
 */
#define MAX_IPIS        200

typedef struct Input {
    const uint8_t *data;
    size_t left;
} Input;

typedef struct Fuzz {
    EvtchnGuest *g;
    XenEvtchnBackend *be[NR_BACKENDS];
    bool polling[NR_VCPUS];
    unsigned nr_ipis;
} Fuzz;

static uint8_t u8(Input *in)
{
    if (!in->left) {
        return 0;
    }
    in->left--;
    return *in->data++;
}

static uint16_t u16(Input *in)
{
    uint16_t low = u8(in);

    return low | u8(in) << 8;
}

static uint32_t u32(Input *in)
{
    uint32_t low = u16(in);

    return low | (uint32_t)u16(in) << 16;
}

/* Often a port that may be open, sometimes any number. */
static uint32_t any_port(Input *in)
{
    uint8_t b = u8(in);

    switch (b >> 6) {
    case 3:
        return u32(in);
    case 2:
        /* near the boundaries of array pages */
        return (b >> 3 & 7) * 1024 - 4 + (b & 7);
    default:
        return b & 31;
    }
}

static unsigned any_vcpu(Input *in)
{
    uint8_t b = u8(in);

    return b < 250 ? b % (NR_VCPUS + 1) : u32(in);
}

static uint16_t any_dom(Input *in)
{
    static const uint16_t doms[] = { DOMID_SELF, GUEST_DOMID, 0, 0, DOMID_XEN };
    uint8_t b = u8(in);

    return b < 250 ? doms[b % G_N_ELEMENTS(doms)] : u16(in);
}

static uint64_t any_gfn(Input *in)
{
    uint8_t b = u8(in);

    return b < 250 ? b % (GUEST_NR_FRAMES + 2)
                   : (uint64_t)u32(in) << 32 | u32(in);
}

/* Offset in a page for @len bytes, often near the highest that fits. */
static uint32_t any_offset(Input *in, uint32_t len)
{
    uint8_t b = u8(in);

    switch (b >> 6) {
    case 0:
        return 0;
    case 1:
        return u32(in);
    case 2:
        return XEN_EMU_PAGE_SIZE - len - 8 + (b & 31);
    default:
        return (b & 63) * 64;
    }
}

/* ---------------------------------------------------------- hypercalls -- */

static void step_bind(Fuzz *f, Input *in)
{
    XenEvtchn *e = f->g->e;

    switch (u8(in) % 6) {
    case 0: {
        struct evtchn_alloc_unbound op = { .dom = any_dom(in),
                                           .remote_dom = any_dom(in) };

        xen_evtchn_alloc_unbound(e, &op);
        break;
    }
    case 1: {
        struct evtchn_bind_interdomain op = { .remote_dom = any_dom(in),
                                              .remote_port = any_port(in) };

        xen_evtchn_bind_interdomain(e, &op);
        break;
    }
    case 2: {
        struct evtchn_bind_virq op = { .virq = u8(in) % 26,
                                       .vcpu = any_vcpu(in) };

        xen_evtchn_bind_virq(e, &op);
        break;
    }
    case 3: {
        struct evtchn_bind_pirq op = { .pirq = u8(in) };

        xen_evtchn_bind_pirq(e, &op);
        break;
    }
    case 4: {
        struct evtchn_bind_ipi op = { .vcpu = any_vcpu(in) };
        unsigned n = u8(in);

        n = n < 224 ? n % 8 : (n - 224) * 6;
        for (; n > 0 && f->nr_ipis < MAX_IPIS; n--, f->nr_ipis++) {
            xen_evtchn_bind_ipi(e, &op);
        }
        break;
    }
    case 5: {
        struct evtchn_bind_vcpu op = { .port = any_port(in),
                                       .vcpu = any_vcpu(in) };

        xen_evtchn_bind_vcpu(e, &op);
        break;
    }
    }
}

static void step_fifo(Fuzz *f, Input *in)
{
    XenEvtchn *e = f->g->e;

    switch (u8(in) % 4) {
    case 0: {
        struct evtchn_init_control op = { .control_gfn = any_gfn(in),
                                          .vcpu = any_vcpu(in),
                                          .offset = any_offset(in, 72) };

        xen_evtchn_init_control(e, &op);
        break;
    }
    case 1: {
        struct evtchn_expand_array op = { .array_gfn = any_gfn(in) };

        xen_evtchn_expand_array(e, &op);
        break;
    }
    case 2: {
        struct evtchn_set_priority op = { .port = any_port(in),
                                          .priority = u8(in) % 18 };

        xen_evtchn_set_priority(e, &op);
        break;
    }
    case 3:
        /* A valid set-up, which random arguments would rarely hit. */
        for (unsigned i = 0; i < NR_VCPUS; i++) {
            evtchn_guest_init_control(f->g, i);
        }
        evtchn_guest_expand_array(f->g,
                                  xen_evtchn_fifo_nr_array_pages(e) % 128);
        break;
    }
}

static void step_port(Fuzz *f, Input *in)
{
    XenEvtchn *e = f->g->e;

    switch (u8(in) % 4) {
    case 0:
        xen_evtchn_close(e, any_port(in));
        break;
    case 1: {
        struct evtchn_status op = { .dom = any_dom(in),
                                    .port = any_port(in) };

        xen_evtchn_status(e, &op);
        break;
    }
    case 2:
        if (u8(in) < 8) {
            xen_evtchn_reset(e, any_dom(in));
        }
        break;
    case 3: {
        XenEvtchnPortInfo info;

        xen_evtchn_port_info(e, any_port(in), &info);
        break;
    }
    }
}

static void step_event(Fuzz *f, Input *in)
{
    XenEvtchn *e = f->g->e;

    switch (u8(in) % 8) {
    case 0:
        xen_evtchn_send_fast(e, any_port(in));
        break;
    case 1:
        xen_evtchn_send(e, any_port(in));
        break;
    case 2:
        xen_evtchn_unmask_fast(e, any_port(in));
        break;
    case 3:
        xen_evtchn_unmask(e, any_port(in));
        break;
    case 4:
        xen_evtchn_raise_virq(e, any_vcpu(in), u8(in) % 26);
        break;
    case 5:
        xen_evtchn_raise_pirq(e, u8(in));
        break;
    case 6:
        xen_evtchn_inject(e, any_port(in));
        break;
    case 7:
        for (uint32_t port = 1; port < 32; port++) {
            xen_evtchn_inject(e, port);
        }
        break;
    }
}

static void step_backend(Fuzz *f, Input *in)
{
    XenEvtchnBackend **be = &f->be[u8(in) % NR_BACKENDS];

    switch (u8(in) % 4) {
    case 0:
        xen_evtchn_backend_bind(*be, GUEST_DOMID, any_port(in));
        break;
    case 1:
        xen_evtchn_backend_notify(*be);
        break;
    case 2:
        xen_evtchn_backend_unbind(*be, u8(in) % 4);
        break;
    case 3:
        xen_evtchn_backend_free(*be);
        *be = xen_evtchn_backend_new(f->g->e, NULL);
        break;
    }
}

static void step_poll(Fuzz *f, Input *in)
{
    unsigned vcpu = u8(in) % NR_VCPUS, nr = u8(in) % 132;
    uint32_t ports[132];

    if (f->polling[vcpu]) {
        xen_evtchn_poll_woken(f->g->e, vcpu);
        xen_evtchn_poll_end(f->g->e, vcpu);
        f->polling[vcpu] = false;
        return;
    }
    for (unsigned i = 0; i < nr; i++) {
        ports[i] = any_port(in);
    }
    f->polling[vcpu] = xen_evtchn_poll_begin(f->g->e, vcpu, ports, nr) == 0;
}

/* -------------------------------------------- the machine around the guest */

static void step_machine(Fuzz *f, Input *in)
{
    EvtchnGuest *g = f->g;
    XenEvtchn *e = g->e;
    uint64_t gfn;

    switch (u8(in) % 9) {
    case 0:
        xen_evtchn_set_long_mode(e, u8(in) & 1);
        break;
    case 1:
        xen_evtchn_set_vcpu_info(e, any_vcpu(in),
                                 evtchn_guest_gpa(any_gfn(in)) +
                                 any_offset(in, XEN_VCPU_INFO_SIZE),
                                 u8(in) & 1);
        break;
    case 2:
        xen_evtchn_set_vcpu_info(e, any_vcpu(in), XEN_GPA_NONE, false);
        break;
    case 3:
        xen_evtchn_set_vcpu_present(e, u8(in) % NR_VCPUS, u8(in) & 1);
        break;
    case 4:
        gfn = any_gfn(in);
        xen_page_cache_invalidate(&g->pages, evtchn_guest_gpa(gfn), u32(in));
        break;
    case 5:
        evtchn_guest_remove_frame(g, u8(in) % GUEST_NR_FRAMES);
        break;
    case 6:
        evtchn_guest_add_frame(g, u8(in) % GUEST_NR_FRAMES);
        break;
    case 7:
        xen_evtchn_set_kernel_delivery(e, u8(in) & 1);
        break;
    case 8:
        xen_evtchn_set_shared_info(e, u8(in) & 1
                                      ? evtchn_guest_frame(g, 0) : NULL);
        break;
    }
}

/* A write by the guest to any shared word. */
static void step_write(Fuzz *f, Input *in)
{
    static const uint32_t values[] = {
        0, UINT32_MAX, 1u << EVTCHN_FIFO_PENDING, 1u << EVTCHN_FIFO_LINKED,
        1u << EVTCHN_FIFO_MASKED, 1u << EVTCHN_FIFO_BUSY,
    };
    static const uint8_t places[] = {
        GUEST_GFN_SHARED, GUEST_GFN_INFO, GUEST_GFN_CONTROL,
        GUEST_GFN_CONTROL + 1, GUEST_GFN_ARRAY, GUEST_GFN_ARRAY + 1,
    };
    uint8_t how = u8(in);
    uint32_t *frame, *word, value;

    frame = evtchn_guest_frame(f->g, places[how % G_N_ELEMENTS(places)]);
    word = frame + (how & 0x80 ? u16(in) % 1024 : u8(in) % 32);
    value = u8(in);
    value = value < G_N_ELEMENTS(values) ? values[value] : u32(in);
    switch (how >> 5 & 3) {
    case 0:
        *word = value;
        break;
    case 1:
        *word |= value;
        break;
    case 2:
        *word &= ~value;
        break;
    case 3:
        *word ^= value;
        break;
    }
}

/* Restores an unchecked migration stream. */
static void step_restore(Fuzz *f, Input *in)
{
    XenEvtchn *e = f->g->e;

    if (u8(in) > 24) {
        return;
    }
    for (unsigned i = 0; i < NR_VCPUS; i++) {
        if (f->polling[i]) {
            xen_evtchn_poll_end(e, i);
            f->polling[i] = false;
        }
    }
    xen_evtchn_restore_begin(e);
    for (unsigned n = u8(in) % 24; n > 0; n--) {
        XenEvtchnPortInfo info = {
            .port = any_port(in), .type = u8(in) % 8, .vcpu = any_vcpu(in),
            .priority = u8(in) % 18, .val = any_port(in),
            .to_backend = u8(in) & 1, .parked = u8(in) & 1,
            .queue_vcpu = any_vcpu(in), .queue_priority = u8(in) % 18,
        };

        /* Shares a bit, since inputs of the corpus have no byte for it. */
        info.parked_unmask = info.queue_priority & 1;
        xen_evtchn_restore_port(e, &info);
    }
    if (u8(in) & 1) {
        xen_evtchn_restore_fifo_control(e, any_vcpu(in),
                                        evtchn_guest_gpa(any_gfn(in)) +
                                        any_offset(in, 72));
        xen_evtchn_restore_fifo_array(e, u8(in) % 2, any_gfn(in));
        xen_evtchn_restore_fifo_tail(e, any_vcpu(in), u8(in) % 18,
                                     any_port(in));
    }
    xen_evtchn_restore_finish(e);
}

/* ----------------------------------------------------------------- a run */

static void check_works_after_reset(Fuzz *f)
{
    EvtchnGuest *g = f->g;
    XenEvtchn *e = g->e;
    uint32_t port;

    for (unsigned i = 0; i < NR_VCPUS; i++) {
        if (f->polling[i]) {
            xen_evtchn_poll_end(e, i);
        }
    }
    g_assert_cmpint(xen_evtchn_reset(e, DOMID_SELF), ==, 0);
    g_assert_cmpuint(xen_evtchn_nr_ports(e), ==, 0);
    g_assert_cmpint(xen_evtchn_abi(e), ==, XEN_EVTCHN_ABI_2L);

    memset(evtchn_guest_frame(g, GUEST_GFN_SHARED), 0, XEN_EMU_PAGE_SIZE);
    memset(evtchn_guest_frame(g, GUEST_GFN_INFO), 0, XEN_EMU_PAGE_SIZE);
    g->fifo = false;
    g->absent[GUEST_GFN_INFO] = false;
    xen_evtchn_set_kernel_delivery(e, false);
    xen_evtchn_set_long_mode(e, g->long_mode);
    xen_evtchn_set_shared_info(e, evtchn_guest_frame(g, GUEST_GFN_SHARED));
    xen_evtchn_set_vcpu_present(e, 1, true);
    g_assert_cmpint(xen_evtchn_set_vcpu_info(e, 1,
                        evtchn_guest_gpa(GUEST_GFN_INFO) + 64, false), ==, 0);
    port = evtchn_guest_bind_ipi(g, 1);
    g_assert_cmpuint(port, ==, 1);
    g_assert_cmpint(xen_evtchn_send_fast(e, port), ==, 0);
    g_assert_cmpuint(evtchn_guest_handle(g, 1, NULL, NULL), ==, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const steps[])(Fuzz *f, Input *in) = {
        step_bind, step_fifo, step_port, step_event, step_backend, step_poll,
        step_machine, step_write, step_restore, step_event, step_write,
        step_write,
    };
    Input in = { data, size };
    Fuzz f = { .g = evtchn_guest_new(NR_VCPUS, u8(&in) & 1) };

    for (unsigned i = 0; i < NR_BACKENDS; i++) {
        f.be[i] = xen_evtchn_backend_new(f.g->e, NULL);
    }
    for (unsigned n = 0; in.left && n < MAX_STEPS; n++) {
        steps[u8(&in) % G_N_ELEMENTS(steps)](&f, &in);
    }
    check_works_after_reset(&f);
    for (unsigned i = 0; i < NR_BACKENDS; i++) {
        xen_evtchn_backend_free(f.be[i]);
    }
    evtchn_guest_free(f.g);
    return 0;
}
