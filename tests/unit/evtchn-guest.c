/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest for the event-channel engine; see evtchn-guest.h. */
#include <sys/mman.h>
#include "evtchn-guest.h"

#define PENDING     (1u << EVTCHN_FIFO_PENDING)
#define MASKED      (1u << EVTCHN_FIFO_MASKED)
#define LINKED      (1u << EVTCHN_FIFO_LINKED)
#define BUSY        (1u << EVTCHN_FIFO_BUSY)
#define LINK_MASK   ((uint32_t)EVTCHN_FIFO_LINK_MASK)

/* ------------------------------------------------------------- memory -- */

/*
 * Each frame is followed by one that cannot be accessed, so that an access of
 * the engine beyond the end of a page faults.
 */
#define GUEST_STRIDE    (2 * XEN_EMU_PAGE_SIZE)
#define GUEST_RAM_SIZE  (GUEST_NR_FRAMES * GUEST_STRIDE)

#define SEEN_SIZE       (GUEST_NR_PORTS * sizeof(unsigned))

typedef struct GuestMemory {
    uint8_t *ram;               /* behind it: EvtchnGuest.seen */
    bool touched[GUEST_NR_FRAMES];  /* may not be all zeroes; atomic */
} GuestMemory;

/*
 * Of the guest before, all zeroes again: the fuzzer makes 10,000 guests a
 * second, and each uses a few pages.
 */
static GuestMemory *spare_memory;

