// What a run reports: per operator and edge, at its end (report) and while it goes on (live lines
// on a terminal).
#pragma once

#include <stdio.h>

#include "core/cluster/coordinator.h"
#include "core/cluster/keeper.h"
#include "core/task/holder.h"
#include "core/task/job.h"
#include "core/task/sums.h"
#include "core/task/told.h"

// A name as a cell of `width` characters: cut or filled up, whole characters, into `cell`, which is
// returned.
enum { TM_CELL_MAX = 256 };
const char *tm_report_cell(const char *name, int width, char cell[TM_CELL_MAX]);

struct tm_saving;
struct tm_restarts;
struct tm_supervised;

struct tm_report {
    struct tm_job *job;
    enum tm_job_outcome outcome;
    int64_t wall_ns;
    const struct tm_error *error;                // of a failed job
    const struct tm_keeper_figures *checkpoints; // NULL: it takes none
    const struct tm_supervised *supervised;      // NULL: there is no supervisor
    const struct tm_restarts *restarts;
    // While it runs, by worker: what each has told last, or NULL. NULL at the end: then all is what
    // tasks have left in the job.
    struct tm_told *const *told;
    uint32_t told_count;
    uint32_t silent_workers; // whose figures are older than the question, or missing
};
// For people, to standard error.
void tm_report_print(const struct tm_report *report);
// One JSON object on one line, to standard error.
void tm_report_print_json(const struct tm_report *report);
const char *tm_report_outcome(enum tm_job_outcome outcome); // "finished"
// The same as an object, to be freed by the caller, also while the job runs: then `running` is what
// it does.
struct json_t *tm_report_json(const struct tm_report *report, const char *running);
// While the job runs, for Prometheus. TM_E_MEMORY; report_prometheus.c.
int tm_report_put_prometheus(const struct tm_report *report, const char *state,
                             int64_t memory_bytes, struct tm_buf *out) TM_WARN_UNUSED;
struct tm_prometheus;
void tm__report_put_told(struct tm_prometheus *p, const struct tm_report *report); // its part
void tm_report_edge_rows(struct tm_job *job, uint32_t edge, uint64_t *sent, uint64_t *received);
// An error as an object, to be freed by the caller: code, name, message, where, hint.
struct json_t *tm_report_error_json(const struct tm_error *err);
// The same of a job that could not begin: its failure, and no operators.
void tm_report_print_end_json(enum tm_job_outcome outcome, const struct tm_error *err);
// A finding as an object, to be freed by the caller: severity, code, name, message, where; file,
// line and column where they are known; hint.
struct json_t *tm_report_finding_json(const struct tm_finding *finding);
// What a command found wrong that gives its result as JSON: { "ok": false, "error": ... }, a line.
void tm_report_print_error_json(FILE *out, const struct tm_error *err);

// Texts as JSON: bytes that are no UTF-8 become U+FFFD.
struct json_t *tm_report_json_text(const char *text);

// Metrics of user code, by operator: for people, and as an array; report_metrics.c.
void tm_report_print_metrics(struct tm_job *job);
struct json_t *tm_report_metrics_json(struct tm_job *job);
// The same as lines of at most `width` characters, at most `capacity` of them; *lines counts on.
int tm_report_put_metrics(struct tm_job *job, int name_width, int width, uint32_t capacity,
                          struct tm_buf *text, uint32_t *lines) TM_WARN_UNUSED;

// Checkpoints of this run; report_checkpoints.c.
void tm_report_print_checkpoints(const struct tm_report *report);
void tm_report_put_checkpoints(const struct tm_report *report, struct json_t *root);
// The same as one line while it runs, without an end; "": none has been taken.
void tm_report_checkpoints_line(const struct tm_keeper_figures *figures, int64_t now_ms, char *line,
                                size_t size);

// Worker processes that crashed or hung before this one; report_supervised.c.
void tm_report_print_supervised(const struct tm_report *report);
void tm_report_put_supervised(const struct tm_report *report, struct json_t *root);
// Restarts in this process; report_restarts.c. Nothing for people where there were none.
void tm_report_print_restarts(const struct tm_report *report);
void tm_report_put_restarts(const struct tm_report *report, struct json_t *root);
// As one line of a run that goes on; "": there were none.
void tm_report_restarts_line(const struct tm_restarts *restarts, int64_t now_ms, char *line,
                             size_t size);

// What has not fired, and who holds its time; report_waiting.c.
void tm_report_print_waiting(const struct tm_report *report);
struct json_t *tm_report_waiting_json(const struct tm_report *report);
// "split in/x.jsonl of source payments", "subtask 2 of source payments", "watermark(ts)"
void tm_report_name_holder(const struct tm_holder *holder, char *text, size_t size);
bool tm_report_is_by_clock(const struct tm_node *node); // a window without event time
// What operators keep; report_kept.c.
void tm_report_print_kept(const struct tm_report *report);
void tm_report_put_kept(const struct tm_report *report, uint32_t node,
                        struct json_t *o); // "kept", where it keeps any
// Of an operator with the functions that are a part of it, whose keys are counted once.
struct tm_kept tm_report_kept_whole(const struct tm_report *report, uint32_t node);
// Goes over the states of an operator and its parts; false: there is no other.
struct tm_report_place {
    uint32_t node, state;
};
bool tm_report_next_state(const struct tm_report *report, uint32_t whole,
                          struct tm_report_place *at, const char **name, int64_t *bytes);

// Figures of one node over its subtasks, at the end or while the job runs; report_told.c.
#define TM_REPORT_ALL UINT32_MAX
struct tm_kept tm_report_kept(const struct tm_report *report, uint32_t node);
int64_t tm_report_kept_share(const struct tm_report *report, uint32_t node, uint32_t state);
struct tm_waiting tm_report_waiting(const struct tm_report *report, uint32_t node);
// Of a sink, or TM_REPORT_ALL, in ns, to be freed by free(). NULL: out of memory.
struct tm_histogram *tm_report_latency(const struct tm_report *report, uint32_t node);
// Errors by operator and code: of the first and the last of all.
enum { TM_REPORT_ERRORS_MAX = 256 };
struct tm_failure_kind;
struct tm_report_error {
    uint32_t node;
    int code;
    uint64_t count;
    int64_t first_ms, last_ms;
    const struct tm_error *first, *last;
    const struct tm_failure_kind *last_kind; // where `last` is NULL
};
struct tm_report_errors {
    uint32_t count;
    struct tm_report_error items[TM_REPORT_ERRORS_MAX];
};
void tm_report_merge_errors(const struct tm_report *report, struct tm_report_errors *errors);
// False: it cannot be shown.
bool tm_report_last_error(const struct tm_report *report, const struct tm_report_error *error,
                          struct tm_error *last);

// Live lines: one per operator, drawn over themselves a few times a second.
struct tm_live;
struct tm_screen;
// `operators`: a line for each; the tables of watched prints stand above them. NULL: out of memory.
struct tm_live *tm_live_new(struct tm_job *job, struct tm_screen *screen,
                            bool operators) TM_WARN_UNUSED;
// The tables of watched prints, whole, to standard output.
int tm_live_leave(struct tm_live *live, struct tm_error *err) TM_WARN_UNUSED;
// Checkpoints and restarts, which stand below the operators.
void tm_live_saving(struct tm_live *live, const struct tm_saving *saving,
                    const struct tm_restarts *restarts);
void tm_live_draw(struct tm_live *live, int64_t now_ns, int64_t now_ms);
void tm_live_clear(struct tm_live *live); // before other output
void tm_live_free(struct tm_live *live);
