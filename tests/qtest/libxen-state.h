/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saved states of Xen guests: making, reading, damaging and loading them
 *
 * QEMU describes the stream at its end; so a test finds each field by name.
 * VMs are started without disks and NICs ("-nodefaults"), which cannot be
 * migrated.
 */
#ifndef TESTS_QTEST_LIBXEN_STATE_H
#define TESTS_QTEST_LIBXEN_STATE_H

#include "libxen.h"

#define XEN_STATE_SOURCE    "-nodefaults -m 20"
#define XEN_STATE_TARGET    "-nodefaults -m 20 -incoming defer"

/* A VM's state in a new file, whose name the caller frees. */
char *xen_state_save(XenVm *vm);
/* Has the target load it; returns before it is done. */
void xen_state_load(XenVm *vm, const char *path);
/*
 * The same guest in another QEMU, by way of a file; @vm is stopped.  The clock,
 * which qtest moves and no state has, starts at @clock_ns.
 */
XenVm *xen_state_move(XenVm *vm, const char *accel, int64_t clock_ns);

/*
 * A snapshot in a new image: the VM stops and keeps the image.  It can be
 * damaged in the file and loaded again and again.
 */
typedef struct XenSnapshot {
    XenVm *vm;
    char *path;
    int fd;
} XenSnapshot;

XenSnapshot *xen_snapshot_new(XenVm *vm);
/* What QEMU says is wrong with it, to be freed; NULL: loaded. */
char *xen_snapshot_load(XenSnapshot *s);
/* Not the VM. */
void xen_snapshot_free(XenSnapshot *s);

/* One integer of a device's section. */
typedef struct XenStateField {
    char *path;             /* as in C: "port[3].type" */
    size_t at;              /* in the file */
    size_t size;
} XenStateField;

typedef struct XenStateSection {
    size_t begin, end;      /* in the file; with its header and footer */
    GArray *fields;         /* XenStateField, in their order */
} XenStateSection;

/*
 * Where section @name, @instance, of a state is; @path is a file of
 * xen_state_save() or a snapshot's.  With @prefix: only the fields that begin
 * so ("cpu/xen_vcpu." is a subsection).
 */
XenStateSection *xen_state_section(const char *path, const char *name,
                                   unsigned instance, const char *prefix);
void xen_state_section_free(XenStateSection *s);
/* Asserts that there is one. */
const XenStateField *xen_state_field(const XenStateSection *s,
                                     const char *path);

#endif
