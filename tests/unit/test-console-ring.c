/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rings of a PV console against a model, with valid and invalid indices
 */
#include <errno.h>
#include <glib.h>
#include <string.h>
#include "hw/xen/pv/console-ring.h"

/* A ring between guard areas, which must not be written. */
typedef struct Page {
    uint8_t before[64];
    struct xencons_interface page;
    uint8_t after[64];
} Page;

/* Start indices: after some use, and around the 32-bit overflow. */
static const uint32_t starts[] = {
    0, 1, 1023, 1024, 2047, 2048, 0x7fffffff, 0x80000000, 0xfffffc01,
    0xfffff801, 0xffffffff,
};

static void init(Page *p)
{
    memset(p, 0xa5, sizeof(*p));
}

static void check_margins(const Page *p)
{
    for (size_t i = 0; i < sizeof(p->before); i++) {
        g_assert_cmphex(p->before[i], ==, 0xa5);
        g_assert_cmphex(p->after[i], ==, 0xa5);
    }
}

static char nth(uint32_t i)
{
    return i * 7 + (i >> 8);
}

/* @len bytes are pending at @cons; @take of them are consumed. */
static void try_output(uint32_t cons, uint32_t len, uint32_t take)
{
    XenConsoleOutput output;
    char buf[XEN_CONSOLE_OUT_SIZE];
    Page p;

    init(&p);
    p.page.out_cons = cons;
    p.page.out_prod = cons + len;
    for (uint32_t i = 0; i < len; i++) {
        p.page.out[(cons + i) % XEN_CONSOLE_OUT_SIZE] = nth(i);
    }
    g_assert_cmpint(xen_console_output(&p.page, &output), ==, 0);
    g_assert_cmpuint(output.len, ==, len);
    memset(buf, 0x11, sizeof(buf));
    xen_console_output_copy(&p.page, &output, buf, take);
    for (uint32_t i = 0; i < sizeof(buf); i++) {
        g_assert_cmpint(buf[i], ==, i < take ? nth(i) : 0x11);
    }
    /* The guest writes on, and also changes what it must not. */
    p.page.out_prod += 3;
    p.page.out_cons += 1000;
    xen_console_output_consume(&p.page, &output, take);
    g_assert_cmphex(p.page.out_cons, ==, cons + take);
    g_assert_cmphex(p.page.out_prod, ==, (uint32_t)(cons + len + 3));
    g_assert_cmphex(p.page.in_cons, ==, 0xa5a5a5a5);
    g_assert_cmphex(p.page.in_prod, ==, 0xa5a5a5a5);
    check_margins(&p);
}

static void test_output(void)
{
    for (size_t s = 0; s < G_N_ELEMENTS(starts); s++) {
        for (uint32_t len = 0; len <= XEN_CONSOLE_OUT_SIZE; len += 89) {
            try_output(starts[s], len, len);
            try_output(starts[s], len, len / 2);
            try_output(starts[s], len, 0);
        }
        try_output(starts[s], XEN_CONSOLE_OUT_SIZE, XEN_CONSOLE_OUT_SIZE);
    }
}

static void try_input(uint32_t cons, uint32_t used, uint32_t len)
{
    uint32_t room = XEN_CONSOLE_IN_SIZE - used;
    uint32_t put = len < room ? len : room;
    char buf[2 * XEN_CONSOLE_IN_SIZE];
    Page p;

    init(&p);
    p.page.in_cons = cons;
    p.page.in_prod = cons + used;
    for (uint32_t i = 0; i < XEN_CONSOLE_IN_SIZE; i++) {
        p.page.in[i] = 0x11;
    }
    for (uint32_t i = 0; i < len; i++) {
        buf[i] = nth(i) | 0x80;
    }
    g_assert_cmpint(xen_console_input_room(&p.page), ==, room);
    g_assert_cmpint(xen_console_input_put(&p.page, buf, len), ==, put);
    g_assert_cmphex(p.page.in_cons, ==, cons);
    g_assert_cmphex(p.page.in_prod, ==, (uint32_t)(cons + used + put));
    for (uint32_t i = 0; i < XEN_CONSOLE_IN_SIZE; i++) {
        char c = p.page.in[(cons + used + i) % XEN_CONSOLE_IN_SIZE];

        g_assert_cmpint(c, ==, i < put ? (char)(nth(i) | 0x80) : 0x11);
    }
    g_assert_cmphex(p.page.out_cons, ==, 0xa5a5a5a5);
    check_margins(&p);
}

static void test_input(void)
{
    for (size_t s = 0; s < G_N_ELEMENTS(starts); s++) {
        for (uint32_t used = 0; used <= XEN_CONSOLE_IN_SIZE; used += 64) {
            for (uint32_t len = 0; len <= 2 * XEN_CONSOLE_IN_SIZE; len += 127) {
                try_input(starts[s], used, len);
            }
            try_input(starts[s], used, XEN_CONSOLE_IN_SIZE - used);
        }
    }
}

/* Indices further apart than the size of the ring: nothing is changed. */
static void test_invalid(void)
{
    static const uint32_t by[] = {
        1, 2, 1024, 0x10000, 0x7fffffff - 4096, 0x80000000, 0xfffff000,
    };
    XenConsoleOutput output;
    Page p, old;

    for (size_t s = 0; s < G_N_ELEMENTS(starts); s++) {
        for (size_t i = 0; i < G_N_ELEMENTS(by); i++) {
            init(&p);
            p.page.out_cons = p.page.in_cons = starts[s];
            p.page.out_prod = starts[s] + XEN_CONSOLE_OUT_SIZE + by[i];
            p.page.in_prod = starts[s] + XEN_CONSOLE_IN_SIZE + by[i];
            old = p;
            output.len = 77;
            g_assert_cmpint(xen_console_output(&p.page, &output), ==, -EPROTO);
            g_assert_cmpuint(output.len, ==, 0);
            g_assert_cmpint(xen_console_input_room(&p.page), ==, -EPROTO);
            g_assert_cmpint(xen_console_input_put(&p.page, "text", 4), ==,
                            -EPROTO);
            g_assert_cmpint(memcmp(&p, &old, sizeof(p)), ==, 0);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/console-ring/output", test_output);
    g_test_add_func("/console-ring/input", test_input);
    g_test_add_func("/console-ring/invalid", test_invalid);
    return g_test_run();
}
