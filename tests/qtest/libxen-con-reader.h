/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's end of a PV console: VMs with one, and their readers
 *
 * A reader is a socket; a test that hangs fails, and nothing is judged by how
 * long it takes.
 */
#ifndef TESTS_QTEST_LIBXEN_CON_READER_H
#define TESTS_QTEST_LIBXEN_CON_READER_H

#include "libxen-con.h"

/* More than a socket, a ring and everything in between hold. */
#define XEN_CON_MUCH        (2u << 20)
/* Between two looks at what QEMU has not changed yet. */
#define XEN_CON_LOOK_AGAIN_US   200

/* A chardev whose other end is *@fd. */
char *xen_con_pair_option(const char *id, int *fd);

/* The fd that the option names is QEMU's alone now. */
void xen_con_close_option_fd(const char *option);

char *xen_con_server_path(void);

int xen_con_connect_to(const char *path);

size_t xen_con_waiting(int fd);

/* Bytes that QEMU has not read yet, or 0. */
size_t xen_con_unsent(int fd);

/* The next @len bytes are @text. */
void xen_con_expect_bytes(int fd, const char *text, size_t len);

/* The guest writes @len bytes of @text, and the reader @fd gets them. */
void xen_con_expect_output(const XenCon *con, int fd, const char *text,
                           size_t len);

void xen_con_expect_nothing(const XenCon *con, int fd);

void xen_con_expect_file(const char *path, const char *text, size_t len);

/* Waits until QEMU has read all output from the ring. */
void xen_con_wait_read(const XenCon *con);

/* Fills everything up to the ring's last byte; how much of @text went in. */
size_t xen_con_fill(const XenCon *con, const char *text, size_t len);

XenVm *xen_con_start(const void *long_mode, const char *options);

/* A VM with one console, whose reader is *@fd. */
XenCon xen_con_start_pair(const void *long_mode, int *fd);

/* One whose readers connect to @path; @properties of xen-console. */
XenCon xen_con_start_server(const void *long_mode, const char *path,
                            const char *chardev, const char *properties);

/* The guest has been notified since the last look. */
void xen_con_expect_notified(const XenCon *con);

/* The guest's next @len bytes of input are @text. */
void xen_con_expect_input(const XenCon *con, const char *text, size_t len,
                          size_t piece);

#endif
