/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Upcalls: the four kinds of notifying vCPU 0, and switching between them
 *
 * HVM_PARAM_CALLBACK_IRQ applies to all vCPUs; a vCPU's own vector takes
 * precedence over it until the domain is reset.
 */
#include "qemu/osdep.h"
#include "libxen-edu.h"

#include "hw/xen/interface/hvm/params.h"

#define VECTOR              0xf3
#define GSI                 20
/* The GSI that PIIX3 is set up to use for edu's pin. */
#define INTX_GSI            11

#define PIC_COMMAND         0x20
#define PIC_EOI             0x20

#define TYPE(type)          ((uint64_t)(type) << 56)
#define VIA_GSI(gsi)        (TYPE(HVM_PARAM_CALLBACK_TYPE_GSI) | (gsi))
#define VIA_VECTOR(v)       (TYPE(HVM_PARAM_CALLBACK_TYPE_VECTOR) | (v))
#define VIA_INTX(slot, pin) \
    (TYPE(HVM_PARAM_CALLBACK_TYPE_PCI_INTX) | (slot) << 11 | (pin))

typedef enum Way {
    WAY_GSI,
    WAY_INTX,
    WAY_CALLBACK,
    WAY_OWN_VECTOR,
    NR_WAYS,
} Way;

typedef struct Setup {
    XenVm *vm;
    XenEdu *edu;
    uint32_t port;      /* an IPI of vCPU 0 */
} Setup;

static Setup start(const void *long_mode)
{
    Setup s = {
        .vm = xen_vm_start(2, GPOINTER_TO_INT(long_mode), XEN_EDU_OPTION),
    };

    s.edu = xen_edu_new(s.vm);
    qtest_irq_intercept_in(s.vm->qts, "ioapic");
    g_assert_cmpuint(xen_edu_find_gsi(s.vm, s.edu, INTX_GSI), ==, INTX_GSI);
    s.port = xen_bind_ipi(s.vm, 0);
    xen_unmask(s.vm, s.port);
    return s;
}

static void stop(Setup *s)
{
    xen_edu_free(s->edu);
    xen_vm_stop(s->vm);
}

static int64_t set_param(Setup *s, uint64_t value)
{
    return xen_set_param(s->vm, HVM_PARAM_CALLBACK_IRQ, value);
}

static void set_way(Setup *s, Way way)
{
    static const uint64_t param[] = {
        [WAY_GSI] = VIA_GSI(GSI),
        [WAY_INTX] = VIA_INTX(XEN_EDU_SLOT, 0),
        [WAY_CALLBACK] = VIA_VECTOR(VECTOR),
    };

    if (way == WAY_OWN_VECTOR) {
        g_assert_cmpint(xen_set_upcall_vector(s->vm, 0, VECTOR), ==, 0);
    } else {
        uint64_t value;

        g_assert_cmpint(set_param(s, param[way]), ==, 0);
        g_assert_cmpint(xen_get_param(s->vm, HVM_PARAM_CALLBACK_IRQ, &value),
                        ==, 0);
        g_assert_cmphex(value, ==, param[way]);
    }
}

/* Returns whether vCPU 0 was notified this way.  Clears a vector. */
static bool is_told(Setup *s, Way way)
{
    switch (way) {
    case WAY_GSI:
        return qtest_get_irq(s->vm->qts, GSI);
    case WAY_INTX:
        return qtest_get_irq(s->vm->qts, INTX_GSI);
    case WAY_CALLBACK:
        return xen_take_callbacks(s->vm, 0);
    default:
        return xen_take_vector(s->vm, 0, VECTOR);
    }
}

static void expect_told(Setup *s, Way expected)
{
    for (Way way = 0; way < NR_WAYS; way++) {
        g_assert_cmpint(is_told(s, way), ==, way == expected);
    }
}

static void expect_silence(Setup *s)
{
    expect_told(s, NR_WAYS);
}

