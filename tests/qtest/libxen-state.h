/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saved states of Xen guests: create, parse, modify and load them
 *
 * Fields are found by name, with the description at the end of the stream.  VMs
 * are started without disks and NICs ("-nodefaults"), which cannot be migrated.
 */
#ifndef TESTS_QTEST_LIBXEN_STATE_H
#define TESTS_QTEST_LIBXEN_STATE_H

#include "libxen.h"

#define XEN_STATE_SOURCE    "-nodefaults -m 20"
#define XEN_STATE_TARGET    "-nodefaults -m 20 -incoming defer"

/* Saves the VM's state to a new file; the caller frees its name. */
char *xen_state_save(XenVm *vm);
/* Begins to; and whether the migration has this status, for instance "active". */
char *xen_state_save_begin(XenVm *vm);
bool xen_state_save_is(XenVm *vm, const char *status);
/* Starts to load it in the target; does not wait. */
void xen_state_load(XenVm *vm, const char *path);
/* Waits until it has: its VM runs, or is stopped as the source's was. */
void xen_state_wait(XenVm *vm);
/* The target must refuse it; waits until it has. */
void xen_state_expect_refused(XenVm *vm, const char *path);
/*
 * The same, and QEMU says @reason: on its standard error, which goes to the file @log and
 * is removed here, or in the answer of query-migrate, as from 10.2 on.
 */
void xen_state_expect_reason(XenVm *vm, const char *path, const char *log,
                             const char *reason);
/*
 * In a file of xen_state_save(): the byte at @offset from the first place that has
 * @text.
 */
void xen_state_change(const char *path, const char *text, size_t offset, char c);
/*
 * What the guest was told by node @key of a PV device: the first character of the
 * value becomes @c.  No other text of the file ends in @key.
 */
void xen_state_change_told(const char *path, const char *key, char c);
/*
 * Moves the guest to another QEMU through a file; @vm is stopped.  The virtual
 * clock, which is not migrated under qtest, starts at @clock_ns.
 */
XenVm *xen_state_move(XenVm *vm, const char *accel, int64_t clock_ns);

/* Makes file @path a qcow2 image of @size, open as nodes "file" and "qcow2". */
void xen_create_qcow2(QTestState *qts, const char *path, uint64_t size);

/*
 * A snapshot in a new image of a stopped VM.  It can be modified in the file,
 * and loaded any number of times.
 */
typedef struct XenSnapshot {
    XenVm *vm;
    char *path;
    int fd;
} XenSnapshot;

XenSnapshot *xen_snapshot_new(XenVm *vm);
/* QEMU's error message, to be freed; NULL: no error. */
char *xen_snapshot_load(XenSnapshot *s);
/* Does not stop the VM. */
void xen_snapshot_free(XenSnapshot *s);

/* An integer field of a section. */
typedef struct XenStateField {
    char *path;             /* as in C: "port[3].type" */
    size_t at;              /* in the file */
    size_t size;
} XenStateField;

typedef struct XenStateSection {
    size_t begin, end;      /* in the file; including header and footer */
    GArray *fields;         /* XenStateField, in order */
} XenStateSection;

/*
 * Finds section @name, @instance in a file of xen_state_save() or of a
 * snapshot.  With @prefix: only fields whose name begins with it
 * ("cpu/xen_vcpu." is a subsection).
 */
XenStateSection *xen_state_section(const char *path, const char *name,
                                   unsigned instance, const char *prefix);
void xen_state_section_free(XenStateSection *s);
/* The field must exist. */
const XenStateField *xen_state_field(const XenStateSection *s,
                                     const char *path);

#endif
