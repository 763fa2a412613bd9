/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV disk's size, as its front end reads it, and that of its requests below
 */
#ifndef HW_XEN_PV_BLOCK_SIZE_H
#define HW_XEN_PV_BLOCK_SIZE_H

#include "device.h"

/* Requests are checked against the size that the disk has now.  Any thread. */
void xen_block_read_size(XenBlockDevice *dev);
/*
 * The size has changed, or what it is counted in: tells the front end.  Main
 * loop's thread, BQL held.
 */
void xen_block_publish_size(XenBlockDevice *dev);
/* The same for a front end that read it before it was migrated. */
void xen_block_publish_new_size(XenBlockDevice *dev);
/*
 * The same thread, whenever there may be another medium or node below: the
 * largest request that it does in one piece.
 */
void xen_block_read_limits(XenBlockDevice *dev);

#endif
