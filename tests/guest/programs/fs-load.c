/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file system under load from many processes, each of which knows what its
 * files must hold
 *
 *     fs-load FOLDER SECONDS PROCESSES
 *
 * Each process has a folder with FILES files.  It writes, overwrites, truncates,
 * punches holes, renames, links, removes and reads them at random for SECONDS,
 * some of it with O_DIRECT and fsync().  A block of a file holds words that follow
 * from the file, the block and a stamp, which is another for each write; 0 stands
 * for zeroes.  At the end the page cache is emptied and all of it is read.
 *
 * Prints
 *   fs-ops=N               operations of all processes
 *   fs-verified=BLOCKS     of the last reading
 * and, when something fails, error=...; the exit status is then 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILES           24
#define BLOCK           4096
#define MAX_BLOCKS      64
#define MAX_RUN         16
#define MAX_PROCESSES   16

typedef struct File {
    int exists;
    unsigned name;              /* its last component */
    unsigned blocks;
    uint32_t stamp[MAX_BLOCKS];
} File;

typedef struct Process {
    uint64_t ops, verified;
    uint64_t random;
    uint32_t stamp;
    unsigned names;
    char folder[64];
    File file[FILES];
} Process;

static void die(const char *format, ...)
{
    va_list ap;

    printf("error=fs-load: ");
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    printf(": %m\n");
    fflush(stdout);
    _exit(1);
}

static uint32_t below(Process *p, uint32_t limit)
{
    /* xorshift; its seed is not 0. */
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    return (p->random >> 20) % limit;
}

static void path_of(const Process *p, const File *f, char *path)
{
    sprintf(path, "%s/%u", p->folder, f->name);
}

static void fill(const Process *p, const File *f, unsigned block, uint64_t *buf)
{
    uint64_t seed = (uint64_t)f->stamp[block] << 32 |
                    (uint32_t)((f - p->file) * MAX_BLOCKS + block);

    for (unsigned i = 0; i < BLOCK / sizeof(*buf); i++) {
        buf[i] = f->stamp[block] ? seed * 0x9e3779b97f4a7c15 + i : 0;
    }
}

static int open_file(Process *p, File *f, int flags)
{
    char path[96];
    int fd;

    path_of(p, f, path);
    fd = open(path, flags, 0600);
    if (fd < 0) {
        die("open %s", path);
    }
    return fd;
}

/* A direct transfer needs aligned memory. */
static uint64_t *buffer(void)
{
    static _Alignas(BLOCK) uint64_t buf[MAX_RUN * BLOCK / sizeof(uint64_t)];

    return buf;
}

static void write_blocks(Process *p, File *f)
{
    int direct = !below(p, 4);
    int fd = open_file(p, f, O_RDWR | (direct ? O_DIRECT : 0) |
                       (f->exists ? 0 : O_CREAT | O_EXCL));
    unsigned start = below(p, f->blocks + 1);
    unsigned nr = 1 + below(p, MAX_RUN);

    f->exists = 1;
    if (start + nr > MAX_BLOCKS) {
        nr = MAX_BLOCKS - start;
    }
    for (unsigned i = 0; i < nr; i++) {
        f->stamp[start + i] = ++p->stamp;
        fill(p, f, start + i, buffer() + i * BLOCK / sizeof(uint64_t));
    }
    if (pwrite(fd, buffer(), nr * BLOCK, (off_t)start * BLOCK) != nr * BLOCK) {
        die("write");
    }
    if (start + nr > f->blocks) {
        f->blocks = start + nr;
    }
    if (!below(p, 8) && fsync(fd)) {
        die("fsync");
    }
    close(fd);
}

static void verify(Process *p, File *f, int flags)
{
    static _Alignas(BLOCK) uint64_t wanted[BLOCK / sizeof(uint64_t)];
    int fd = open_file(p, f, O_RDONLY | flags);
    struct stat st;

    if (fstat(fd, &st) || st.st_size != (off_t)f->blocks * BLOCK) {
        die("%s/%u has %llu bytes, not %u blocks", p->folder, f->name,
            (unsigned long long)st.st_size, f->blocks);
    }
    for (unsigned i = 0; i < f->blocks; i++) {
        fill(p, f, i, wanted);
        if (pread(fd, buffer(), BLOCK, (off_t)i * BLOCK) != BLOCK) {
            die("read");
        }
        if (memcmp(buffer(), wanted, BLOCK)) {
            errno = 0;
            die("block %u of %s/%u differs", i, p->folder, f->name);
        }
        p->verified++;
    }
    close(fd);
}

