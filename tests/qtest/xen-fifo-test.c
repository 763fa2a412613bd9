/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FIFO event channels: control blocks, event array, priorities, the switch from
 * the 2-level ABI and back
 */
#include "qemu/osdep.h"
#include "libxen.h"

#define VECTOR          0xf3
#define NOT_RAM         0xd0000000ull
#define WORDS_PER_PAGE  (XEN_PAGE_SIZE / sizeof(uint32_t))
#define ARRAY_PAGES     (EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)
#define NR_PRIORITIES   EVTCHN_FIFO_MAX_QUEUES
/* The last valid offset of a control block in a page. */
#define LAST_OFFSET     (XEN_PAGE_SIZE - \
                         sizeof(struct evtchn_fifo_control_block))

/* Two vCPUs, with the 2-level ABI. */
static XenVm *start(const void *long_mode)
{
    XenVm *vm = xen_vm_start(2, long_mode, NULL);

    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpint(xen_set_upcall_vector(vm, i, VECTOR), ==, 0);
    }
    return vm;
}

static uint32_t new_port(XenVm *vm, unsigned vcpu)
{
    uint32_t port = xen_bind_ipi(vm, vcpu);

    xen_unmask(vm, port);
    return port;
}

/* ----------------------------------------------------------------- set-up */

static void test_set_up_errors(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint64_t page = xen_vm_page(vm);
    struct evtchn_init_control no_vcpu = {
        .control_gfn = page / XEN_PAGE_SIZE, .vcpu = 2,
    };

    g_assert_cmpint(xen_expand_array(vm, page), ==, -EOPNOTSUPP);
    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_init_control, &no_vcpu), ==,
                    -ENOENT);
    g_assert_cmpint(xen_init_control(vm, 0, page, 4), ==, -EINVAL);
    g_assert_cmpint(xen_init_control(vm, 0, page, LAST_OFFSET + 8), ==,
                    -EINVAL);
    g_assert_cmpint(xen_init_control(vm, 0, NOT_RAM, 0), ==, -EINVAL);
    /* None of these has switched the ABI. */
    g_assert_cmpint(xen_expand_array(vm, page), ==, -EOPNOTSUPP);

    g_assert_cmpint(xen_init_control(vm, 0, page, LAST_OFFSET), ==, 0);
    g_assert_cmpint(xen_init_control(vm, 0, page, 0), ==, -EINVAL);
    g_assert_cmpint(xen_init_control(vm, 1, page, 0), ==, 0);
    g_assert_cmpint(xen_expand_array(vm, NOT_RAM), ==, -EINVAL);

    page = xen_vm_page(vm);
    for (unsigned i = 0; i < ARRAY_PAGES; i++) {
        g_assert_cmpint(xen_expand_array(vm, page), ==, 0);
    }
    g_assert_cmpint(xen_expand_array(vm, page), ==, -ENOSPC);
    xen_vm_stop(vm);
}

/* Both vCPUs' control blocks in one page, at its ends. */
static void test_offsets(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint64_t page = xen_vm_page(vm);
    uint32_t port[2];

    g_assert_cmpint(xen_init_control(vm, 0, page, LAST_OFFSET), ==, 0);
    g_assert_cmpint(xen_init_control(vm, 1, page, 0), ==, 0);
    g_assert_cmpint(xen_expand_array(vm, xen_vm_page(vm)), ==, 0);
    for (unsigned i = 0; i < 2; i++) {
        port[i] = new_port(vm, i);
        g_assert_cmpint(xen_send(vm, port[i]), ==, 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        xen_expect_event(vm, i, port[i]);
    }
    xen_vm_stop(vm);
}

/* Ports beyond the array have no word yet: their events are parked. */
static void test_expand(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t port = 0, last;

    xen_use_fifo(vm, 1);
    while (port < WORDS_PER_PAGE + 1) {
        port = xen_bind_ipi(vm, 1);
    }
    last = WORDS_PER_PAGE - 1;
    xen_unmask(vm, last);
    xen_unmask(vm, port);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_cmpint(xen_send(vm, last), ==, 0);
    xen_expect_event(vm, 1, last);

    g_assert_cmpint(xen_expand_array(vm, xen_vm_page(vm)), ==, 0);
    xen_expect_event(vm, 1, port);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    xen_expect_event(vm, 1, port);
    xen_vm_stop(vm);
}

/* ------------------------------------------------------------- priorities */

static void test_priorities(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t port[NR_PRIORITIES], seen[NR_PRIORITIES];

    xen_use_fifo(vm, 1);
    for (unsigned i = 0; i < NR_PRIORITIES; i++) {
        port[i] = new_port(vm, 0);
        g_assert_cmpint(xen_set_priority(vm, port[i], NR_PRIORITIES), ==,
                        -EINVAL);
        g_assert_cmpint(xen_set_priority(vm, port[i], i), ==, 0);
    }
    /* A closed port, and port 0. */
    g_assert_cmpint(xen_set_priority(vm, port[NR_PRIORITIES - 1] + 1, 0), ==,
                    -EACCES);
    g_assert_cmpint(xen_set_priority(vm, EVTCHN_FIFO_NR_CHANNELS, 0), ==,
                    -EINVAL);

    /* In ascending order of priority. */
    for (unsigned i = NR_PRIORITIES; i > 0; i--) {
        g_assert_cmpint(xen_send(vm, port[i - 1]), ==, 0);
    }
    g_assert_cmpuint(xen_handle(vm, 0, seen, NR_PRIORITIES), ==,
                     NR_PRIORITIES);
    for (unsigned i = 0; i < NR_PRIORITIES; i++) {
        g_assert_cmpuint(seen[i], ==, port[i]);
    }
    xen_vm_stop(vm);
}

/* A queue is FIFO, and a port is linked once. */
static void test_order(const void *opaque)
{
    static const unsigned sent[] = { 2, 0, 1, 0, 2 };
    XenVm *vm = start(opaque);
    uint32_t port[3], seen[3];

    xen_use_fifo(vm, 1);
    for (unsigned i = 0; i < 3; i++) {
        port[i] = new_port(vm, 0);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(sent); i++) {
        g_assert_cmpint(xen_send(vm, port[sent[i]]), ==, 0);
    }
    g_assert_cmpuint(xen_handle(vm, 0, seen, 3), ==, 3);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpuint(seen[i], ==, port[sent[i]]);
    }
    xen_vm_stop(vm);
}

