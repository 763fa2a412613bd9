/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs code that a disk has written over code that has run
 *
 *     code-read DEVICE TURNS
 *
 * Overwrites the beginning of DEVICE.  In each turn pages with other code are read from
 * it without the kernel's cache, so that the back end itself writes them to this
 * process's memory, and are called: each function returns its number.  A translator
 * that missed the write would run the function of the turn before.  A request of one
 * page is copied by the back end, one of many pages is mapped.
 *
 * Prints "code=TURNS stale=CALLS", CALLS of which returned another number.  Exit status
 * 1: something failed, and standard error says what.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE    4096
#define PAGES   16

static uint8_t *pages(int prot)
{
    uint8_t *p = mmap(NULL, PAGES * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        err(1, "mmap");
    }
    return p;
}

/* mov $number, %eax; ret: the same bytes with 32 and with 64 bits. */
static void put_function(uint8_t *p, uint32_t number)
{
    p[0] = 0xb8;
    memcpy(p + 1, &number, sizeof(number));
    p[5] = 0xc3;
}

static uint32_t call(const uint8_t *p)
{
    uint32_t (*function)(void);

    memcpy(&function, &p, sizeof(function));
    return function();
}

int main(int argc, char **argv)
{
    unsigned turns = argc == 3 ? atoi(argv[2]) : 0, stale = 0;
    uint8_t *source, *code;
    int fd;

    if (!turns) {
        errx(2, "usage: code-read DEVICE TURNS");
    }
    fd = open(argv[1], O_RDWR | O_DIRECT | O_CLOEXEC);
    if (fd < 0) {
        err(1, "%s", argv[1]);
    }
    source = pages(PROT_READ | PROT_WRITE);
    code = pages(PROT_READ | PROT_WRITE | PROT_EXEC);
    for (unsigned turn = 1; turn <= turns; turn++) {
        unsigned nr = turn % 2 ? PAGES : 1;
        ssize_t size = nr * PAGE;

        for (unsigned i = 0; i < nr; i++) {
            put_function(source + i * PAGE, turn * PAGES + i);
        }
        if (pwrite(fd, source, size, 0) != size || pread(fd, code, size, 0) != size) {
            err(1, "turn %u", turn);
        }
        for (unsigned i = 0; i < nr; i++) {
            stale += call(code + i * PAGE) != turn * PAGES + i;
        }
    }
    printf("code=%u stale=%u\n", turns, stale);
    return 0;
}
