// The floor of a checkpoint: as many bytes copied from memory that is in no cache, written to a
// file in large writes and synced, some number of times. Prints the CPU time of that as JSON.
//
//   ref_copy_write FILE BYTES TIMES
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 1 << 20, SOURCE_MOST = 1 << 30 };

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void must(int is_so, const char *what)
{
    if (is_so)
        return;
    perror(what);
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: ref_copy_write FILE BYTES TIMES\n");
        return 2;
    }
    size_t bytes = strtoull(argv[2], NULL, 10), times = strtoull(argv[3], NULL, 10);
    size_t size = bytes < PIECE ? PIECE : bytes > SOURCE_MOST ? SOURCE_MOST : bytes;
    char *source = malloc(size), *piece = malloc(PIECE);
    must(source != NULL && piece != NULL, "memory");
    memset(source, 0x5a, size);
    memset(piece, 0, PIECE);
    uint64_t begun_ns = cpu_ns();
    for (size_t i = 0; i < times; i++) {
        int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0666);
        must(fd >= 0, argv[1]);
        for (size_t done = 0; done < bytes;) {
            size_t n = bytes - done < PIECE ? bytes - done : PIECE;
            size_t at = done % size;
            memcpy(piece, source + (at + n <= size ? at : 0), n);
            must(write(fd, piece, n) == (ssize_t)n, argv[1]);
            done += n;
        }
        must(fdatasync(fd) == 0 && close(fd) == 0, argv[1]);
    }
    printf("{\"cpu_ns\":%llu}\n", (unsigned long long)(cpu_ns() - begun_ns));
    must(unlink(argv[1]) == 0, argv[1]);
    free(source);
    free(piece);
    return 0;
}
