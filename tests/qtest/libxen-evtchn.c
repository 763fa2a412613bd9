/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Xen guest in a qtest: event channels, including the guest's handler
 *
 * Written from the description of the two ABIs in Xen's public headers.  There
 * is no concurrency, so accesses need not be atomic.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "libxen.h"

#define WORDS_PER_PAGE      (XEN_PAGE_SIZE / sizeof(uint32_t))

/* vcpu_info */
#define UPCALL_PENDING      0
#define PENDING_SEL(vm)     ((vm)->long_mode ? 8 : 4)
/* shared_info */
#define PENDING             2048
#define MASK(vm)            ((vm)->long_mode ? 2560 : 2176)
#define WORD_BITS(vm)       ((vm)->long_mode ? 64u : 32u)

#define FIFO_PENDING        (1u << EVTCHN_FIFO_PENDING)
#define FIFO_MASKED         (1u << EVTCHN_FIFO_MASKED)
#define FIFO_LINKED         (1u << EVTCHN_FIFO_LINKED)

/* The words of a multicall entry, each a long. */
enum { ENTRY_OP, ENTRY_RESULT, ENTRY_ARG0, ENTRY_ARG1, ENTRY_WORDS = 8 };
/* Entries per page, in both layouts. */
#define BATCH               64u

static void multicall_evtchn_ops(XenVm *vm, evtchn_op_t *op, int64_t *ret,
                                 size_t nr)
{
    size_t word = vm->long_mode ? 8 : 4;
    g_autofree uint8_t *list = g_malloc0(nr * ENTRY_WORDS * word);
    uint64_t args = vm->batch + XEN_PAGE_SIZE;

    for (size_t i = 0; i < nr; i++) {
        uint8_t *entry = list + i * ENTRY_WORDS * word;

        stn_le_p(entry + ENTRY_OP * word, word,
                 __HYPERVISOR_event_channel_op);
        stn_le_p(entry + ENTRY_ARG0 * word, word, op[i].cmd);
        stn_le_p(entry + ENTRY_ARG1 * word, word,
                 args + i * sizeof(*op) + offsetof(evtchn_op_t, u));
    }
    qtest_bufwrite(vm->qts, vm->batch, list, nr * ENTRY_WORDS * word);
    qtest_bufwrite(vm->qts, args, op, nr * sizeof(*op));
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_multicall, vm->batch, nr),
                    ==, 0);
    qtest_bufread(vm->qts, vm->batch, list, nr * ENTRY_WORDS * word);
    qtest_bufread(vm->qts, args, op, nr * sizeof(*op));
    for (size_t i = 0; i < nr; i++) {
        const uint8_t *result = list + (i * ENTRY_WORDS + ENTRY_RESULT) * word;

        ret[i] = vm->long_mode ? ldq_le_p(result) : (int32_t)ldl_le_p(result);
    }
}

void xen_evtchn_ops(XenVm *vm, evtchn_op_t *op, int64_t *ret, size_t nr)
{
    QEMU_BUILD_BUG_ON(BATCH * sizeof(*op) > XEN_PAGE_SIZE);
    for (size_t done = 0; done < nr; done += BATCH) {
        multicall_evtchn_ops(vm, op + done, ret + done, MIN(nr - done, BATCH));
    }
}

static void note_vcpu(XenVm *vm, uint32_t port, unsigned vcpu)
{
    if (port < EVTCHN_2L_NR_CHANNELS) {
        vm->vcpu_of[port] = vcpu;
    }
}

uint32_t xen_bind_ipi(XenVm *vm, unsigned vcpu)
{
    struct evtchn_bind_ipi op = { .vcpu = vcpu };

    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_bind_ipi, &op), ==, 0);
    note_vcpu(vm, op.port, vcpu);
    return op.port;
}

uint32_t xen_bind_virq(XenVm *vm, unsigned vcpu, unsigned virq)
{
    struct evtchn_bind_virq op = { .virq = virq, .vcpu = vcpu };

    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_bind_virq, &op), ==, 0);
    note_vcpu(vm, op.port, vcpu);
    return op.port;
}

uint32_t xen_alloc_unbound(XenVm *vm, uint16_t remote)
{
    struct evtchn_alloc_unbound op = {
        .dom = DOMID_SELF, .remote_dom = remote,
    };

    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_alloc_unbound, &op), ==, 0);
    note_vcpu(vm, op.port, 0);
    return op.port;
}

uint32_t xen_bind_loopback(XenVm *vm, uint32_t remote)
{
    struct evtchn_bind_interdomain op = {
        .remote_dom = DOMID_SELF, .remote_port = remote,
    };

    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_bind_interdomain, &op),
                    ==, 0);
    note_vcpu(vm, op.local_port, 0);
    return op.local_port;
}

