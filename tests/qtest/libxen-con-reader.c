/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's end of a PV console: VMs with a console, and its readers
 */
#include "qemu/osdep.h"
#include <poll.h>
#include <sys/ioctl.h>
#include "libxen-con-reader.h"

/* After this time a test fails as hanging. */
#define PATIENCE_MS         (120 * 1000)

char *xen_con_pair_option(const char *id, int *fd)
{
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    *fd = fds[0];
    g_assert_cmpint(fcntl(fds[0], F_SETFD, FD_CLOEXEC), ==, 0);
    return g_strdup_printf("-chardev socket,id=%s,fd=%d", id, fds[1]);
}

void xen_con_close_option_fd(const char *option)
{
    close(atoi(strstr(option, "fd=") + 3));
}

char *xen_con_server_path(void)
{
    static unsigned nr;

    return g_strdup_printf("%s/xen-con-%d-%u.sock", g_get_tmp_dir(), getpid(),
                           nr++);
}

int xen_con_connect_to(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpuint(strlen(path), <, sizeof(un.sun_path));
    strcpy(un.sun_path, path);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&un, sizeof(un)), ==, 0);
    return fd;
}

size_t xen_con_waiting(int fd)
{
    int n;

    g_assert_cmpint(ioctl(fd, FIONREAD, &n), ==, 0);
    return n;
}

size_t xen_con_unsent(int fd)
{
    int n;

    g_assert_cmpint(ioctl(fd, TIOCOUTQ, &n), ==, 0);
    return n;
}

void xen_con_expect_bytes(int fd, const char *text, size_t len)
{
    g_autofree char *got = g_malloc(len);
    size_t n = 0;

    while (n < len) {
        struct pollfd pfd = { .fd = fd, .events = POLLIN };
        ssize_t ret;

        if (poll(&pfd, 1, PATIENCE_MS) <= 0) {
            g_error("%zu of %zu bytes have come", n, len);
        }
        ret = read(fd, got + n, len - n);
        g_assert_cmpint(ret, >, 0);
        n += ret;
    }
    for (size_t i = 0; i < len; i++) {
        if (got[i] != text[i]) {
            g_error("byte %zu of %zu: \"%.20s\", not \"%.20s\"", i, len,
                    got + i, text + i);
        }
    }
}

void xen_con_expect_output(const XenCon *con, int fd, const char *text,
                           size_t len)
{
    xen_con_write(con, text, len);
    xen_con_expect_bytes(fd, text, len);
}

void xen_con_expect_nothing(const XenCon *con, int fd)
{
    xen_con_settle(con);
    g_assert_cmpuint(xen_con_waiting(fd), ==, 0);
}

void xen_con_expect_file(const char *path, const char *text, size_t len)
{
    g_autofree char *content = NULL;
    gsize size;

    g_assert_true(g_file_get_contents(path, &content, &size, NULL));
    g_assert_cmpmem(content, size, text, len);
}

void xen_con_wait_read(const XenCon *con)
{
    while (xen_con_unread(con)) {
        g_usleep(XEN_CON_LOOK_AGAIN_US);
    }
}

size_t xen_con_fill(const XenCon *con, const char *text, size_t len)
{
    size_t done = 0, n;

    do {
        n = xen_con_put(con, text + done, len - done);
        if (!n) {
            xen_con_settle(con);
            n = xen_con_put(con, text + done, len - done);
        }
        done += n;
    } while (n);
    g_assert_cmpuint(done, <, len);
    g_assert_cmpuint(xen_con_unread(con), ==, XEN_CON_OUT_SIZE);
    return done;
}

XenVm *xen_con_start(const void *long_mode, const char *options)
{
    g_autofree char *all = g_strdup_printf("-nodefaults -m 20 %s", options);

    return xen_vm_start(1, GPOINTER_TO_INT(long_mode), all);
}

XenCon xen_con_start_pair(const void *long_mode, int *fd)
{
    g_autofree char *chardev = xen_con_pair_option("c", fd);
    g_autofree char *options = g_strdup_printf(
        "%s -device xen-console,chardev=c", chardev);
    XenVm *vm = xen_con_start(long_mode, options);

    xen_con_close_option_fd(chardev);
    return xen_con_primary(vm);
}

XenCon xen_con_start_server(const void *long_mode, const char *path,
                            const char *chardev, const char *properties)
{
    g_autofree char *options = g_strdup_printf(
        "-chardev socket,id=c,path=%s,server=on,wait=off%s "
        "-device xen-console,chardev=c%s", path, chardev, properties);

    return xen_con_primary(xen_con_start(long_mode, options));
}

void xen_con_expect_notified(const XenCon *con)
{
    uint32_t port[4];

    g_assert_cmpuint(xen_handle(con->vm, 0, port, ARRAY_SIZE(port)), ==, 1);
    g_assert_cmpuint(port[0], ==, con->port);
}

void xen_con_expect_input(const XenCon *con, const char *text, size_t len,
                          size_t piece)
{
    size_t done = 0;

    while (done < len) {
        g_autofree char *got = g_malloc(piece);
        size_t n = xen_con_get(con, got, MIN(piece, len - done));

        g_assert_cmpmem(got, n, text + done, n);
        done += n;
        if (!n) {
            g_usleep(XEN_CON_LOOK_AGAIN_US);
        }
    }
}
