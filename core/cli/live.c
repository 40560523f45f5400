// Live lines on a terminal: what each operator does right now.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "connectors/stdio/stdio.h"
#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/cli/report.h"
#include "core/cli/saving.h"
#include "core/cli/screen.h"
#include "core/task/task.h"

enum {
    FIGURES_WIDTH = 64, // all columns but the name
    NAME_WIDTH_MIN = 8,
    NAME_WIDTH_MAX = 32,
    WATCH_LINES_MIN = 4, // of a table: a heading, a row, how many more, and the line between two
};

struct tm_live {
    const struct tm_saving *saving; // NULL: checkpoints and restarts are not shown
    const struct tm_restarts *restarts;
    struct tm_job *job;
    struct tm_screen *screen;
    struct tm_operator_sums *before;
    uint64_t *blocked_before; // per task, ns
    int64_t drawn_ns;
    struct tm_buf text;
    bool operators; // a line for each
};

struct tm_live *tm_live_new(struct tm_job *job, struct tm_screen *screen, bool operators)
{
    struct tm_live *live = tm_mem_zalloc(job->mem, sizeof *live);
    if (live == NULL)
        return NULL;
    live->job = job;
    live->screen = screen;
    live->operators = operators;
    tm_buf_init(&live->text, job->mem);
    live->before = tm_mem_zalloc(job->mem, job->graph->node_count * sizeof *live->before);
    live->blocked_before = tm_mem_zalloc(job->mem, job->task_count * sizeof *live->blocked_before);
    if (live->before == NULL || live->blocked_before == NULL) {
        tm_live_free(live);
        return NULL;
    }
    return live;
}

void tm_live_free(struct tm_live *live)
{
    struct tm_job *job = live->job;
    tm_buf_fini(&live->text);
    tm_mem_free(job->mem, live->before, job->graph->node_count * sizeof *live->before);
    tm_mem_free(job->mem, live->blocked_before, job->task_count * sizeof *live->blocked_before);
    tm_mem_free(job->mem, live, sizeof *live);
}

void tm_live_clear(struct tm_live *live)
{
    tm_screen_clear(live->screen);
}

// Share of the interval that the tasks of a node's chain were held back by their outputs, in
// percent.
static double blocked_share(struct tm_live *live, uint32_t node, double interval_ns)
{
    struct tm_job *job = live->job;
    uint64_t blocked = 0;
    uint32_t tasks = 0;
    for (uint32_t t = 0; t < job->task_count; t++) {
        const struct tm_chain *chain = job->tasks[t].ctx.chain;
        bool mine = false;
        for (uint32_t i = 0; i < chain->node_count; i++)
            mine = mine || chain->nodes[i] == node;
        if (!mine)
            continue;
        blocked += atomic_load_explicit(&job->tasks[t].blocked_ns, memory_order_relaxed) -
                   live->blocked_before[t];
        tasks++;
    }
    return tasks == 0 ? 0 : 100.0 * (double)blocked / (interval_ns * tasks);
}

static double percent(double share)
{
    return share > 100 ? 100 : share;
}

static int put_operator(struct tm_live *live, uint32_t n, int name_width, double interval_ns,
                        int64_t now_ms)
{
    struct tm_job *job = live->job;
    struct tm_operator_sums now, *before = &live->before[n];
    if (!tm_job_sums(job, n, &now))
        return 0;
    char name[TM_CELL_MAX], in[32], out[32], late[32], errors[32], lag[32] = "-";
    tm_text_count((int64_t)((double)(now.rows_in - before->rows_in) * 1e9 / interval_ns), in);
    tm_text_count((int64_t)((double)(now.rows_out - before->rows_out) * 1e9 / interval_ns), out);
    tm_text_count((int64_t)now.late, late);
    tm_text_count((int64_t)(now.skipped + now.dead_lettered + now.failed_timers +
                            now.failed_firings + now.failed_keys),
                  errors);
    if (now.watermark > 0 && now.watermark < TM_INT_MAX)
        tm_text_duration(now_ms - now.watermark, lag);
    double busy = 100.0 * (double)(now.busy_ns - before->busy_ns) /
                  (interval_ns * (double)tm_job_node_parallelism(job, n));
    double held = blocked_share(live, n, interval_ns);
    *before = now;
    return tm_buf_printf(&live->text, "%s %11s %11s %9s %8s %8s %4.0f%% %4.0f%%\n",
                         tm_report_cell(job->graph->nodes[n].name, name_width, name), in, out, lag,
                         late, errors, percent(busy), percent(held));
}

// What the node's print keeps up to date, or NULL.
static struct tm_watch *watch_of(const struct tm_job *job, uint32_t n)
{
    const struct tm_node *node = &job->graph->nodes[n];
    bool is_print = node->kind == TM_NODE_SINK && strcmp(node->connector, "print") == 0;
    return is_print ? tm_print_watch(job->shared[n]) : NULL;
}

// A line that reaches the edge would wrap, and the count of lines to take away would be wrong.
static int fit_name(uint32_t columns)
{
    int width = (int)columns - 1 - FIGURES_WIDTH;
    return width > NAME_WIDTH_MAX ? NAME_WIDTH_MAX : width;
}

static uint32_t count_watches(const struct tm_live *live)
{
    uint32_t count = 0;
    for (uint32_t n = 0; n < live->job->graph->node_count; n++)
        count += watch_of(live->job, n) != NULL;
    return count;
}