int64_t xen_bind_vcpu(XenVm *vm, uint32_t port, unsigned vcpu)
{
    struct evtchn_bind_vcpu op = { .port = port, .vcpu = vcpu };
    int64_t ret = XEN_EVTCHN_OP(vm, 0, EVTCHNOP_bind_vcpu, &op);

    if (!ret) {
        note_vcpu(vm, port, vcpu);
    }
    return ret;
}

int64_t xen_close(XenVm *vm, uint32_t port)
{
    struct evtchn_close op = { .port = port };

    return XEN_EVTCHN_OP(vm, 0, EVTCHNOP_close, &op);
}

int64_t xen_send(XenVm *vm, uint32_t port)
{
    struct evtchn_send op = { .port = port };

    return XEN_EVTCHN_OP(vm, 0, EVTCHNOP_send, &op);
}

int64_t xen_set_priority(XenVm *vm, uint32_t port, unsigned priority)
{
    struct evtchn_set_priority op = { .port = port, .priority = priority };

    return XEN_EVTCHN_OP(vm, 0, EVTCHNOP_set_priority, &op);
}

int xen_port_status(XenVm *vm, uint32_t port)
{
    struct evtchn_status op = { .dom = DOMID_SELF, .port = port };
    int64_t ret = XEN_EVTCHN_OP(vm, 0, EVTCHNOP_status, &op);

    return ret ? ret : (int)op.status;
}

int64_t xen_init_control(XenVm *vm, unsigned vcpu, uint64_t gpa,
                         uint32_t offset)
{
    struct evtchn_init_control op = {
        .control_gfn = gpa / XEN_PAGE_SIZE, .offset = offset, .vcpu = vcpu,
    };
    int64_t ret = XEN_EVTCHN_OP(vm, vcpu, EVTCHNOP_init_control, &op);

    if (!ret) {
        g_assert_cmpuint(op.link_bits, ==, EVTCHN_FIFO_LINK_BITS);
        vm->control[vcpu] = gpa + offset;
        memset(vm->head[vcpu], 0, sizeof(vm->head[vcpu]));
    }
    return ret;
}

int64_t xen_expand_array(XenVm *vm, uint64_t gpa)
{
    struct evtchn_expand_array op = { .array_gfn = gpa / XEN_PAGE_SIZE };
    int64_t ret = XEN_EVTCHN_OP(vm, 0, EVTCHNOP_expand_array, &op);

    if (!ret) {
        g_array_append_val(vm->array, gpa);
    }
    return ret;
}

void xen_use_fifo(XenVm *vm, unsigned nr_pages)
{
    for (unsigned i = 0; i < vm->nr_vcpus; i++) {
        g_assert_cmpint(xen_init_control(vm, i, xen_vm_page(vm), 0), ==, 0);
    }
    for (unsigned i = 0; i < nr_pages; i++) {
        g_assert_cmpint(xen_expand_array(vm, xen_vm_page(vm)), ==, 0);
    }
}

static bool uses_fifo(const XenVm *vm)
{
    return vm->control[0];
}

uint64_t xen_fifo_word(XenVm *vm, uint32_t port)
{
    g_assert_cmpuint(port / WORDS_PER_PAGE, <, vm->array->len);
    return g_array_index(vm->array, uint64_t, port / WORDS_PER_PAGE) +
           port % WORDS_PER_PAGE * sizeof(uint32_t);
}

/* Both bitmaps are accessed by bytes: bit n is bit n % 8 of byte n / 8. */
static bool test_bit_at(XenVm *vm, unsigned bitmap, uint32_t port)
{
    uint64_t gpa = vm->shared_info + bitmap + port / 8;

    return qtest_readb(vm->qts, gpa) & 1u << port % 8;
}

static void write_bit_at(XenVm *vm, unsigned bitmap, uint32_t port, bool set)
{
    uint64_t gpa = vm->shared_info + bitmap + port / 8;
    uint8_t old = qtest_readb(vm->qts, gpa), bit = 1u << port % 8;

    qtest_writeb(vm->qts, gpa, set ? old | bit : old & ~bit);
}

bool xen_is_pending(XenVm *vm, uint32_t port)
{
    if (uses_fifo(vm)) {
        return qtest_readl(vm->qts, xen_fifo_word(vm, port)) & FIFO_PENDING;
    }
    return test_bit_at(vm, PENDING, port);
}

bool xen_is_masked(XenVm *vm, uint32_t port)
{
    if (uses_fifo(vm)) {
        return qtest_readl(vm->qts, xen_fifo_word(vm, port)) & FIFO_MASKED;
    }
    return test_bit_at(vm, MASK(vm), port);
}

bool xen_upcall_pending(XenVm *vm, unsigned vcpu)
{
    return qtest_readb(vm->qts, vm->vcpu_info[vcpu] + UPCALL_PENDING);
}

