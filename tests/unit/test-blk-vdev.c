/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and numbers of virtual disks
 */
#include <string.h>
#include <glib.h>
#include "vdev.h"

static const struct {
    const char *name;
    uint32_t number;
    const char *shown;          /* canonical name; NULL: the name plus a 0 */
} names[] = {
    { "xvda", 202 << 8 },
    { "xvda0", 202 << 8, "xvda0" },
    { "xvda15", 202 << 8 | 15, "xvda15" },
    { "xvda16", 1 << 28 | 16, "xvda16" },
    { "xvdb", 202 << 8 | 1 << 4 },
    { "xvdp", 202 << 8 | 15 << 4 },
    { "xvdq", 1 << 28 | 16 << 8 },
    { "xvdz", 1 << 28 | 25 << 8 },
    { "xvdaa", 1 << 28 | 26 << 8 },
    { "xvdaz3", 1 << 28 | 51 << 8 | 3, "xvdaz3" },
    { "xvdzz", 1 << 28 | 701 << 8 },
    { "xvdaaa", 1 << 28 | 702 << 8 },
    { "xvdbgqcv", 1 << 28 | 0xfffff << 8 },
    { "xvda255", 1 << 28 | 255, "xvda255" },
    { "hda", 3 << 8 },
    { "hdb1", 3 << 8 | 64 | 1, "hdb1" },
    { "hdc63", 22 << 8 | 63, "hdc63" },
    { "hdd", 22 << 8 | 64 },
    { "sda", 8 << 8 },
    { "sdp15", 8 << 8 | 0xff, "sdp15" },
    { "d0", 202 << 8, "d0p0" },
    { "d5p2", 202 << 8 | 5 << 4 | 2, "d5p2" },
    { "d16p0", 1 << 28 | 16 << 8, "d16p0" },
    { "d1048575p255", 1 << 28 | 0xfffff << 8 | 255, "d1048575p255" },
};

static void test_names(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *shown = g_strconcat(names[i].name, "0", NULL);
        g_autofree char *name = NULL, *shorter = NULL;
        XenVdev v = { 0 }, again = { 0 };

        g_assert_true(xen_vdev_parse(&v, names[i].name));
        g_assert_cmphex(v.number, ==, names[i].number);
        name = xen_vdev_name(&v);
        g_assert_cmpstr(name, ==, names[i].shown ?: shown);
        g_assert_true(xen_vdev_parse(&again, name));
        g_assert_cmphex(again.number, ==, v.number);
        shorter = xen_vdev_short_name(&v);
        if (!names[i].shown) {
            g_assert_cmpstr(shorter, ==, names[i].name);
        } else if (v.partition) {
            g_assert_cmpstr(shorter, ==, names[i].shown);
        }
        g_assert_true(xen_vdev_parse(&again, shorter));
        g_assert_cmphex(again.number, ==, v.number);
    }
}

static void test_bad_names(void)
{
    static const char *const bad[] = {
        "", "x", "xv", "xvd", "xvd0", "xvdA", "xvda ", "xvda-1", "xvda256",
        "xvdbgqcw", "xvdzzzzz", "xvdzzzzzzzzzzzzzzzzzzzz",
        "xvda4294967296", "hd", "hde", "hda64", "sd", "sdq", "sda16", "vda",
        "d", "d1048576", "dp1", "d0p", "d0p256", "d0x1", "d-1", "d0p1p1",
        "d18446744073709551616", "/dev/xvda",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        XenVdev v = { .number = 77 };

        g_test_message("%s", bad[i]);
        g_assert_false(xen_vdev_parse(&v, bad[i]));
        g_assert_cmpuint(v.number, ==, 77);
    }
}

/* Chosen numbers are unique, and convert to their names and back. */
static void test_chosen(void)
{
    uint32_t last = 0;

    for (uint32_t disk = 0; disk < XEN_VDEV_MAX_DISKS;
         disk += disk < 2000 ? 1 : 4093) {
        g_autofree char *name = NULL;
        XenVdev v = { 0 }, parsed = { 0 };

        xen_vdev_set_xvd(&v, disk);
        g_assert_cmpuint(v.number, >, last);
        last = v.number;
        name = xen_vdev_name(&v);
        g_assert_true(xen_vdev_parse(&parsed, name));
        g_assert_cmpuint(parsed.disk, ==, disk);
        g_assert_cmpuint(parsed.number, ==, v.number);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/blk-vdev/names", test_names);
    g_test_add_func("/blk-vdev/bad-names", test_bad_names);
    g_test_add_func("/blk-vdev/chosen", test_chosen);
    return g_test_run();
}
