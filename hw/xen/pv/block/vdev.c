/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and numbers of virtual disks: see vdev.h
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <glib.h>
#include "vdev.h"

typedef struct VdevKind {
    XenVdevType type;
    const char *prefix;
    bool letters;               /* for the disk, not digits and a p */
    uint32_t disks, partitions;
} VdevKind;

static const VdevKind kinds[] = {
    { XEN_VDEV_XVD, "xvd", true, XEN_VDEV_MAX_DISKS, 256 },
    { XEN_VDEV_HD, "hd", true, 4, 64 },
    { XEN_VDEV_SD, "sd", true, 16, 16 },
    { XEN_VDEV_D, "d", false, XEN_VDEV_MAX_DISKS, 256 },
};

/*
 * All that parse_*() below read is at most @max, so that nothing overflows;
 * NULL: it is not there or too large.
 */
static const char *parse_digits(const char *p, uint32_t max, uint32_t *value)
{
    uint32_t n = 0;

    if (!g_ascii_isdigit(*p)) {
        return NULL;
    }
    for (; g_ascii_isdigit(*p); p++) {
        n = n * 10 + (*p - '0');
        if (n > max) {
            return NULL;
        }
    }
    *value = n;
    return p;
}

static const char *parse_letters(const char *p, uint32_t max, uint32_t *value)
{
    uint32_t n = 0;

    if (!g_ascii_islower(*p)) {
        return NULL;
    }
    for (; g_ascii_islower(*p); p++) {
        n = n * 26 + (*p - 'a' + 1);
        if (n > max + 1) {
            return NULL;
        }
    }
    *value = n - 1;
    return p;
}

static uint32_t vdev_number(const XenVdev *v)
{
    switch (v->type) {
    case XEN_VDEV_HD:
        return (v->disk < 2 ? 3u : 22u) << 8 | (v->disk & 1) << 6 |
               v->partition;
    case XEN_VDEV_SD:
        return 8u << 8 | v->disk << 4 | v->partition;
    default:
        if (v->disk < 16 && v->partition < 16) {
            return 202u << 8 | v->disk << 4 | v->partition;
        }
        return 1u << 28 | v->disk << 8 | v->partition;
    }
}

static bool parse_as(XenVdev *vdev, const VdevKind *kind, const char *p)
{
    XenVdev v = { .type = kind->type };

    p = kind->letters ? parse_letters(p, kind->disks - 1, &v.disk)
                      : parse_digits(p, kind->disks - 1, &v.disk);
    if (!p) {
        return false;
    }
    if (!kind->letters && *p == 'p') {
        p++;
    } else if (!kind->letters && *p) {
        return false;
    } else if (!*p) {
        goto whole;
    }
    p = parse_digits(p, kind->partitions - 1, &v.partition);
    if (!p || *p) {
        return false;
    }
whole:
    v.number = vdev_number(&v);
    *vdev = v;
    return true;
}

bool xen_vdev_parse(XenVdev *vdev, const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        size_t len = strlen(kinds[i].prefix);

        if (!strncmp(name, kinds[i].prefix, len)) {
            return parse_as(vdev, &kinds[i], name + len);
        }
    }
    return false;
}

static char *name_of(const XenVdev *vdev, const char *partition)
{
    char letters[8] = "";
    size_t at = sizeof(letters) - 1;
    const VdevKind *kind = kinds;

    while (kind->type != vdev->type) {
        kind++;
        g_assert(kind < kinds + G_N_ELEMENTS(kinds));
    }
    if (!kind->letters) {
        return g_strdup_printf("%s%up%u", kind->prefix, vdev->disk,
                               vdev->partition);
    }
    for (uint32_t n = vdev->disk + 1; n; n = (n - 1) / 26) {
        letters[--at] = 'a' + (n - 1) % 26;
    }
    return g_strconcat(kind->prefix, letters + at, partition, NULL);
}

char *xen_vdev_name(const XenVdev *vdev)
{
    g_autofree char *partition = g_strdup_printf("%u", vdev->partition);

    return name_of(vdev, partition);
}

char *xen_vdev_short_name(const XenVdev *vdev)
{
    return vdev->partition ? xen_vdev_name(vdev) : name_of(vdev, "");
}

void xen_vdev_set_xvd(XenVdev *vdev, uint32_t disk)
{
    g_assert(disk < XEN_VDEV_MAX_DISKS);
    *vdev = (XenVdev) { .type = XEN_VDEV_XVD, .disk = disk };
    vdev->number = vdev_number(vdev);
}
