/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hooks of Xen emulation in classes of QEMU
 *
 * QEMU calls accelerators and vCPUs through pointers in their classes.  Those
 * that matter to Xen emulation are replaced by functions that also call the
 * previous ones (parent_*), so that code needs no changes.
 *
 *   class               pointer              installed      why
 *   ------------------  -------------------  -------------  ---------------------
 *   AccelClass          init_machine         QEMU starts    turns the emulation on
 *     of kvm, tcg, qtest                                    with the accelerator
 *                                                           that came up
 *   AccelOpsClass       ops_init             emulation on   TCG chooses its other
 *     of that one                                           pointers there
 *                       create_vcpu_thread   ops_init       a vCPU comes
 *                       synchronize_post_    ops_init       ... and was reset
 *                         init
 *   DeviceClass         unrealize            first vCPU of  a vCPU goes, before
 *     of the vCPU                              its model      its thread ends
 *   X86CPUClass         parent_unrealize     first vCPU of  ... and after that
 *                                            its model
 *   AccelOpsClass       get_elapsed_ticks    ops_init       the guest's TSC
 *     of tcg            kick_vcpu_thread     ops_init       vCPUs wait without the
 *                       cpu_thread_is_idle   ops_init       BQL (accel-tcg.h)
 *   CPUClass on tcg     tcg_ops, sysemu_ops  first vCPU of  the same
 *                                            its model
 *   DeviceClass         bus_type, realize    without Xen    an error that says what
 *     of PV devices                                         to do
 *
 * All are installed under the BQL, and stay.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "accel/accel-cpu-ops.h"
#include "accel/tcg/cpu-ops.h"
#include "qemu/accel.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "hw/core/boards.h"
#include "hw/core/cpu.h"
#include "hw/core/sysemu-cpu-ops.h"
#include "hw/i386/pc.h"
#include "hw/xen/emu/accel-tcg.h"
#include "hw/xen/emu/device/vcpu.h"
#include "hw/xen/emu/emu.h"
#include "hw/xen/emu/options.h"
#include "hw/xen/emu/qemu-compat.h"
#include "hw/xen/xen-bus.h"
#include "accel/accel-ops.h"
#include "system/tcg.h"
#include "cpu.h"

/* Sets @pointer to @hook, and @parent to its previous value. */
#define HOOK(pointer, hook, parent) \
    do {                            \
        (parent) = (pointer);       \
        (pointer) = (hook);         \
    } while (0)

/* ---------------------------------------------------------------- TCG -- */

#ifdef CONFIG_TCG
static void (*parent_kick)(CPUState *cs);
static bool (*parent_has_work)(CPUState *cs);
static bool (*parent_exec_halt)(CPUState *cs);

static void kick_vcpu_thread(CPUState *cs)
{
    parent_kick(cs);
    xen_tcg_kicked(cs);
}

/* A halted vCPU waits in exec_halt(), where its wait can end without the BQL. */
static bool thread_is_idle(CPUState *cs)
{
    return false;
}

static bool has_work(CPUState *cs)
{
    return xen_tcg_has_work(cs, parent_has_work);
}

static bool exec_halt(CPUState *cs)
{
    return xen_tcg_exec_halt(cs, parent_exec_halt);
}

/*
 * The guest's TSC.  TCG uses the host's, whose frequency is unknown and may
 * change by migration.  A tick of this one is a nanosecond of the virtual
 * clock, on all vCPUs, and it stops with the VM.
 */