static void truncate_file(Process *p, File *f)
{
    int fd = open_file(p, f, O_RDWR);
    unsigned blocks = below(p, MAX_BLOCKS + 1);

    if (ftruncate(fd, (off_t)blocks * BLOCK)) {
        die("ftruncate");
    }
    for (unsigned i = f->blocks; i < blocks; i++) {
        f->stamp[i] = 0;
    }
    f->blocks = blocks;
    close(fd);
}

static void punch(Process *p, File *f)
{
    int fd = open_file(p, f, O_RDWR);

    if (f->blocks) {
        unsigned start = below(p, f->blocks);
        unsigned nr = 1 + below(p, f->blocks - start);

        if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                      (off_t)start * BLOCK, (off_t)nr * BLOCK)) {
            die("fallocate");
        }
        memset(&f->stamp[start], 0, nr * sizeof(f->stamp[0]));
    }
    close(fd);
}

/* By rename, or by a link and the removal of the old name. */
static void rename_file(Process *p, File *f)
{
    char from[96], to[96];

    path_of(p, f, from);
    f->name = ++p->names;
    path_of(p, f, to);
    if (below(p, 2) ? rename(from, to) : link(from, to) || unlink(from)) {
        die("rename %s", from);
    }
}

static void remove_file(Process *p, File *f)
{
    char path[96];

    path_of(p, f, path);
    if (unlink(path)) {
        die("unlink %s", path);
    }
    f->name = ++p->names;
    f->exists = 0;
    f->blocks = 0;
}

static void make_folder(Process *p)
{
    char path[96], other[128];

    sprintf(path, "%s/d%u", p->folder, ++p->names);
    sprintf(other, "%s/link", path);
    if (mkdir(path, 0700) || symlink(path, other) || unlink(other) ||
        rmdir(path)) {
        die("mkdir %s", path);
    }
}

static void step(Process *p)
{
    File *f = &p->file[below(p, FILES)];
    unsigned what = below(p, 16);

    if (!f->exists) {
        write_blocks(p, f);
        return;
    }
    switch (what) {
    case 0 ... 6:
        write_blocks(p, f);
        break;
    case 7 ... 9:
        verify(p, f, 0);
        break;
    case 10:
        verify(p, f, O_DIRECT);
        break;
    case 11:
        truncate_file(p, f);
        break;
    case 12:
        punch(p, f);
        break;
    case 13:
        rename_file(p, f);
        break;
    case 14:
        remove_file(p, f);
        break;
    default:
        make_folder(p);
    }
}

static int each_process(Process *p, unsigned nr, void (*run)(Process *, time_t),
                        time_t until)
{
    int status, bad = 0;

    for (unsigned i = 0; i < nr; i++) {
        if (!fork()) {
            run(&p[i], until);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < nr; i++) {
        bad |= wait(&status) < 0 || status;
    }
    return bad;
}

static time_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

static void work(Process *p, time_t until)
{
    while (now() < until) {
        step(p);
        p->ops++;
    }
}

static void read_all(Process *p, time_t until)
{
    p->verified = 0;
    for (unsigned i = 0; i < FILES; i++) {
        if (p->file[i].exists) {
            verify(p, &p->file[i], 0);
        }
    }
}

static void drop_caches(void)
{
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

    sync();
    if (write(fd, "3", 1) != 1) {
        die("drop_caches");
    }
    close(fd);
}

int main(int argc, char **argv)
{
    unsigned nr = argc == 4 ? atoi(argv[3]) : 0;
    uint64_t ops = 0, verified = 0;
    Process *p;

    if (!nr || nr > MAX_PROCESSES) {
        printf("error=usage: fs-load FOLDER SECONDS PROCESSES\n");
        return 2;
    }
    p = mmap(NULL, nr * sizeof(*p), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        die("mmap");
    }
    for (unsigned i = 0; i < nr; i++) {
        p[i].random = time(NULL) * MAX_PROCESSES + i + 1;
        snprintf(p[i].folder, sizeof(p[i].folder), "%s/%u", argv[1], i);
        if (mkdir(p[i].folder, 0700)) {
            die("mkdir %s", p[i].folder);
        }
        for (unsigned f = 0; f < FILES; f++) {
            p[i].file[f].name = ++p[i].names;
        }
    }
    if (each_process(p, nr, work, now() + atoi(argv[2]))) {
        return 1;
    }
    drop_caches();
    if (each_process(p, nr, read_all, 0)) {
        return 1;
    }
    for (unsigned i = 0; i < nr; i++) {
        ops += p[i].ops;
        verified += p[i].verified;
    }
    printf("fs-ops=%llu\nfs-verified=%llu\n", (unsigned long long)ops,
           (unsigned long long)verified);
    return 0;
}
