// System calls by a filter (seccomp), the clock by the processor's flag: the C library reads clocks
// without a call.
#include "tests/sim/seal.h"

#include <jansson.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "core/base/sanitizer.h"

#define ALLOWED(call)                                       \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##call, 0, 1), \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

#if !TM_SANITIZED && defined(__x86_64__)
static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}
#endif

int sim_seal(void)
{
#if TM_SANITIZED || !defined(__x86_64__)
    return 0;
#else
    static struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOWED(write),
        // Memory
        ALLOWED(brk),
        ALLOWED(mmap),
        ALLOWED(munmap),
        ALLOWED(mremap),
        ALLOWED(mprotect),
        ALLOWED(madvise),
        ALLOWED(getrandom), // LuaJIT, for each state
        ALLOWED(futex),     // what is made at its first use wakes whoever waits: nobody
        // Ending, also by abort
        ALLOWED(exit_group),
        ALLOWED(rt_sigprocmask),
        ALLOWED(rt_sigaction),
        ALLOWED(rt_sigreturn),
        ALLOWED(gettid),
        ALLOWED(getpid),
        ALLOWED(tgkill),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    static const struct sock_fprog program = {.len = sizeof filter / sizeof filter[0],
                                              .filter = filter};
    int numbers[1024] = {0};
    qsort(numbers, 1024, sizeof numbers[0], compare); // which asks how much memory there is
    tzset();             // what the C library reads of the machine's time zone it reads now
    json_object_seed(1); // as the other libraries what they draw
    if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
#endif
}
