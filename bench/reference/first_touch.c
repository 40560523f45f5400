// The floor of a restore: memory of so many bytes, asked for in huge pages as the engine does and
// touched for the first time by some threads. Where a host takes back what its guest has freed,
// that alone may take longer than a restore elsewhere. Prints the time by the clock as JSON.
//
//   ref_first_touch BYTES THREADS
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum { PAGE = 4096, THREADS_MOST = 64 };

struct part {
    pthread_t thread;
    char *begin, *end;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *touch(void *arg)
{
    const struct part *part = arg;
    for (char *p = part->begin; p < part->end; p += PAGE)
        *(volatile char *)p = 1;
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: ref_first_touch BYTES THREADS\n");
        return 2;
    }
    size_t bytes = strtoull(argv[1], NULL, 10), threads = strtoull(argv[2], NULL, 10);
    if (bytes == 0 || threads == 0 || threads > THREADS_MOST) {
        fprintf(stderr, "ref_first_touch: bytes and 1 to %d threads\n", THREADS_MOST);
        return 2;
    }
    struct part parts[THREADS_MOST];
    uint64_t begin = now_ns();
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("memory");
        return 1;
    }
    (void)madvise(memory, bytes, MADV_HUGEPAGE); // a wish
    for (size_t i = 0; i < threads; i++) {
        parts[i].begin = memory + bytes / threads * i;
        parts[i].end = i + 1 == threads ? memory + bytes : memory + bytes / threads * (i + 1);
        if (pthread_create(&parts[i].thread, NULL, touch, &parts[i]) != 0) {
            perror("thread");
            return 1;
        }
    }
    for (size_t i = 0; i < threads; i++)
        pthread_join(parts[i].thread, NULL);
    printf("{\"wall_ms\":%.1f}\n", (double)(now_ns() - begin) / 1e6);
    return 0;
}
