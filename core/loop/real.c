// The real world's clock, randomness and memory, and the table that holds it all.
#include "core/loop/real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/loop/real_private.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    TM_CHECK(clock_gettime(id, &ts) == 0); // fails only for a clock that does not exist
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t real_wall_ms(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME) / 1000000;
}

static int64_t real_mono_ns(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t real_cpu_ns(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static uint64_t real_random(void *ctx)
{
    (void)ctx;
    uint64_t value;
    ssize_t n;
    do
        n = getrandom(&value, sizeof(value), 0);
    while (n < 0 && errno == EINTR); // only while the kernel still gathers entropy after boot
    TM_CHECK(n == sizeof(value));    // tried in tm_real_init, so that this cannot fail for a user
    return value;
}

enum { HUGE_BYTES = 2 * 1024 * 1024 }; // a huge page of the usual machines

// What is large is reached at random as a rule: huge pages, where the system has them, spare most
// of the walks through page tables (keyed state: a sixth of the time of a row).
static void *real_alloc(void *ctx, size_t size)
{
    (void)ctx;
    if (TM_LIKELY(size < HUGE_BYTES))
        return malloc(size);
    void *p = NULL;
    if (posix_memalign(&p, HUGE_BYTES, size) != 0)
        return NULL;
    (void)madvise(p, size, MADV_HUGEPAGE); // a wish
    return p;
}

static void *real_realloc(void *ctx, void *p, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    return realloc(p, new_size);
}

static void real_free(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}

// The whole pages between the two addresses.
static void advise(void *p, size_t size, int advice)
{
    const uintptr_t page = 4096;
    uintptr_t from = ((uintptr_t)p + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)p + size) & ~(page - 1);
    if (from < to)
        (void)madvise((uint8_t *)p + (from - (uintptr_t)p), to - from, advice);
}

// A huge page costs a fifth of a millisecond, and several where a virtual machine asks its host.
static void real_touch(void *ctx, void *p, size_t size)
{
    (void)ctx;
#ifdef MADV_POPULATE_WRITE
    advise(p, size, MADV_POPULATE_WRITE); // older systems refuse: then writers wait
#else
    (void)p;
    (void)size;
#endif
}

static void real_give_back(void *ctx, void *p, size_t size)
{
    (void)ctx;
    advise(p, size, MADV_DONTNEED);
}

static const struct tm_fx_clock real_clock = {
    .wall_ms = real_wall_ms,
    .mono_ns = real_mono_ns,
    .cpu_ns = real_cpu_ns,
};
static const struct tm_fx_random real_random_table = {.next = real_random};
static const struct tm_fx_memory real_memory = {
    .alloc = real_alloc,
    .realloc = real_realloc,
    .free = real_free,
    .touch = real_touch,
    .give_back = real_give_back,
};

int tm_real_init(struct tm_fx *fx, struct tm_error *err)
{
    uint64_t probe;
    ssize_t n;
    do
        n = getrandom(&probe, sizeof(probe), 0);
    while (n < 0 && errno == EINTR);
    if (n != sizeof(probe))
        return tm_error_set_errno(err, TM_E_IO, errno, "the system gives no random numbers");
    *fx = (struct tm_fx){
        .ctx = NULL, // the real world is one and keeps nothing
        .clock = &real_clock,
        .random = &real_random_table,
        .files = &tm__real_files,
        .threads = &tm__real_threads,
        .memory = &real_memory,
        .sockets = &tm__real_sockets,
        .http = &tm__real_http,
    };
    return 0;
}

void tm_real_keep_standard_descriptors(void)
{
    // A descriptor of a path alone: it can be had in a root without /dev too, and reading and
    // writing fail, where the null device would swallow a job's rows.
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            TM_CHECK(open("/", O_PATH) == fd); // the lowest number that is free
}

void tm_real_fini(struct tm_fx *fx)
{
    *fx = (struct tm_fx){.ctx = NULL};
}
