/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest against the rings of a console
 *
 * The input is a list of steps: an index changed, output written, taken in part,
 * input put.  A ring that is valid has exactly what lies between its indices, and
 * what the guest has not written to stays as it was.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <glib.h>
#include "hw/xen/pv/console-ring.h"
#include "fuzz.h"

#define STEPS           256     /* of one input */

typedef struct Fuzz {
    const uint8_t *p, *end;
    struct xencons_interface *page;
} Fuzz;

/* 0 where the input has ended. */
static uint8_t byte(Fuzz *f)
{
    return f->p < f->end ? *f->p++ : 0;
}

static uint32_t word(Fuzz *f)
{
    uint32_t value = byte(f);

    value |= byte(f) << 8;
    value |= byte(f) << 16;
    return value | (uint32_t)byte(f) << 24;
}

static void take_output(Fuzz *f)
{
    XenConsoleOutput output;
    uint32_t used = f->page->out_prod - f->page->out_cons, len;
    g_autofree char *copy = NULL;

    if (xen_console_output(f->page, &output)) {
        g_assert_cmpuint(used, >, XEN_CONSOLE_OUT_SIZE);
        g_assert_cmpuint(output.len, ==, 0);
        return;
    }
    g_assert_cmpuint(output.len, ==, used);
    len = output.len ? word(f) % (output.len + 1) : 0;
    copy = g_malloc(MAX(len, 1));
    xen_console_output_copy(f->page, &output, copy, len);
    for (uint32_t i = 0; i < len; i++) {
        g_assert_cmphex(copy[i], ==, f->page->out[
            (output.cons + i) % XEN_CONSOLE_OUT_SIZE]);
    }
    xen_console_output_consume(f->page, &output, len);
    g_assert_cmpuint(f->page->out_prod - f->page->out_cons, ==, used - len);
}

static void put_input(Fuzz *f)
{
    struct xencons_interface *before = g_memdup2(f->page, sizeof(*before));
    int room = xen_console_input_room(f->page);
    uint32_t used = f->page->in_prod - f->page->in_cons, len;
    g_autofree char *buf = NULL;
    int put;

    len = word(f) % (2 * XEN_CONSOLE_IN_SIZE);
    buf = g_malloc(MAX(len, 1));
    memset(buf, byte(f), len);
    put = xen_console_input_put(f->page, buf, len);
    if (used > XEN_CONSOLE_IN_SIZE) {
        g_assert_cmpint(room, ==, -EPROTO);
        g_assert_cmpint(put, ==, -EPROTO);
        g_assert_true(!memcmp(f->page, before, sizeof(*before)));
    } else {
        g_assert_cmpint(room, ==, XEN_CONSOLE_IN_SIZE - used);
        g_assert_cmpint(put, ==, MIN(len, (uint32_t)room));
        for (int i = 0; i < put; i++) {
            before->in[(before->in_prod + i) % XEN_CONSOLE_IN_SIZE] = buf[i];
        }
        before->in_prod += put;
        g_assert_true(!memcmp(f->page, before, sizeof(*before)));
    }
    g_free(before);
}

static void step(Fuzz *f)
{
    switch (byte(f) % 6) {
    case 0:
        f->page->out_prod = word(f);
        break;
    case 1:
        f->page->out_prod = f->page->out_cons + byte(f) * 16;
        f->page->out[word(f) % XEN_CONSOLE_OUT_SIZE] = byte(f);
        break;
    case 2:
        f->page->out_cons = word(f);
        break;
    case 3:
        if (byte(f) % 2) {
            f->page->in_cons = word(f);
        } else {
            f->page->in_cons = f->page->in_prod - byte(f) * 4;
        }
        break;
    case 4:
        take_output(f);
        break;
    case 5:
        put_input(f);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz f = { data, data + size, g_new0(struct xencons_interface, 1) };

    for (unsigned i = 0; i < STEPS && f.p < f.end; i++) {
        step(&f);
    }
    g_free(f.page);
    return 0;
}
