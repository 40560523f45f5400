// What each kind of thread of a run takes: the binary, linked so that the threads of workers are
// entered through here (ld's --wrap, bench/CMakeLists.txt). What users run has nothing of this in
// it. At the end TM_THREADS_OUT gets a line of JSON: CPU time of the workers' threads, of the first
// one, which plans and coordinates, and of the process; the difference is that of helper threads.
//
// With TM_THREADS_FROM=ROWS the line says, too, what the only worker had taken when its first
// source had read so many: what comes after it is of a job that is under way, whose states have
// grown and whose memory the system has given.
//
//   TM_THREADS_OUT=FILE threads run JOB.lua ...
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/task/job.h"
#include "core/task/task.h"

static unsigned long long from_rows, from_ns; // of the only worker's thread

static _Atomic unsigned long long workers_ns; // added by each worker's thread as it ends; read at
                                              // the exit, when all have been joined

static unsigned long long cpu_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (unsigned long long)t.tv_sec * 1000000000u + (unsigned long long)t.tv_nsec;
}

void __real_tm_worker_run(void *arg);
void __wrap_tm_worker_run(void *arg);
void __wrap_tm_worker_run(void *arg)
{
    __real_tm_worker_run(arg);
    atomic_fetch_add(&workers_ns, cpu_ns(CLOCK_THREAD_CPUTIME_ID));
}

int __real_tm_task_turn(struct tm_task *task, struct tm_error *err);
int __wrap_tm_task_turn(struct tm_task *task, struct tm_error *err);
int __wrap_tm_task_turn(struct tm_task *task, struct tm_error *err)
{
    if (from_rows != 0 && atomic_load_explicit(&tm_job_metrics(task->job, 0, 0)->rows_in,
                                               memory_order_relaxed) >= from_rows) {
        from_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
        from_rows = 0;
    }
    return __real_tm_task_turn(task, err);
}

__attribute__((constructor)) static void begin(void)
{
    const char *rows = getenv("TM_THREADS_FROM");
    from_rows = rows == NULL ? 0 : strtoull(rows, NULL, 10);
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("TM_THREADS_OUT");
    unsigned long long workers = atomic_load(&workers_ns);
    FILE *out = path == NULL || workers == 0 ? NULL : fopen(path, "w"); // 0: it ran no job itself
    if (out == NULL)
        return;
    fprintf(out, "{\"workers_ns\":%llu,\"from_ns\":%llu,\"first_ns\":%llu,\"process_ns\":%llu}\n",
            workers, from_ns, cpu_ns(CLOCK_THREAD_CPUTIME_ID), cpu_ns(CLOCK_PROCESS_CPUTIME_ID));
    fclose(out);
}
