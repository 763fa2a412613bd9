/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts another kernel by kexec, immediately or (-p) when this one panics
 *
 *     kexec-now [-p] KERNEL INITRD COMMAND-LINE
 *
 * Runs in a guest.  The kernel is loaded by kexec_file_load, which only 64-bit
 * kernels have.  If something fails, prints a line error=... to standard
 * output.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failed(const char *what)
{
    printf("error=%s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    bool on_panic = argc > 1 && !strcmp(argv[1], "-p");
    int kernel, initrd;

    argc -= on_panic;
    argv += on_panic;
    if (argc != 4) {
        printf("error=usage: kexec-now [-p] KERNEL INITRD COMMAND-LINE\n");
        return 2;
    }
    kernel = open(argv[1], O_RDONLY | O_CLOEXEC);
    initrd = open(argv[2], O_RDONLY | O_CLOEXEC);
    if (kernel < 0 || initrd < 0) {
        return failed("open");
    }
    if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1,
                argv[3],
                on_panic ? (unsigned long)KEXEC_FILE_ON_CRASH : 0UL)) {
        return failed("kexec_file_load");
    }
    if (on_panic) {
        return 0;
    }
    syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
            LINUX_REBOOT_CMD_KEXEC, NULL);
    return failed("reboot");
}