static int64_t elapsed_ticks(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static void hook_tcg_ops(AccelOpsClass *ops)
{
    ops->get_elapsed_ticks = elapsed_ticks;
    if (xen_tcg_vcpus_wait()) {
        HOOK(ops->kick_vcpu_thread, kick_vcpu_thread, parent_kick);
        ops->cpu_thread_is_idle = thread_is_idle;
    }
}

/* The pointers are in constant tables, so the classes get copies of these. */
static void hook_tcg_cpu(CPUClass *cc)
{
    static TCGCPUOps tcg_ops;
    static SysemuCPUOps sysemu_ops;

    if (!parent_exec_halt) {
        tcg_ops = *cc->tcg_ops;
        HOOK(tcg_ops.cpu_exec_halt, exec_halt, parent_exec_halt);
        sysemu_ops = *cc->sysemu_ops;
        HOOK(sysemu_ops.has_work, has_work, parent_has_work);
    }
    cc->tcg_ops = &tcg_ops;
    cc->sysemu_ops = &sysemu_ops;
}
#else
static void hook_tcg_ops(AccelOpsClass *ops)
{
}

static void hook_tcg_cpu(CPUClass *cc)
{
}
#endif

/* -------------------------------------------------------------- vCPUs -- */

/* The same functions for all CPU models. */
static DeviceUnrealize parent_cpu_unrealize, parent_dev_unrealize;

static void (*parent_ops_init)(XenOpsInitClass *oc);
static void (*parent_create_vcpu_thread)(CPUState *cs);
static void (*parent_post_init)(CPUState *cs);

/* The thread of the vCPU still runs; the parent ends and joins it. */
static void dev_unrealize(DeviceState *dev)
{
    xen_vcpu_leaving(CPU(dev));
    parent_dev_unrealize(dev);
}

/* The thread of the vCPU has ended; its number is still valid. */
static void cpu_unrealize(DeviceState *dev)
{
    xen_vcpu_unrealize(CPU(dev));
    parent_cpu_unrealize(dev);
}

/* The last step before a vCPU runs. */
static void create_vcpu_thread(CPUState *cs)
{
    X86CPUClass *xcc = X86_CPU_GET_CLASS(cs);

    if (xcc->parent_unrealize != cpu_unrealize) {
        HOOK(xcc->parent_unrealize, cpu_unrealize, parent_cpu_unrealize);
        HOOK(DEVICE_CLASS(xcc)->unrealize, dev_unrealize, parent_dev_unrealize);
        if (tcg_enabled()) {
            hook_tcg_cpu(cs->cc);
        }
    }
    xen_vcpu_realize(cs);
    parent_create_vcpu_thread(cs);
}

static void synchronize_post_init(CPUState *cs)
{
    if (parent_post_init) {
        parent_post_init(cs);
    }
    xen_vcpu_ready(cs);
}

static void ops_init(XenOpsInitClass *oc)
{
    AccelOpsClass *ops = xen_ops_of(oc);

    if (parent_ops_init) {
        parent_ops_init(oc);
    }
    HOOK(ops->create_vcpu_thread, create_vcpu_thread,
         parent_create_vcpu_thread);
    HOOK(ops->synchronize_post_init, synchronize_post_init, parent_post_init);
    if (tcg_enabled()) {
        hook_tcg_ops(ops);
    }
}

/* --------------------------------------------------------- without Xen -- */

/*
 * PV devices.  Without their bus QEMU says "No 'xen-bus' bus found", which does
 * not tell a user what to do.  So they need no bus then, and cannot be realized.
 * device_add fails before that, since nothing on the machine takes such a device.
 */
static void refuse_realize(DeviceState *dev, Error **errp)
{
    ERRP_GUARD();

    error_setg(errp, "%s requires a Xen guest",
               object_get_typename(OBJECT(dev)));
    error_append_hint(errp, XEN_EMU_HINT);
}

static void refuse_device(ObjectClass *oc, void *opaque)
{
    DeviceClass *dc = DEVICE_CLASS(oc);

    dc->bus_type = NULL;
    dc->realize = refuse_realize;
}

/* ------------------------------------------------------- accelerators -- */

typedef struct Accel {
    const char *name, *ops_name;
    XenAccelOps *(*xen_ops)(void);              /* after its init, with Xen */
    void (*prepare)(Object *accel);             /* before its init; or NULL */
    XenInitMachine *parent_init_machine;
} Accel;

static XenAccelOps *qtest_ops(void)
{
    xen_emu_qtest_add_commands();
    return xen_emu_qtest_ops();
}

static Accel accels[] = {
    { ACCEL_CLASS_NAME("kvm"), ACCEL_OPS_NAME("kvm"), xen_emu_kvm_ops,
      xen_emu_kvm_prepare },
    { ACCEL_CLASS_NAME("tcg"), ACCEL_OPS_NAME("tcg"), xen_emu_tcg_ops },
    { ACCEL_CLASS_NAME("qtest"), ACCEL_OPS_NAME("qtest"), qtest_ops },
};

static Accel *accel_of(AccelState *state)
{
    for (size_t i = 0; i < ARRAY_SIZE(accels); i++) {
        if (object_dynamic_cast(OBJECT(state), accels[i].name)) {
            return &accels[i];
        }
    }
    g_assert_not_reached();
}

static int do_init_machine(MachineState *ms)
{
    Accel *accel = accel_of(ms->accelerator);
    AccelOpsClass *ops;
    Error *err = NULL;
    int ret;

    xen_options_apply(OBJECT(ms->accelerator));
    if (!xen_emu_accel_check(OBJECT(ms->accelerator), &err)) {
        error_report_err(err);
        return -EINVAL;
    }
    if (accel->prepare) {
        accel->prepare(OBJECT(ms->accelerator));
    }
    ret = xen_call_init_machine(accel->parent_init_machine, ms);
    if (ret < 0) {
        return ret;
    }
    if (!xen_emu_accel_config(OBJECT(ms->accelerator))->version) {
        xen_options_check(OBJECT(ms->accelerator));
        object_class_foreach(refuse_device, TYPE_XEN_DEVICE, true, NULL);
    } else {
        xen_emu_enable(OBJECT(ms->accelerator), accel->xen_ops());
        ops = ACCEL_OPS_CLASS(module_object_class_by_name(accel->ops_name));
        HOOK(ops->ops_init, ops_init, parent_ops_init);
    }
    return ret;
}

XEN_INIT_MACHINE(init_machine, do_init_machine)

static void hook_accelerators(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(accels); i++) {
        ObjectClass *oc = module_object_class_by_name(accels[i].name);

        if (oc) {
            HOOK(ACCEL_CLASS(oc)->init_machine, init_machine,
                 accels[i].parent_init_machine);
            xen_emu_add_properties(oc);
        }
    }
    xen_emu_add_properties(object_class_by_name(TYPE_PC_MACHINE));
}

/* Despite its name, this is the first point after all types are registered. */
migration_init(hook_accelerators);