/* The guest's handler clears the flag before the EOI. */
static void handle(Setup *s, uint32_t port)
{
    xen_expect_event(s->vm, 0, port);
    qtest_outb(s->vm->qts, PIC_COMMAND, PIC_EOI);
}

/* The event was sent before the guest set the upcall. */
static void test_set_after_event(const void *long_mode)
{
    for (Way way = 0; way < NR_WAYS; way++) {
        Setup s = start(long_mode);

        g_assert_cmpint(xen_send(s.vm, s.port), ==, 0);
        g_assert_true(xen_upcall_pending(s.vm, 0));
        expect_silence(&s);
        set_way(&s, way);
        expect_told(&s, way);
        handle(&s, s.port);
        expect_silence(&s);
        stop(&s);
    }
}

/* Between each two kinds, while an event is pending. */
static void test_transitions(const void *long_mode)
{
    Setup s = start(long_mode);

    for (Way from = 0; from < WAY_OWN_VECTOR; from++) {
        for (Way to = 0; to < WAY_OWN_VECTOR; to++) {
            if (from == to) {
                continue;
            }
            set_way(&s, from);
            expect_silence(&s);
            g_assert_cmpint(xen_send(s.vm, s.port), ==, 0);
            expect_told(&s, from);
            set_way(&s, to);
            expect_told(&s, to);
            handle(&s, s.port);
            expect_silence(&s);
            g_assert_cmpint(xen_send(s.vm, s.port), ==, 0);
            expect_told(&s, to);
            handle(&s, s.port);
            expect_silence(&s);
        }
    }
    stop(&s);
}

/* A vCPU with its own vector no longer uses the domain-wide callback. */
static void test_own_vector(const void *long_mode)
{
    for (Way from = 0; from < WAY_OWN_VECTOR; from++) {
        Setup s = start(long_mode);

        set_way(&s, from);
        g_assert_cmpint(xen_send(s.vm, s.port), ==, 0);
        expect_told(&s, from);
        set_way(&s, WAY_OWN_VECTOR);
        /* The flag is still set, but no longer drives a line. */
        qtest_outb(s.vm->qts, PIC_COMMAND, PIC_EOI);
        expect_told(&s, WAY_OWN_VECTOR);
        handle(&s, s.port);
        g_assert_cmpint(xen_send(s.vm, s.port), ==, 0);
        expect_told(&s, WAY_OWN_VECTOR);
        /* Changes of the domain-wide callback have no effect on this vCPU. */
        set_way(&s, WAY_GSI);
        expect_told(&s, WAY_OWN_VECTOR);
        handle(&s, s.port);
        expect_silence(&s);
        stop(&s);
    }
}

/* The line is high exactly while the flag is set, updated at each EOI. */
static void check_level(const void *long_mode, Way way)
{
    Setup s = start(long_mode);
    uint32_t other = xen_bind_ipi(s.vm, 1);

    xen_unmask(s.vm, other);
    set_way(&s, way);
    expect_silence(&s);
    /* vCPU 1's flag has no effect. */
    g_assert_cmpint(xen_send(s.vm, other), ==, 0);
    expect_silence(&s);
    xen_expect_event(s.vm, 1, other);

    g_assert_cmpint(xen_send(s.vm, s.port), ==, 0);
    expect_told(&s, way);
    /* If the flag is still set at the EOI, the interrupt is raised again. */
    qtest_outb(s.vm->qts, PIC_COMMAND, PIC_EOI);
    expect_told(&s, way);
    g_assert_cmpint(xen_send(s.vm, s.port), ==, 0);
    expect_told(&s, way);
    handle(&s, s.port);
    expect_silence(&s);

    /* Masked, then not. */
    xen_mask(s.vm, s.port);
    g_assert_cmpint(xen_send(s.vm, s.port), ==, 0);
    expect_silence(&s);
    xen_unmask(s.vm, s.port);
    expect_told(&s, way);
    handle(&s, s.port);
    expect_silence(&s);

    stop(&s);
}