void xen_mask(XenVm *vm, uint32_t port)
{
    if (uses_fifo(vm)) {
        uint64_t gpa = xen_fifo_word(vm, port);

        qtest_writel(vm->qts, gpa, qtest_readl(vm->qts, gpa) | FIFO_MASKED);
    } else {
        write_bit_at(vm, MASK(vm), port, true);
    }
}

void xen_unmask(XenVm *vm, uint32_t port)
{
    struct evtchn_unmask op = { .port = port };

    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_unmask, &op), ==, 0);
}

static uint64_t read_word(XenVm *vm, uint64_t gpa)
{
    return vm->long_mode ? qtest_readq(vm->qts, gpa)
                         : qtest_readl(vm->qts, gpa);
}

static void write_word(XenVm *vm, uint64_t gpa, uint64_t val)
{
    if (vm->long_mode) {
        qtest_writeq(vm->qts, gpa, val);
    } else {
        qtest_writel(vm->qts, gpa, val);
    }
}

static unsigned handle_2l(XenVm *vm, unsigned vcpu, uint32_t *port,
                          unsigned max)
{
    uint64_t sel_gpa = vm->vcpu_info[vcpu] + PENDING_SEL(vm);
    uint64_t sel = read_word(vm, sel_gpa);
    unsigned n = 0;

    write_word(vm, sel_gpa, 0);
    for (; sel; sel &= sel - 1) {
        unsigned index = ctz64(sel);
        uint64_t gpa = vm->shared_info + PENDING + index * WORD_BITS(vm) / 8;
        uint64_t pending = read_word(vm, gpa);
        uint64_t look = pending & ~read_word(vm, gpa - PENDING + MASK(vm));

        for (; look; look &= look - 1) {
            unsigned bit = ctz64(look);
            uint32_t p = index * WORD_BITS(vm) + bit;

            if (vm->vcpu_of[p] == vcpu) {
                pending &= ~(UINT64_C(1) << bit);
                g_assert_cmpuint(n, <, max);
                port[n++] = p;
            }
        }
        write_word(vm, gpa, pending);
    }
    return n;
}

/* Unlinks the first port of the queue, pending or not, and returns it. */
static uint32_t unlink_head(XenVm *vm, unsigned vcpu, unsigned queue,
                            uint32_t *word)
{
    uint32_t *head = &vm->head[vcpu][queue];
    uint32_t port;
    uint64_t gpa;

    if (!*head) {
        *head = qtest_readl(vm->qts, vm->control[vcpu] +
                            offsetof(struct evtchn_fifo_control_block, head) +
                            queue * sizeof(uint32_t));
    }
    port = *head;
    g_assert_cmpuint(port, !=, 0);
    gpa = xen_fifo_word(vm, port);
    *word = qtest_readl(vm->qts, gpa);
    g_assert_true(*word & FIFO_LINKED);
    qtest_writel(vm->qts, gpa,
                 *word & ~(FIFO_LINKED | EVTCHN_FIFO_LINK_MASK));
    *head = *word & EVTCHN_FIFO_LINK_MASK;
    return port;
}

static unsigned handle_fifo(XenVm *vm, unsigned vcpu, uint32_t *port,
                            unsigned max)
{
    uint64_t ready_gpa = vm->control[vcpu] +
                         offsetof(struct evtchn_fifo_control_block, ready);
    uint32_t ready = qtest_readl(vm->qts, ready_gpa);
    unsigned n = 0;

    qtest_writel(vm->qts, ready_gpa, 0);
    while (ready) {
        unsigned queue = ctz32(ready);
        uint32_t word, p = unlink_head(vm, vcpu, queue, &word);

        if (!vm->head[vcpu][queue]) {
            ready &= ~(1u << queue);
        }
        if (word & FIFO_PENDING && !(word & FIFO_MASKED)) {
            uint64_t gpa = xen_fifo_word(vm, p);

            qtest_writel(vm->qts, gpa,
                         qtest_readl(vm->qts, gpa) & ~FIFO_PENDING);
            g_assert_cmpuint(n, <, max);
            port[n++] = p;
        }
    }
    return n;
}

unsigned xen_handle(XenVm *vm, unsigned vcpu, uint32_t *port, unsigned max)
{
    uint64_t flag = vm->vcpu_info[vcpu] + UPCALL_PENDING;

    if (!qtest_readb(vm->qts, flag)) {
        return 0;
    }
    qtest_writeb(vm->qts, flag, 0);
    return uses_fifo(vm) ? handle_fifo(vm, vcpu, port, max)
                         : handle_2l(vm, vcpu, port, max);
}

void xen_expect_event(XenVm *vm, unsigned vcpu, uint32_t port)
{
    uint32_t seen[8];
    unsigned n = xen_handle(vm, vcpu, seen, ARRAY_SIZE(seen));

    g_assert_cmpuint(n, ==, port ? 1 : 0);
    if (port) {
        g_assert_cmpuint(seen[0], ==, port);
    }
}
