/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What QEMU 10.2 does in another way than other series, beside where its headers are.
 * compat/ has this file once for each series.
 */
#ifndef HW_XEN_EMU_QEMU_COMPAT_H
#define HW_XEN_EMU_QEMU_COMPAT_H

#include "chardev/char-fe.h"
#include "chardev/char.h"
#include "accel/accel-ops.h"
#include "hw/core/boards.h"
#include "hw/core/cpu.h"
#include "hw/core/qdev.h"
#include "net/net.h"
#include "qapi/error.h"
#include "qemu/aio.h"
#include "qemu/cutils.h"
#include "system/runstate.h"

/* What TypeInfo's class_init takes a pointer to. */
typedef const void XenClassData;

/* AccelClass's init_machine: @name calls @init(ms). */
typedef int XenInitMachine(AccelState *as, MachineState *ms);

#define XEN_INIT_MACHINE(name, init)                    \
    static int name(AccelState *as, MachineState *ms)   \
    {                                                   \
        return init(ms);                                \
    }

static inline int xen_call_init_machine(XenInitMachine *init, MachineState *ms)
{
    return init(ms->accelerator, ms);
}

/* What AccelOpsClass's ops_init takes a pointer to. */
typedef struct AccelClass XenOpsInitClass;

static inline struct AccelOpsClass *xen_ops_of(XenOpsInitClass *oc)
{
    return oc->ops;
}

/* VMStateDescription's post_save: @name calls @forget(opaque). */
#define XEN_POST_SAVE(name, forget)     \
    static int name(void *opaque)       \
    {                                   \
        forget(opaque);                 \
        return 0;                       \
    }

/* @cb is called in the order of the device tree: system/runstate.h. */
static inline VMChangeStateEntry *
xen_add_vm_state_handler(DeviceState *dev, VMChangeStateHandler *cb, void *opaque)
{
    return qdev_add_vm_change_state_handler(dev, cb, NULL, opaque);
}

/* What the peer of @nc may send. */
static inline void xen_set_offload(NetClientState *nc, bool csum, bool tso4, bool tso6)
{
    const NetOffloads ol = { .csum = csum, .tso4 = tso4, .tso6 = tso6 };

    qemu_set_offload(nc, &ol);
}

static inline void xen_disable_polling(AioContext *ctx)
{
    aio_context_set_poll_params(ctx, 0, 0, 0, &error_abort);
}

/* The physical address of the page at @addr, also if the guest may not write there. */
static inline bool xen_debug_translate(CPUState *cs, vaddr addr, hwaddr *phys)
{
    MemTxAttrs attrs;

    *phys = cpu_get_phys_page_attrs_debug(cs, addr, &attrs);
    return *phys != (hwaddr)-1;
}

/* The terminal of @chr, to be freed; NULL if it is no PTY. */
static inline char *xen_chardev_pty_name(Chardev *chr)
{
    const char *name;

    if (!chr->filename || !strstart(chr->filename, "pty:", &name)) {
        return NULL;
    }
    return g_strdup(name);
}

#endif
