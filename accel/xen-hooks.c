/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation: KVM, TCG and qtest are led past us
 *
 * QEMU calls its accelerators through pointers in their classes.  Those that
 * matter to Xen emulation are replaced here by functions that call what was
 * there before, so no line of the accelerators has to know of us:
 *
 *   init_machine           of all three, when QEMU starts: the emulation is
 *                          turned on with the accelerator that came up
 *   ops_init, create_vcpu_thread
 *                          of that one, once it is on: vCPUs come
 *   parent_unrealize       of the vCPUs' classes: they go
 */
#include "qemu/osdep.h"
#include "qemu/accel.h"
#include "qemu/module.h"
#include "hw/boards.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/device/vcpu.h"
#include "hw/xen/emu/emu.h"
#include "system/accel-ops.h"
#include "cpu.h"

typedef struct Accel {
    const char *name, *ops_name;
    void (*prepare)(Object *accel);             /* before its init; or NULL */
    int (*init_machine)(MachineState *ms);      /* its own */
} Accel;

static Accel accels[] = {
    { ACCEL_CLASS_NAME("kvm"), ACCEL_OPS_NAME("kvm"), xen_emu_kvm_prepare },
    { ACCEL_CLASS_NAME("tcg"), ACCEL_OPS_NAME("tcg") },
    { ACCEL_CLASS_NAME("qtest"), ACCEL_OPS_NAME("qtest") },
};

/* Of the accelerator that runs the machine. */
static void (*own_ops_init)(AccelOpsClass *ops);
static void (*own_create_vcpu_thread)(CPUState *cs);
/* The same for each model of CPU. */
static DeviceUnrealize own_parent_unrealize;

/* Its thread has ended; later on it has no number any more. */
static void parent_unrealize(DeviceState *dev)
{
    xen_vcpu_unrealize(CPU(dev));
    own_parent_unrealize(dev);
}

/* The last that happens to a vCPU before it runs. */
static void create_vcpu_thread(CPUState *cs)
{
    X86CPUClass *xcc = X86_CPU_GET_CLASS(cs);

    if (xcc->parent_unrealize != parent_unrealize) {
        own_parent_unrealize = xcc->parent_unrealize;
        xcc->parent_unrealize = parent_unrealize;
    }
    xen_vcpu_realize(cs);
    own_create_vcpu_thread(cs);
}

/* TCG has more than one create_vcpu_thread(), and chooses here. */
static void ops_init(AccelOpsClass *ops)
{
    if (own_ops_init) {
        own_ops_init(ops);
    }
    own_create_vcpu_thread = ops->create_vcpu_thread;
    ops->create_vcpu_thread = create_vcpu_thread;
}

static void lead_vcpus(AccelOpsClass *ops)
{
    own_ops_init = ops->ops_init;
    ops->ops_init = ops_init;
}

static Accel *accel_of(AccelState *state)
{
    for (size_t i = 0; i < ARRAY_SIZE(accels); i++) {
        if (object_dynamic_cast(OBJECT(state), accels[i].name)) {
            return &accels[i];
        }
    }
    g_assert_not_reached();
}

static int init_machine(MachineState *ms)
{
    Accel *accel = accel_of(ms->accelerator);
    int ret;

    if (accel->prepare) {
        accel->prepare(OBJECT(ms->accelerator));
    }
    ret = accel->init_machine(ms);
    if (ret >= 0) {
        ret = xen_emu_accel_ready(OBJECT(ms->accelerator));
    }
    if (ret >= 0 && xen_emu) {
        lead_vcpus(ACCEL_OPS_CLASS(module_object_class_by_name(
                       accel->ops_name)));
    }
    return ret;
}

static void lead_accelerators(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(accels); i++) {
        ObjectClass *oc = module_object_class_by_name(accels[i].name);

        if (oc) {
            accels[i].init_machine = ACCEL_CLASS(oc)->init_machine;
            ACCEL_CLASS(oc)->init_machine = init_machine;
            xen_emu_add_accel_properties(oc);
        }
    }
}

/* Whatever its name, it is the first call after all types are registered. */
migration_init(lead_accelerators);
