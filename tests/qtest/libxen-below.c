/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Adjacent requests, and what goes below: see libxen-below.h
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "libxen-below.h"
#include "libxen-sectors.h"

const char *const xen_below_devices[2] = {
    "-device xen-disk,id=x,drive=n",
    "-object iothread,id=io -device xen-disk,id=x,drive=n,iothread=io",
};

/* ------------------------------------------------------------------ guests */

static char *log_path;
static size_t log_seen;

XenVbd *xen_below_start(const void *long_mode, const char *disk,
                     const char *device)
{
    int fd = g_file_open_tmp("xen-blk-merge-XXXXXX", &log_path, NULL);
    g_autofree char *options = g_strdup_printf(
        "-smp 4 %s %s -trace blk_co_preadv -trace blk_co_pwritev "
        "-trace xen_blk_push -D %s", disk, device, log_path);
    XenVbd *v;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    log_seen = 0;
    v = xen_vbd_start(GPOINTER_TO_INT(long_mode), options);
    return v;
}

void xen_below_stop(XenVbd *v)
{
    xen_vbd_stop(v);
    unlink(log_path);
    g_free(log_path);
}

char *xen_below_image(const char *path, const char *more)
{
    return g_strdup_printf("-blockdev raw,node-name=n,discard=unmap,"
                           "file.driver=file,file.filename=%s%s", path, more);
}

/* ------------------------------------------------------------------- below */

void xen_below_look(XenBelowTrace *t)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    *t = (XenBelowTrace) { };
    g_assert_true(g_file_get_contents(log_path, &text, NULL, NULL));
    lines = g_strsplit(text + log_seen, "\n", -1);
    for (char **line = lines; *line; line++) {
        bool is_write = strstr(*line, "blk_co_pwritev");

        if (is_write || strstr(*line, "blk_co_preadv")) {
            XenBelow *b = &t->below[t->nr++];

            g_assert_cmpuint(t->nr, <, XEN_BELOW_MAX);
            b->is_write = is_write;
            g_assert_cmpint(sscanf(strstr(*line, " offset "),
                                   " offset %" SCNu64 " bytes %" SCNu64,
                                   &b->offset, &b->bytes), ==, 2);
        } else if (strstr(*line, "xen_blk_push")) {
            t->pushes++;
            t->events += strstr(*line, "event 1") != NULL;
        }
    }
}

void xen_below_forget(void)
{
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(log_path, &text, &log_seen, NULL));
}

void xen_below_connect(XenVbd *v, unsigned queues)
{
    xen_vbd_connect(v, queues, 0);
    xen_below_forget();
}

void xen_below_expect(const XenBelow *expected, unsigned nr)
{
    XenBelowTrace t;

    xen_below_look(&t);
    g_assert_cmpuint(t.nr, ==, nr);
    for (unsigned i = 0; i < nr; i++) {
        g_assert_true(t.below[i].is_write == expected[i].is_write);
        g_assert_cmpuint(t.below[i].offset, ==, expected[i].offset);
        g_assert_cmpuint(t.below[i].bytes, ==, expected[i].bytes);
    }
    xen_below_forget();
}

/* ---------------------------------------------------------------- requests */

void xen_piece_put(XenVbd *v, unsigned queue, uint8_t op, unsigned id)
{
    xen_vbd_put(v, queue, &(XenVbdRequest) {
        .op = op, .indirect = true, .id = id, .sector = id * XEN_PIECE_SECTORS,
        .page = id * XEN_PIECE_PAGES, .nr = XEN_PIECE_PAGES, .last = 7,
    });
}

void xen_pieces_push(XenVbd *v, unsigned queue, uint8_t op, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        xen_piece_put(v, queue, op, i);
    }
    xen_vbd_push(v, queue);
}

void xen_pieces_fill(XenVbd *v, unsigned from, unsigned to, uint32_t round)
{
    for (unsigned s = from * XEN_PIECE_SECTORS; s < to * XEN_PIECE_SECTORS;
         s++) {
        xen_sector_pattern(xen_vbd_page(v, 0) + s * XEN_SECTOR_SIZE, s, round);
    }
}

void xen_pieces_check(const uint8_t *data, unsigned from, unsigned to,
                      uint32_t round)
{
    uint8_t expected[XEN_SECTOR_SIZE];

    for (unsigned s = from * XEN_PIECE_SECTORS; s < to * XEN_PIECE_SECTORS;
         s++) {
        xen_sector_pattern(expected, s, round);
        g_assert_cmpmem(data + s * XEN_SECTOR_SIZE, XEN_SECTOR_SIZE, expected,
                        XEN_SECTOR_SIZE);
    }
}

void xen_pieces_check_image(const char *path, unsigned from, unsigned to,
                            uint32_t round)
{
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    xen_pieces_check((uint8_t *)text, from, to, round);
}