// The first tables of the job, at most `most` of them, each of at most `rows` lines.
static int put_watches(struct tm_live *live, uint32_t columns, uint32_t rows, uint32_t most,
                       uint32_t *lines)
{
    int rc = 0;
    for (uint32_t n = 0; rc == 0 && n < live->job->graph->node_count; n++) {
        struct tm_watch *watch = watch_of(live->job, n);
        uint32_t mine;
        if (watch == NULL || most == 0)
            continue;
        most--;
        if (*lines != 0) {
            rc = tm_buf_append(&live->text, "\n", 1);
            (*lines)++;
        }
        rc = rc != 0 ? rc : tm_watch_draw(watch, columns, rows, &live->text, &mine);
        *lines += rc == 0 ? mine : 0;
    }
    return rc;
}

static uint32_t count_operators(const struct tm_graph *graph)
{
    uint32_t count = 0;
    for (uint32_t n = 0; n < graph->node_count; n++)
        count += graph->nodes[n].whole == n;
    return count;
}

// A line below the operators, cut at the edge.
static int put_line(struct tm_live *live, const char *line, uint32_t columns, uint32_t *lines)
{
    size_t length = strlen(line);
    if (length == 0)
        return 0;
    length = length < columns ? length : columns - 1;
    while (length > 0 && !tm_text_is_utf8((const uint8_t *)line, length))
        length--; // never cuts a character
    (*lines)++;
    return tm_buf_printf(&live->text, "%.*s\n", (int)length, line);
}

static int put_saving(struct tm_live *live, uint32_t columns, uint32_t rows, int64_t now_ms,
                      uint32_t *lines)
{
    char line[256];
    struct tm_keeper_figures figures = tm_saving_figures(live->saving);
    tm_report_checkpoints_line(&figures, now_ms, line, sizeof line);
    int rc = put_line(live, line, columns, lines);
    tm_report_restarts_line(live->restarts, now_ms, line, sizeof line);
    return rc == 0 && *lines + 1 < rows ? put_line(live, line, columns, lines) : rc;
}

static int put_operators(struct tm_live *live, uint32_t columns, uint32_t rows, int64_t now_ms,
                         double interval_ns, uint32_t *lines)
{
    uint32_t count = count_operators(live->job->graph);
    int name_width = fit_name(columns);
    if (name_width < NAME_WIDTH_MIN || rows < 6)
        return 0; // no room for a table: none
    int rc =
        tm_buf_printf(&live->text, "%-*s %11s %11s %9s %8s %8s %5s %5s\n", name_width, "operator",
                      "rows/s in", "rows/s out", "lag", "late", "errors", "busy", "held");
    uint32_t shown = count + 2 > rows ? rows - 3 : count;
    for (uint32_t n = 0, lines_left = shown; rc == 0 && lines_left != 0; n++) {
        lines_left -= live->job->graph->nodes[n].whole == n;
        rc = put_operator(live, n, name_width, interval_ns, now_ms);
    }
    if (rc == 0 && shown < count)
        rc = tm_buf_printf(&live->text, "... and %u more\n", count - shown);
    uint32_t used = 1 + shown + (shown < count), metrics = 0;
    if (rc == 0 && used + 1 < rows)
        rc = tm_report_put_metrics(live->job, name_width, (int)columns - 1, rows - used - 1,
                                   &live->text, &metrics);
    used += metrics;
    if (rc == 0 && live->saving != NULL && used + 1 < rows)
        rc = put_saving(live, columns, rows, now_ms, &used);
    *lines += used;
    return rc;
}

// Tables get what the operators' lines leave: a third of the screen is theirs.
static int put_lines(struct tm_live *live, int64_t now_ms, double interval_ns, uint32_t *lines)
{
    uint32_t columns, rows, watches = count_watches(live);
    tm_screen_size(&columns, &rows);
    live->text.size_bytes = 0;
    *lines = 0;
    uint32_t for_operators = watches == 0 ? rows : rows / 3;
    int rc = 0;
    if (watches != 0 && rows > 6) {
        uint32_t free = rows - 2 - (live->operators ? for_operators : 0);
        uint32_t each = free / watches < WATCH_LINES_MIN ? WATCH_LINES_MIN : free / watches;
        rc = put_watches(live, columns - 1, each - 1, free / each, lines);
        if (rc == 0 && *lines != 0 && live->operators) {
            rc = tm_buf_append(&live->text, "\n", 1);
            (*lines)++;
        }
    }
    if (rc == 0 && live->operators)
        rc = put_operators(live, columns, for_operators, now_ms, interval_ns, lines);
    return rc;
}

int tm_live_leave(struct tm_live *live, struct tm_error *err)
{
    const struct tm_fx *fx = live->job->fx;
    uint32_t lines = 0, columns, rows;
    tm_screen_size(&columns, &rows);
    live->text.size_bytes = 0;
    int rc = put_watches(live, columns - 1, UINT32_MAX, UINT32_MAX, &lines); // as wide as before
    if (rc != 0)
        return tm_error_set(err, rc, "out of memory for the table");
    return lines == 0 ? 0
                      : fx->files->write_all(fx->ctx, STDOUT_FILENO, live->text.data,
                                             live->text.size_bytes, NULL, err);
}

void tm_live_saving(struct tm_live *live, const struct tm_saving *saving,
                    const struct tm_restarts *restarts)
{
    live->saving = saving;
    live->restarts = restarts;
}

void tm_live_draw(struct tm_live *live, int64_t now_ns, int64_t now_ms)
{
    struct tm_job *job = live->job;
    double interval_ns = live->drawn_ns == 0 ? 1e9 : (double)(now_ns - live->drawn_ns);
    uint32_t lines;
    live->drawn_ns = now_ns;
    if (put_lines(live, now_ms, interval_ns, &lines) == 0)
        tm_screen_draw(live->screen, &live->text, lines);
    for (uint32_t t = 0; t < job->task_count; t++)
        live->blocked_before[t] =
            atomic_load_explicit(&job->tasks[t].blocked_ns, memory_order_relaxed);
}
