/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's end of a PV console: VMs with a console, and its readers
 *
 * A reader is a socket.  Functions wait for QEMU as long as it takes, with a
 * timeout only for tests that hang.
 */
#ifndef TESTS_QTEST_LIBXEN_CON_READER_H
#define TESTS_QTEST_LIBXEN_CON_READER_H

#include "libxen-con.h"

/* More than a socket, the ring and all buffers in between can hold. */
#define XEN_CON_MUCH        (2u << 20)
/* Polling interval. */
#define XEN_CON_LOOK_AGAIN_US   200

/* Returns options for a chardev connected to *@fd. */
char *xen_con_pair_option(const char *id, int *fd);

/* Closes QEMU's end of the socket here, after QEMU was started. */
void xen_con_close_option_fd(const char *option);

char *xen_con_server_path(void);

int xen_con_connect_to(const char *path);

size_t xen_con_waiting(int fd);

/* The number of bytes that QEMU has not read yet. */
size_t xen_con_unsent(int fd);

/* Reads @len bytes, which must be @text. */
void xen_con_expect_bytes(int fd, const char *text, size_t len);

/* Writes @len bytes of @text to the guest's ring; @fd must receive them. */
void xen_con_expect_output(const XenCon *con, int fd, const char *text,
                           size_t len);

void xen_con_expect_nothing(const XenCon *con, int fd);

void xen_con_expect_file(const char *path, const char *text, size_t len);

/* Waits until QEMU has read all output from the ring. */
void xen_con_wait_read(const XenCon *con);

/*
 * Writes until ring and socket are full; returns how much of @text was written.
 */
size_t xen_con_fill(const XenCon *con, const char *text, size_t len);

XenVm *xen_con_start(const void *long_mode, const char *options);

/* Starts a VM with one console, whose reader is *@fd. */
XenCon xen_con_start_pair(const void *long_mode, int *fd);

/* The same with a server socket at @path; @properties: of xen-console. */
XenCon xen_con_start_server(const void *long_mode, const char *path,
                            const char *chardev, const char *properties);

/* The guest was notified since the last call. */
void xen_con_expect_notified(const XenCon *con);

/* Reads @len bytes of input in the guest, which must be @text. */
void xen_con_expect_input(const XenCon *con, const char *text, size_t len,
                          size_t piece);

#endif
