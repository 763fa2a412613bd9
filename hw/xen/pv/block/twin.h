/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV disk that is the twin of an emulated one: include/hw/xen/pv/twin.h
 */
#ifndef HW_XEN_PV_BLOCK_TWIN_H
#define HW_XEN_PV_BLOCK_TWIN_H

#include "device.h"

/* The end of @dev, which need not be a twin. */
void xen_block_free_twin(XenBlockDevice *dev);
#endif
