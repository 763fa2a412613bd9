/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk under load from several processes, each of which knows what its part of
 * the disk must hold
 *
 *     disk-load DEVICE PROCESSES
 *
 * Runs in a guest, until there is something to read from standard input, or its
 * end.  The device is divided among the processes.  Each writes and reads blocks of
 * its part at random, past the page cache.  A block holds words that follow from
 * its number and a stamp, which is another for each write.  At the end all blocks
 * are read once more.
 *
 * Prints disk-load-writes=N and disk-load-verified=BLOCKS (of the last reading), of
 * all processes; when something fails, error=..., and the exit status is 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK           4096
#define WORDS           (BLOCK / sizeof(uint64_t))
#define MAX_RUN         16      /* blocks in one write */
#define MAX_BLOCKS      4096    /* of a process */
#define MAX_PROCESSES   16

typedef struct Part {
    uint64_t writes, verified;
    unsigned first, nr;         /* blocks */
    uint32_t random, stamp;
    uint32_t held[MAX_BLOCKS];  /* stamps; 0: not written yet */
} Part;

static const char *device;

static unsigned number_below(Part *p, unsigned end)
{
    p->random = p->random * 1664525 + 1013904223;
    return (uint64_t)p->random * end >> 32;
}

static uint64_t word(unsigned block, uint32_t stamp, unsigned i)
{
    uint64_t x = (uint64_t)block << 32 | stamp;

    return (x + i) * 0x9e3779b97f4a7c15;
}

static void die(const char *what, unsigned block)
{
    printf("error=disk-load: %s, block %u: %s\n", what, block,
           strerror(errno));
    fflush(stdout);
    _exit(1);
}

static void write_blocks(Part *p, int fd, uint64_t *buf)
{
    unsigned run = 1 + number_below(p, MAX_RUN);
    unsigned at = number_below(p, p->nr - run + 1);

    p->stamp++;
    for (unsigned b = 0; b < run; b++) {
        for (unsigned i = 0; i < WORDS; i++) {
            buf[b * WORDS + i] = word(p->first + at + b, p->stamp, i);
        }
        p->held[at + b] = p->stamp;
    }
    if (pwrite(fd, buf, run * BLOCK, (off_t)(p->first + at) * BLOCK) !=
        run * BLOCK) {
        die("write", p->first + at);
    }
    p->writes++;
}

static void verify(Part *p, int fd, uint64_t *buf, unsigned at)
{
    unsigned block = p->first + at;

    if (!p->held[at]) {
        return;
    }
    if (pread(fd, buf, BLOCK, (off_t)block * BLOCK) != BLOCK) {
        die("read", block);
    }
    for (unsigned i = 0; i < WORDS; i++) {
        if (buf[i] != word(block, p->held[at], i)) {
            errno = EILSEQ;
            die("another content", block);
        }
    }
}

static void work(Part *p)
{
    struct pollfd end = { .fd = 0, .events = POLLIN };
    int fd = open(device, O_RDWR | O_DIRECT);
    uint64_t *buf = aligned_alloc(BLOCK, MAX_RUN * BLOCK);

    if (fd < 0 || !buf) {
        die("open", p->first);
    }
    while (poll(&end, 1, 0) == 0) {
        write_blocks(p, fd, buf);
        for (unsigned i = 0; i < 4; i++) {
            verify(p, fd, buf, number_below(p, p->nr));
        }
        if (p->writes % 64 == 0 && fdatasync(fd)) {
            die("fdatasync", p->first);
        }
    }
    for (unsigned at = 0; at < p->nr; at++) {
        verify(p, fd, buf, at);
        p->verified += p->held[at] != 0;
    }
}

int main(int argc, char **argv)
{
    unsigned nr = argc == 3 ? atoi(argv[2]) : 0, blocks;
    uint64_t writes = 0, verified = 0;
    int fd, status, failed = 0;
    Part *part;

    if (nr < 1 || nr > MAX_PROCESSES) {
        printf("error=usage: disk-load DEVICE PROCESSES\n");
        return 2;
    }
    device = argv[1];
    fd = open(device, O_RDONLY);
    if (fd < 0) {
        die("open", 0);
    }
    blocks = lseek(fd, 0, SEEK_END) / BLOCK / nr;
    if (blocks > MAX_BLOCKS) {
        blocks = MAX_BLOCKS;
    }
    if (blocks < MAX_RUN) {
        die("too small", 0);
    }
    part = mmap(NULL, nr * sizeof(*part), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (part == MAP_FAILED) {
        die("mmap", 0);
    }
    for (unsigned i = 0; i < nr; i++) {
        part[i].first = i * blocks;
        part[i].nr = blocks;
        part[i].random = i + 1;
        if (fork() == 0) {
            work(&part[i]);
            _exit(0);
        }
    }
    while (wait(&status) > 0) {
        failed |= status;
    }
    for (unsigned i = 0; i < nr; i++) {
        writes += part[i].writes;
        verified += part[i].verified;
    }
    printf("disk-load-writes=%llu\ndisk-load-verified=%llu\n",
           (unsigned long long)writes, (unsigned long long)verified);
    return failed ? 1 : 0;
}
