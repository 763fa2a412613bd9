/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rings of a PV console: the back end's side
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "hw/xen/pv/console-ring.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

int xen_console_output(const struct xencons_interface *page,
                       XenConsoleOutput *output)
{
    /* Acquire: the bytes before out_prod are read after it. */
    uint32_t prod = __atomic_load_n(&page->out_prod, __ATOMIC_ACQUIRE);

    output->cons = __atomic_load_n(&page->out_cons, __ATOMIC_RELAXED);
    output->len = prod - output->cons;
    if (output->len > XEN_CONSOLE_OUT_SIZE) {
        output->len = 0;
        return -EPROTO;
    }
    return 0;
}

void xen_console_output_copy(const struct xencons_interface *page,
                             const XenConsoleOutput *output, void *buf,
                             size_t len)
{
    uint32_t at = MASK_XENCONS_IDX(output->cons, page->out);
    size_t to_end = smaller(len, XEN_CONSOLE_OUT_SIZE - at);

    assert(len <= output->len);
    memcpy(buf, page->out + at, to_end);
    memcpy((char *)buf + to_end, page->out, len - to_end);
}

void xen_console_output_consume(struct xencons_interface *page,
                                const XenConsoleOutput *output, size_t len)
{
    /* Release: the guest overwrites the bytes only after they were copied. */
    __atomic_store_n(&page->out_cons, output->cons + (uint32_t)len,
                     __ATOMIC_RELEASE);
}

/* As much of the input ring as is used; its producer's index to @prod. */
static int input_used(const struct xencons_interface *page, uint32_t *prod)
{
    /* Acquire: room is overwritten only after the guest has read it. */
    uint32_t cons = __atomic_load_n(&page->in_cons, __ATOMIC_ACQUIRE);

    *prod = __atomic_load_n(&page->in_prod, __ATOMIC_RELAXED);
    return *prod - cons > XEN_CONSOLE_IN_SIZE ? -EPROTO : (int)(*prod - cons);
}

int xen_console_input_room(const struct xencons_interface *page)
{
    uint32_t prod;
    int used = input_used(page, &prod);

    return used < 0 ? used : (int)XEN_CONSOLE_IN_SIZE - used;
}

int xen_console_input_put(struct xencons_interface *page, const void *buf,
                          size_t len)
{
    uint32_t prod, at;
    int used = input_used(page, &prod);
    size_t to_end;

    if (used < 0) {
        return used;
    }
    len = smaller(len, XEN_CONSOLE_IN_SIZE - used);
    at = MASK_XENCONS_IDX(prod, page->in);
    to_end = smaller(len, XEN_CONSOLE_IN_SIZE - at);
    memcpy(page->in + at, buf, to_end);
    memcpy(page->in, (const char *)buf + to_end, len - to_end);
    /* Release: whoever sees the index sees the bytes. */
    __atomic_store_n(&page->in_prod, prod + (uint32_t)len, __ATOMIC_RELEASE);
    return len;
}