/* The number of a port closed while linked is reused once it is unlinked. */
static void test_closed_linked(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t first, second, seen[2];

    xen_use_fifo(vm, 1);
    first = new_port(vm, 0);
    second = new_port(vm, 0);
    g_assert_cmpint(xen_send(vm, first), ==, 0);
    g_assert_cmpint(xen_send(vm, second), ==, 0);
    g_assert_cmpint(xen_close(vm, first), ==, 0);
    g_assert_cmpuint(xen_bind_ipi(vm, 0), ==, second + 1);
    g_assert_cmpuint(xen_handle(vm, 0, seen, 2), ==, 1);
    g_assert_cmpuint(seen[0], ==, second);
    g_assert_cmpuint(xen_bind_ipi(vm, 0), ==, first);
    xen_vm_stop(vm);
}

/* ------------------------------------------------------------- the switch */

/*
 * Events pending at the switch are delivered when the vCPU has a control block,
 * and the port a word.
 */
static void test_switch(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t port[2], idle, masked, seen[4];

    for (unsigned i = 0; i < 2; i++) {
        port[i] = new_port(vm, i);
        g_assert_cmpint(xen_send(vm, port[i]), ==, 0);
        /* The guest has not handled them; its kernel clears the old flag. */
        qtest_writeb(vm->qts, vm->vcpu_info[i], 0);
    }
    idle = new_port(vm, 0);
    masked = xen_bind_ipi(vm, 0);
    xen_mask(vm, masked);
    g_assert_cmpint(xen_send(vm, masked), ==, 0);

    g_assert_cmpint(xen_init_control(vm, 0, xen_vm_page(vm), 0), ==, 0);
    g_assert_cmpint(xen_expand_array(vm, xen_vm_page(vm)), ==, 0);
    g_assert_cmpint(xen_send(vm, idle), ==, 0);
    /*
     * The new page's words are unmasked, so the masked port is delivered, too.
     */
    g_assert_cmpuint(xen_handle(vm, 0, seen, 4), ==, 3);
    g_assert_cmpuint(seen[0], ==, port[0]);
    g_assert_cmpuint(seen[1], ==, masked);
    g_assert_cmpuint(seen[2], ==, idle);
    xen_expect_event(vm, 1, 0);
    g_assert_cmpint(xen_init_control(vm, 1, xen_vm_page(vm), 0), ==, 0);
    xen_expect_event(vm, 1, port[1]);
    xen_expect_event(vm, 1, 0);
    xen_vm_stop(vm);
}

static void reset(XenVm *vm)
{
    struct evtchn_reset op = { .dom = DOMID_SELF };

    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_reset, &op), ==, 0);
    memset(vm->control, 0, sizeof(vm->control));
    g_array_set_size(vm->array, 0);
}

/* To FIFO and back repeatedly; the pages become ordinary memory again. */
static void test_switch_repeatedly(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint8_t before[XEN_PAGE_SIZE], after[XEN_PAGE_SIZE];

    for (unsigned i = 0; i < 3; i++) {
        uint64_t control, word;
        uint32_t port;

        xen_use_fifo(vm, 1);
        port = new_port(vm, 1);
        g_assert_cmpint(xen_send(vm, port), ==, 0);
        xen_expect_event(vm, 1, port);
        /* A port is linked at the reset. */
        g_assert_cmpint(xen_send(vm, port), ==, 0);
        qtest_writeb(vm->qts, vm->vcpu_info[1], 0);
        control = vm->control[1];
        word = xen_fifo_word(vm, port);
        reset(vm);

        qtest_memread(vm->qts, control, before, sizeof(before));
        qtest_writel(vm->qts, word, 0);
        port = new_port(vm, 1);
        g_assert_cmpint(xen_send(vm, port), ==, 0);
        xen_expect_event(vm, 1, port);
        qtest_memread(vm->qts, control, after, sizeof(after));
        g_assert_cmpmem(before, sizeof(before), after, sizeof(after));
        g_assert_cmphex(qtest_readl(vm->qts, word), ==, 0);
        g_assert_cmpint(xen_expand_array(vm, control), ==, -EOPNOTSUPP);
        reset(vm);
    }
    xen_vm_stop(vm);
}

static const struct {
    const char *name;
    void (*run)(const void *long_mode);
} tests[] = {
    { "set-up-errors", test_set_up_errors },
    { "offsets", test_offsets },
    { "expand", test_expand },
    { "priorities", test_priorities },
    { "order", test_order },
    { "closed-linked", test_closed_linked },
    { "switch", test_switch },
    { "switch-repeatedly", test_switch_repeatedly },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        for (unsigned long_mode = 0; long_mode < 2; long_mode++) {
            g_autofree char *path = g_strdup_printf(
                "xen/fifo/%s/%s", long_mode ? "64" : "32", tests[i].name);

            qtest_add_data_func(path, (void *)(uintptr_t)long_mode,
                                tests[i].run);
        }
    }
    return g_test_run();
}