static GuestMemory *guest_memory_new(void)
{
    GuestMemory *m = spare_memory;

    if (m) {
        spare_memory = NULL;
        return m;
    }
    m = g_new0(GuestMemory, 1);
    m->ram = mmap(NULL, GUEST_RAM_SIZE + SEEN_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert(m->ram != MAP_FAILED);
    for (unsigned gfn = 0; gfn < GUEST_NR_FRAMES; gfn++) {
        g_assert(mprotect(m->ram + gfn * GUEST_STRIDE + XEN_EMU_PAGE_SIZE,
                          XEN_EMU_PAGE_SIZE, PROT_NONE) == 0);
    }
    return m;
}

static void guest_memory_free(GuestMemory *m)
{
    if (spare_memory) {
        munmap(m->ram, GUEST_RAM_SIZE + SEEN_SIZE);
        g_free(m);
        return;
    }
    for (unsigned gfn = 0; gfn < GUEST_NR_FRAMES; gfn++) {
        if (m->touched[gfn]) {
            memset(m->ram + gfn * GUEST_STRIDE, 0, XEN_EMU_PAGE_SIZE);
            m->touched[gfn] = false;
        }
    }
    /* It reads as zeroes afterwards. */
    g_assert_cmpint(madvise(m->ram + GUEST_RAM_SIZE, SEEN_SIZE, MADV_DONTNEED),
                    ==, 0);
    spare_memory = m;
}

static uint8_t *guest_hva(EvtchnGuest *g, uint64_t gpa)
{
    return g->memory->ram + (gpa >> XEN_EMU_PAGE_SHIFT) * GUEST_STRIDE +
           gpa % XEN_EMU_PAGE_SIZE;
}

/* The frame is about to be written, by anybody. */
static void guest_touch(EvtchnGuest *g, uint64_t gfn)
{
    bool *touched = &g->memory->touched[gfn];

    if (!__atomic_load_n(touched, __ATOMIC_RELAXED)) {
        __atomic_store_n(touched, true, __ATOMIC_RELAXED);
    }
}

/* ----------------------------------------------------- engine's callbacks */

static void *guest_pin(void *opaque, uint64_t gpa, uint32_t len, void **pin)
{
    EvtchnGuest *g = opaque;
    uint64_t gfn = gpa >> XEN_EMU_PAGE_SHIFT;

    g_assert(gpa % XEN_EMU_PAGE_SIZE + len <= XEN_EMU_PAGE_SIZE);
    if (g->on_pin) {
        g->on_pin(g, gpa);
    }
    if (gfn >= GUEST_NR_FRAMES ||
        __atomic_load_n(&g->absent[gfn], __ATOMIC_SEQ_CST)) {
        return NULL;
    }
    guest_touch(g, gfn);
    __atomic_fetch_add(&g->pinned, 1, __ATOMIC_SEQ_CST);
    *pin = guest_hva(g, gpa);
    return *pin;
}

static void guest_unpin(void *opaque, uint64_t gpa, uint32_t len, void *pin)
{
    EvtchnGuest *g = opaque;

    g_assert(pin == guest_hva(g, gpa));
    __atomic_fetch_sub(&g->pinned, 1, __ATOMIC_SEQ_CST);
}

static void guest_raise_upcall(void *opaque, unsigned vcpu)
{
    EvtchnGuest *g = opaque;

    if (!g->upcalls_uncounted) {
        __atomic_fetch_add(&g->vcpu[vcpu].upcalls, 1, __ATOMIC_SEQ_CST);
    }
}

static void guest_wake_poller(void *opaque, unsigned vcpu)
{
    EvtchnGuest *g = opaque;

    __atomic_fetch_add(&g->vcpu[vcpu].wakes, 1, __ATOMIC_SEQ_CST);
}

static void guest_signal_backend(void *opaque, XenEvtchnBackend *be,
                                 void *cookie)
{
    EvtchnGuest *g = opaque;

    __atomic_fetch_add(&g->signals, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&g->last_cookie, cookie, __ATOMIC_SEQ_CST);
}

static int guest_kernel_deliver(void *opaque, uint32_t port, unsigned vcpu)
{
    EvtchnGuest *g = opaque;

    __atomic_fetch_add(&g->vcpu[vcpu].kernel, 1, __ATOMIC_SEQ_CST);
    g->kernel_port = port;
    return g->kernel_error;
}

static void guest_port_changed(void *opaque, const XenEvtchnPortInfo *info,
                               void *cookie)
{
    EvtchnGuest *g = opaque;

    g->changed = *info;
    g->nr_changed++;
    if (g->on_changed) {
        g->on_changed(g);
    }
}

static const XenGuestPageOps guest_page_ops = {
    .pin = guest_pin,
    .unpin = guest_unpin,
};

static const XenEvtchnOps guest_ops = {
    .raise_upcall = guest_raise_upcall,
    .wake_poller = guest_wake_poller,
    .signal_backend = guest_signal_backend,
    .kernel_deliver = guest_kernel_deliver,
    .port_changed = guest_port_changed,
};

/* ------------------------------------------------------------- the guest */

EvtchnGuest *evtchn_guest_new_bare(unsigned nr_vcpus, bool long_mode)
{
    EvtchnGuest *g = g_new0(EvtchnGuest, 1);

    g_assert(nr_vcpus <= GUEST_MAX_VCPUS);
    g->nr_vcpus = nr_vcpus;
    g->long_mode = long_mode;
    g->memory = guest_memory_new();
    g->seen = (unsigned *)(g->memory->ram + GUEST_RAM_SIZE);
    xen_page_cache_init(&g->pages, &guest_page_ops, g);
    g->e = xen_evtchn_new(nr_vcpus, GUEST_MAX_PIRQS, GUEST_DOMID, &g->pages,
                          &guest_ops, g);
    xen_evtchn_set_long_mode(g->e, long_mode);
    for (unsigned i = 0; i < nr_vcpus; i++) {
        g->vcpu[i].info = (uint8_t *)evtchn_guest_frame(g, GUEST_GFN_INFO) +
                          i * XEN_VCPU_INFO_SIZE;
    }
    return g;
}

EvtchnGuest *evtchn_guest_new(unsigned nr_vcpus, bool long_mode)
{
    EvtchnGuest *g = evtchn_guest_new_bare(nr_vcpus, long_mode);

    xen_evtchn_set_shared_info(g->e, evtchn_guest_frame(g, GUEST_GFN_SHARED));
    for (unsigned i = 0; i < nr_vcpus; i++) {
        int ret;

        xen_evtchn_set_vcpu_present(g->e, i, true);
        ret = xen_evtchn_set_vcpu_info(g->e, i,
                                       evtchn_guest_gpa(GUEST_GFN_INFO) +
                                       i * XEN_VCPU_INFO_SIZE, false);
        g_assert_cmpint(ret, ==, 0);
    }
    return g;
}

void evtchn_guest_free(EvtchnGuest *g)
{
    xen_evtchn_free(g->e);
    xen_page_cache_destroy(&g->pages);
    g_assert_cmpint(g->pinned, ==, 0);
    guest_memory_free(g->memory);
    g_free(g);
}

void *evtchn_guest_frame(EvtchnGuest *g, uint64_t gfn)
{
    g_assert(gfn < GUEST_NR_FRAMES);
    guest_touch(g, gfn);
    return guest_hva(g, evtchn_guest_gpa(gfn));
}

void evtchn_guest_copy_ram(EvtchnGuest *to, EvtchnGuest *from)
{
    for (unsigned gfn = 0; gfn < GUEST_NR_FRAMES; gfn++) {
        memcpy(evtchn_guest_frame(to, gfn), evtchn_guest_frame(from, gfn),
               XEN_EMU_PAGE_SIZE);
    }
}

void evtchn_guest_remove_frame(EvtchnGuest *g, uint64_t gfn)
{
    __atomic_store_n(&g->absent[gfn], true, __ATOMIC_SEQ_CST);
    xen_page_cache_invalidate(&g->pages, evtchn_guest_gpa(gfn), XEN_EMU_PAGE_SIZE);
}

void evtchn_guest_add_frame(EvtchnGuest *g, uint64_t gfn)
{
    __atomic_store_n(&g->absent[gfn], false, __ATOMIC_SEQ_CST);
    xen_page_cache_invalidate(&g->pages, evtchn_guest_gpa(gfn), XEN_EMU_PAGE_SIZE);
    xen_evtchn_retry_parked(g->e);
}

/* ------------------------------------------------------------ hypercalls */

uint32_t evtchn_guest_bind_ipi(EvtchnGuest *g, unsigned vcpu)
{
    struct evtchn_bind_ipi op = { .vcpu = vcpu };

    g_assert_cmpint(xen_evtchn_bind_ipi(g->e, &op), ==, 0);
    return op.port;
}

uint32_t evtchn_guest_bind_virq(EvtchnGuest *g, unsigned vcpu, unsigned virq)
{
    struct evtchn_bind_virq op = { .vcpu = vcpu, .virq = virq };

    g_assert_cmpint(xen_evtchn_bind_virq(g->e, &op), ==, 0);
    return op.port;
}

uint32_t evtchn_guest_bind_pirq(EvtchnGuest *g, unsigned pirq)
{
    struct evtchn_bind_pirq op = { .pirq = pirq };

    g_assert_cmpint(xen_evtchn_bind_pirq(g->e, &op), ==, 0);
    return op.port;
}

uint32_t evtchn_guest_alloc_unbound(EvtchnGuest *g, uint16_t remote)
{
    struct evtchn_alloc_unbound op = { .dom = DOMID_SELF,
                                       .remote_dom = remote };

    g_assert_cmpint(xen_evtchn_alloc_unbound(g->e, &op), ==, 0);
    return op.port;
}

uint32_t evtchn_guest_bind_loopback(EvtchnGuest *g, uint32_t remote)
{
    struct evtchn_bind_interdomain op = { .remote_dom = DOMID_SELF,
                                          .remote_port = remote };

    g_assert_cmpint(xen_evtchn_bind_interdomain(g->e, &op), ==, 0);
    return op.local_port;
}

void evtchn_guest_bind_vcpu(EvtchnGuest *g, uint32_t port, unsigned vcpu)
{
    struct evtchn_bind_vcpu op = { .port = port, .vcpu = vcpu };

    g_assert_cmpint(xen_evtchn_bind_vcpu(g->e, &op), ==, 0);
}

void evtchn_guest_set_priority(EvtchnGuest *g, uint32_t port, unsigned prio)
{
    struct evtchn_set_priority op = { .port = port, .priority = prio };

    g_assert_cmpint(xen_evtchn_set_priority(g->e, &op), ==, 0);
}

int evtchn_guest_init_control(EvtchnGuest *g, unsigned vcpu)
{
    struct evtchn_init_control op = {
        .control_gfn = GUEST_GFN_CONTROL + vcpu, .vcpu = vcpu,
    };
    int ret = xen_evtchn_init_control(g->e, &op);

    if (ret == 0) {
        g->fifo = true;
        g_assert_cmpint(op.link_bits, ==, EVTCHN_FIFO_LINK_BITS);
    }
    return ret;
}

int evtchn_guest_expand_array(EvtchnGuest *g, unsigned index)
{
    struct evtchn_expand_array op = { .array_gfn = GUEST_GFN_ARRAY + index };

    return xen_evtchn_expand_array(g->e, &op);
}

void evtchn_guest_use_fifo(EvtchnGuest *g, unsigned nr_pages)
{
    for (unsigned i = 0; i < g->nr_vcpus; i++) {
        g_assert_cmpint(evtchn_guest_init_control(g, i), ==, 0);
    }
    for (unsigned i = 0; i < nr_pages; i++) {
        g_assert_cmpint(evtchn_guest_expand_array(g, i), ==, 0);
    }
}

/* ------------------------------------------------------ bits and words -- */

static uint32_t *guest_2l_word(EvtchnGuest *g, unsigned offset, uint32_t bit)
{
    return (uint32_t *)((uint8_t *)evtchn_guest_frame(g, GUEST_GFN_SHARED) +
                        offset) + bit / 32;
}

static uint32_t *guest_2l_pending(EvtchnGuest *g, uint32_t port)
{
    /* In both layouts it follows 32 vcpu_info of 64 bytes. */
    return guest_2l_word(g, 2048, port);
}

static uint32_t *guest_2l_mask(EvtchnGuest *g, uint32_t port)
{
    return guest_2l_word(g, g->long_mode ? 2048 + 512 : 2048 + 128, port);
}

static uint8_t *guest_vcpu_info(EvtchnGuest *g, unsigned vcpu)
{
    return g->vcpu[vcpu].info;
}

uint32_t *evtchn_guest_word(EvtchnGuest *g, uint32_t port)
{
    return (uint32_t *)evtchn_guest_frame(g, GUEST_GFN_ARRAY + port / 1024) +
           port % 1024;
}

struct evtchn_fifo_control_block *evtchn_guest_control(EvtchnGuest *g,
                                                       unsigned vcpu)
{
    return evtchn_guest_frame(g, GUEST_GFN_CONTROL + vcpu);
}

bool evtchn_guest_pending(EvtchnGuest *g, uint32_t port)
{
    if (g->fifo) {
        return __atomic_load_n(evtchn_guest_word(g, port),
                               __ATOMIC_SEQ_CST) & PENDING;
    }
    return __atomic_load_n(guest_2l_pending(g, port),
                           __ATOMIC_SEQ_CST) >> port % 32 & 1;
}

bool evtchn_guest_masked(EvtchnGuest *g, uint32_t port)
{
    if (g->fifo) {
        return __atomic_load_n(evtchn_guest_word(g, port),
                               __ATOMIC_SEQ_CST) & MASKED;
    }
    return __atomic_load_n(guest_2l_mask(g, port),
                           __ATOMIC_SEQ_CST) >> port % 32 & 1;
}

bool evtchn_guest_upcall_flag(EvtchnGuest *g, unsigned vcpu)
{
    return __atomic_load_n(guest_vcpu_info(g, vcpu), __ATOMIC_SEQ_CST);
}

uint64_t evtchn_guest_selector(EvtchnGuest *g, unsigned vcpu)
{
    uint8_t *info = guest_vcpu_info(g, vcpu);

    return g->long_mode
           ? __atomic_load_n((uint64_t *)(info + 8), __ATOMIC_SEQ_CST)
           : __atomic_load_n((uint32_t *)(info + 4), __ATOMIC_SEQ_CST);
}

void evtchn_guest_mask(EvtchnGuest *g, uint32_t port)
{
    if (g->fifo) {
        __atomic_fetch_or(evtchn_guest_word(g, port), MASKED,
                          __ATOMIC_SEQ_CST);
    } else {
        __atomic_fetch_or(guest_2l_mask(g, port), 1u << port % 32,
                          __ATOMIC_SEQ_CST);
    }
}

/* A guest must not unmask a FIFO port that is pending or busy by itself. */
static bool guest_fifo_try_unmask(EvtchnGuest *g, uint32_t port)
{
    uint32_t *word = evtchn_guest_word(g, port);
    uint32_t old = __atomic_load_n(word, __ATOMIC_SEQ_CST);

    do {
        if (!(old & MASKED)) {
            return true;
        }
        if (old & PENDING) {
            return false;
        }
        old &= ~BUSY;
    } while (!__atomic_compare_exchange_n(word, &old, old & ~MASKED, false,
                                          __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    return true;
}

void evtchn_guest_unmask(EvtchnGuest *g, uint32_t port)
{
    if (!g->fifo || !guest_fifo_try_unmask(g, port)) {
        g_assert_cmpint(xen_evtchn_unmask(g->e, port), ==, 0);
    }
}

bool evtchn_guest_clear_pending(EvtchnGuest *g, uint32_t port)
{
    uint32_t *word, bit;

    if (g->fifo) {
        word = evtchn_guest_word(g, port);
        bit = PENDING;
    } else {
        word = guest_2l_pending(g, port);
        bit = 1u << port % 32;
    }
    return __atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST) & bit;
}

/* ------------------------------------------------------------ consumer -- */

static void guest_handle_port(EvtchnGuest *g, unsigned vcpu, uint32_t port,
                              EvtchnHandler *handler, void *opaque)
{
    __atomic_fetch_add(&g->seen[port], 1, __ATOMIC_SEQ_CST);
    if (handler) {
        handler(g, vcpu, port, opaque);
    }
}

static unsigned guest_handle_2l_word(EvtchnGuest *g, unsigned vcpu,
                                     uint32_t first, EvtchnHandler *handler,
                                     void *opaque)
{
    uint32_t left = __atomic_load_n(guest_2l_pending(g, first),
                                    __ATOMIC_SEQ_CST) &
                    ~__atomic_load_n(guest_2l_mask(g, first),
                                     __ATOMIC_SEQ_CST);
    unsigned n = 0;

    for (; left; left &= left - 1) {
        uint32_t port = first + __builtin_ctz(left);

        if (evtchn_guest_clear_pending(g, port)) {
            guest_handle_port(g, vcpu, port, handler, opaque);
            n++;
        }
    }
    return n;
}

static unsigned guest_handle_2l(EvtchnGuest *g, unsigned vcpu,
                                EvtchnHandler *handler, void *opaque)
{
    uint8_t *info = guest_vcpu_info(g, vcpu);
    unsigned bits = g->long_mode ? 64 : 32, n = 0;
    uint64_t sel;

    sel = g->long_mode
          ? __atomic_exchange_n((uint64_t *)(info + 8), 0, __ATOMIC_SEQ_CST)
          : __atomic_exchange_n((uint32_t *)(info + 4), 0, __ATOMIC_SEQ_CST);
    for (; sel; sel &= sel - 1) {
        uint32_t first = __builtin_ctzll(sel) * bits;

        for (unsigned i = 0; i < bits; i += 32) {
            n += guest_handle_2l_word(g, vcpu, first + i, handler, opaque);
        }
    }
    return n;
}

/* Unlinks @port from its queue; returns the next one. */
static uint32_t guest_fifo_unlink(EvtchnGuest *g, uint32_t port)
{
    uint32_t *word = evtchn_guest_word(g, port);
    uint32_t old = __atomic_load_n(word, __ATOMIC_SEQ_CST);

    while (!__atomic_compare_exchange_n(word, &old,
                                        old & ~(LINKED | LINK_MASK), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        /* again with the new value */
    }
    return old & LINK_MASK;
}

static unsigned guest_fifo_consume(EvtchnGuest *g, unsigned vcpu,
                                   unsigned priority, EvtchnHandler *handler,
                                   void *opaque)
{
    EvtchnGuestVcpu *v = &g->vcpu[vcpu];
    uint32_t port = v->head[priority], next;

    if (!port) {
        port = __atomic_load_n(&evtchn_guest_control(g, vcpu)->head[priority],
                               __ATOMIC_SEQ_CST);
    }
    next = guest_fifo_unlink(g, port);
    if (!next) {
        v->ready &= ~(1u << priority);
    }
    v->head[priority] = next;
    if (evtchn_guest_masked(g, port) || !evtchn_guest_clear_pending(g, port)) {
        return 0;
    }
    guest_handle_port(g, vcpu, port, handler, opaque);
    return 1;
}

static unsigned guest_handle_fifo(EvtchnGuest *g, unsigned vcpu,
                                  EvtchnHandler *handler, void *opaque)
{
    struct evtchn_fifo_control_block *cb = evtchn_guest_control(g, vcpu);
    EvtchnGuestVcpu *v = &g->vcpu[vcpu];
    unsigned n = 0;

    v->ready |= __atomic_exchange_n(&cb->ready, 0, __ATOMIC_SEQ_CST);
    while (v->ready) {
        n += guest_fifo_consume(g, vcpu, __builtin_ctz(v->ready), handler,
                                opaque);
        v->ready |= __atomic_exchange_n(&cb->ready, 0, __ATOMIC_SEQ_CST);
    }
    return n;
}

XenEvtchnStats evtchn_guest_stats(EvtchnGuest *g, unsigned vcpu)
{
    XenEvtchnStats stats[XEN_EVTCHN_NR_KINDS];

    xen_evtchn_stats(g->e, vcpu, stats);
    return xen_evtchn_stats_sum(stats);
}

unsigned evtchn_guest_handle(EvtchnGuest *g, unsigned vcpu,
                             EvtchnHandler *handler, void *opaque)
{
    uint8_t *flag = guest_vcpu_info(g, vcpu);
    unsigned n = 0;

    while (__atomic_exchange_n(flag, 0, __ATOMIC_SEQ_CST)) {
        n += g->fifo ? guest_handle_fifo(g, vcpu, handler, opaque)
                     : guest_handle_2l(g, vcpu, handler, opaque);
    }
    return n;
}

void evtchn_guest_add_tests(const char *suite, const char *const variant[2],
                            const EvtchnTest *tests, size_t nr)
{
    for (size_t i = 0; i < 2 * nr; i++) {
        g_autofree char *path = g_strdup_printf("%s/%s/%s", suite,
                                                variant[i % 2],
                                                tests[i / 2].name);

        g_test_add_data_func(path, GINT_TO_POINTER(i % 2), tests[i / 2].fn);
    }
}