static void test_gsi(const void *long_mode)
{
    check_level(long_mode, WAY_GSI);
}

static void test_intx(const void *long_mode)
{
    check_level(long_mode, WAY_INTX);
}

/* A line shared by a device and the upcall: high while either asserts it. */
static void check_shared(Setup *s)
{
    g_assert_false(is_told(s, WAY_INTX));
    xen_edu_raise(s->edu);
    g_assert_true(is_told(s, WAY_INTX));
    g_assert_cmpint(xen_send(s->vm, s->port), ==, 0);
    handle(s, s->port);
    g_assert_true(is_told(s, WAY_INTX));
    xen_edu_lower(s->edu);
    g_assert_false(is_told(s, WAY_INTX));

    g_assert_cmpint(xen_send(s->vm, s->port), ==, 0);
    xen_edu_raise(s->edu);
    xen_edu_lower(s->edu);
    g_assert_true(is_told(s, WAY_INTX));
    handle(s, s->port);
    g_assert_false(is_told(s, WAY_INTX));
}

static void test_shared_line(const void *long_mode)
{
    Setup s = start(long_mode);

    set_way(&s, WAY_INTX);
    check_shared(&s);
    g_assert_cmpint(set_param(&s, VIA_GSI(INTX_GSI)), ==, 0);
    check_shared(&s);

    /* The device asserts it first and deasserts it last. */
    set_way(&s, WAY_GSI);
    xen_edu_raise(s.edu);
    set_way(&s, WAY_INTX);
    g_assert_true(is_told(&s, WAY_INTX));
    g_assert_cmpint(xen_send(s.vm, s.port), ==, 0);
    handle(&s, s.port);
    g_assert_true(is_told(&s, WAY_INTX));
    set_way(&s, WAY_CALLBACK);
    g_assert_true(is_told(&s, WAY_INTX));
    xen_edu_lower(s.edu);
    g_assert_false(is_told(&s, WAY_INTX));

    stop(&s);
}

/* Invalid parameters are refused; unknown types deliver nothing. */
static void test_invalid_params(const void *long_mode)
{
    static const uint64_t bad[] = {
        VIA_INTX(XEN_EDU_SLOT + 1, 0),                  /* no device */
        VIA_INTX(XEN_EDU_SLOT, 0) | UINT64_C(7) << 32,  /* no such domain */
        VIA_INTX(XEN_EDU_SLOT, 0) | UINT64_C(3) << 16,  /* no such bus */
    };
    static const uint64_t none[] = {
        0, VIA_GSI(24), VIA_GSI(0xffffffff), VIA_VECTOR(0),
        TYPE(3) | VECTOR, TYPE(0xff) | VECTOR,
    };
    Setup s = start(long_mode);
    uint64_t value;

    set_way(&s, WAY_GSI);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        g_assert_cmpint(set_param(&s, bad[i]), ==, -EINVAL);
        g_assert_cmpint(xen_get_param(s.vm, HVM_PARAM_CALLBACK_IRQ, &value),
                        ==, 0);
        g_assert_cmphex(value, ==, VIA_GSI(GSI));
        g_assert_cmpint(xen_send(s.vm, s.port), ==, 0);
        expect_told(&s, WAY_GSI);
        handle(&s, s.port);
        expect_silence(&s);
    }
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        g_assert_cmpint(set_param(&s, none[i]), ==, 0);
        g_assert_cmpint(xen_get_param(s.vm, HVM_PARAM_CALLBACK_IRQ, &value),
                        ==, 0);
        g_assert_cmphex(value, ==, none[i]);
        g_assert_cmpint(xen_send(s.vm, s.port), ==, 0);
        expect_silence(&s);
        handle(&s, s.port);
    }
    stop(&s);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "set-after-event", test_set_after_event },
        { "transitions", test_transitions },
        { "own-vector", test_own_vector },
        { "gsi", test_gsi },
        { "intx", test_intx },
        { "shared-line", test_shared_line },
        { "invalid-params", test_invalid_params },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("upcall", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
