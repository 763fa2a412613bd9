/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and numbers of virtual disks
 *
 * Xen's xen-vbd-interface(7): a disk is known to the guest by a number, which
 * is also its node's name in xenstore, and to people by a name.
 *
 *   xvdX, xvdXN, dDpP   202 << 8 | disk << 4 | partition      (both below 16)
 *                       1 << 28 | disk << 8 | partition       (all others)
 *   hdX, hdXN           3 << 8 or 22 << 8 | disk % 2 << 6 | partition, 4 disks
 *   sdX, sdXN           8 << 8 | disk << 4 | partition, 16 disks
 *
 * Letters count a to z, aa to zz, aaa and so on.  A partition of 0 is the whole
 * disk.
 */
#ifndef HW_XEN_PV_BLOCK_VDEV_H
#define HW_XEN_PV_BLOCK_VDEV_H

#include <stdbool.h>
#include <stdint.h>

typedef enum XenVdevType {
    XEN_VDEV_NONE,              /* not chosen yet */
    XEN_VDEV_XVD,
    XEN_VDEV_D,                 /* the same numbers, written as d3p0 */
    XEN_VDEV_HD,
    XEN_VDEV_SD,
} XenVdevType;

typedef struct XenVdev {
    XenVdevType type;
    uint32_t disk;              /* from 0 */
    uint32_t partition;
    uint32_t number;            /* the guest's */
} XenVdev;

#define XEN_VDEV_MAX_DISKS  (1u << 20)

/* False: no such name, and *@vdev is as it was. */
bool xen_vdev_parse(XenVdev *vdev, const char *name);
/* Always with a partition, as the property "vdev" reads: xvda0.  To be freed. */
char *xen_vdev_name(const XenVdev *vdev);
/* As Xen's tools and people write it: xvda, xvda1.  To be freed. */
char *xen_vdev_short_name(const XenVdev *vdev);
/* xvda and so on; @disk is below XEN_VDEV_MAX_DISKS. */
void xen_vdev_set_xvd(XenVdev *vdev, uint32_t disk);

#endif
