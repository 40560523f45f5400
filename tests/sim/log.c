// The log's side: transactions, epochs, markers, and what becomes of a request on its way.
#include "tests/sim/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/planted.h"
#include "tests/sim/universe.h"

enum { AWAY_MS = 3000, LATE_MS = 8000, WAIT_MS = 500 };

void sim_log_fini(struct sim_log *log)
{
    for (uint32_t i = 0; i < log->line_count; i++)
        free(log->lines[i].text);
    for (uint32_t i = 0; i < log->late_count; i++)
        free((char *)log->late[i].request.rows);
    free(log->lines);
    free(log->transactions);
    *log = (struct sim_log){0};
}

uint32_t sim_log_writer(struct sim_log *log, const char *name)
{
    uint32_t w = 0;
    while (w < log->writer_count && strcmp(log->writers[w].name, name) != 0)
        w++;
    if (w == SIM_LOG_WRITERS_MAX)
        abort();
    if (w == log->writer_count) {
        log->writers[log->writer_count++] = (struct sim_log_writer){.open = -1};
        snprintf(log->writers[w].name, sizeof log->writers[w].name, "%s", name);
    }
    return w;
}

// --- transactions --------------------------------------------------------------------------------

static void *grow(void *p, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return p;
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    p = realloc(p, *capacity * size);
    if (p == NULL)
        abort();
    return p;
}

static struct sim_log_transaction *open_of(struct sim_log *log, const struct sim_log_writer *writer)
{
    return writer->open < 0 ? NULL : &log->transactions[writer->open];
}

static void end(struct sim_log *log, struct sim_log_writer *writer, enum sim_log_state state)
{
    struct sim_log_transaction *open = open_of(log, writer);
    open->state = state;
    open->late = open->late || open->fenced;
    writer->open = -1;
}

// The transaction of a request, which begins with it.
static struct sim_log_transaction *begin(struct sim_universe *universe,
                                         const struct sim_log_request *request)
{
    struct sim_log *log = &universe->log;
    struct sim_log_writer *writer = &log->writers[request->writer];
    if (writer->open >= 0)
        return open_of(log, writer);
    log->transactions = grow(log->transactions, log->transaction_count, &log->transaction_capacity,
                             sizeof *log->transactions);
    writer->open = log->transaction_count;
    log->transactions[log->transaction_count++] =
        (struct sim_log_transaction){.writer = request->writer,
                                     .epoch = request->epoch,
                                     .process = request->process,
                                     .begun_ns = universe->mono_ns,
                                     .fenced = request->epoch < writer->epoch};
    return open_of(log, writer);
}

static void add_rows(struct sim_log *log, uint32_t transaction, const char *rows, size_t size)
{
    for (const char *at = rows; at < rows + size;) {
        const char *line_end = memchr(at, '\n', (size_t)(rows + size - at));
        size_t length = line_end == NULL ? (size_t)(rows + size - at) : (size_t)(line_end - at);
        log->lines = grow(log->lines, log->line_count, &log->line_capacity, sizeof *log->lines);
        log->lines[log->line_count++] =
            (struct sim_log_line){.transaction = transaction, .text = strndup(at, length)};
        at += length + 1;
    }
}

// --- requests ------------------------------------------------------------------------------------

static struct sim_log_answer answer_of(enum sim_log_result result)
{
    return (struct sim_log_answer){.result = result};
}

static struct sim_log_answer begin_epoch(struct sim_universe *universe,
                                         const struct sim_log_request *request)
{
    struct sim_log *log = &universe->log;
    struct sim_log_writer *writer = &log->writers[request->writer];
    struct sim_log_transaction *open = open_of(log, writer);
    if (open != NULL) {
        open->fenced = true;
        if (!TM_PLANTED(log_fences_nothing)) {
            end(log, writer, SIM_LOG_ABORTED);
            open->late = false; // it was aborted by this
        }
    }
    writer->requests = 0;
    return (struct sim_log_answer){.result = SIM_LOG_OK, .epoch = ++writer->epoch};
}

// Rows, or a marker. In an epoch each counts once, also behind the end of its transaction.
static struct sim_log_answer produce(struct sim_universe *universe,
                                     const struct sim_log_request *request)
{
    struct sim_log *log = &universe->log;
    struct sim_log_writer *writer = &log->writers[request->writer];
    bool of_epoch = request->epoch == writer->epoch;     // else a planted mistake lets it in
    if (of_epoch && request->number != writer->requests) // it was here before
        return answer_of(request->number < writer->requests ? SIM_LOG_OK : SIM_LOG_NOTHING_OPEN);
    struct sim_log_transaction *t = begin(universe, request);
    writer->requests += of_epoch;
    if (request->kind == SIM_LOG_MARK) {
        t->marker = request->marker;
        return answer_of(SIM_LOG_OK);
    }
    t->late = t->late || t->fenced;
    add_rows(log, (uint32_t)(t - log->transactions), request->rows, request->size);
    return answer_of(SIM_LOG_OK);
}

static struct sim_log_answer commit(struct sim_universe *universe,
                                    const struct sim_log_request *request)
{
    struct sim_log *log = &universe->log;
    struct sim_log_writer *writer = &log->writers[request->writer];
    struct sim_log_transaction *open = open_of(log, writer);
    if (open == NULL)
        return answer_of(SIM_LOG_NOTHING_OPEN);
    sim_shows(universe, NULL);
    if (open->marker != 0)
        writer->marker = open->marker;
    end(log, writer, SIM_LOG_COMMITTED);
    return answer_of(SIM_LOG_OK);
}

static struct sim_log_answer tell_marker(const struct sim_log *log,
                                         const struct sim_log_writer *writer)
{
    bool unstable = writer->open >= 0 && log->transactions[writer->open].marker != 0;
    return (struct sim_log_answer){.result = unstable ? SIM_LOG_UNSTABLE : SIM_LOG_OK,
                                   .marker = writer->marker};
}

static struct sim_log_answer carry_out(struct sim_universe *universe,
                                       const struct sim_log_request *request)
{
    struct sim_log *log = &universe->log;
    struct sim_log_writer *writer = &log->writers[request->writer];
    if (request->kind == SIM_LOG_BEGIN)
        return begin_epoch(universe, request);
    if (request->kind == SIM_LOG_MARKER)
        return tell_marker(log, writer);
    if (request->epoch != writer->epoch && !TM_PLANTED(log_fences_nothing)) {
        universe->saw[SIM_SAW_log_fenced]++;
        return answer_of(SIM_LOG_FENCED);
    }
    return request->kind == SIM_LOG_COMMIT ? commit(universe, request) : produce(universe, request);
}

// --- on the way ----------------------------------------------------------------------------------

static void delay(struct sim_universe *universe, const struct sim_log_request *request, bool again)
{
    struct sim_log *log = &universe->log;
    if (log->late_count == SIM_LOG_LATE_MAX)
        return;
    struct sim_log_late *late = &log->late[log->late_count++];
    late->request = *request;
    late->request.rows = request->size == 0 ? NULL : strndup(request->rows, request->size);
    bool meets = again && log->meets_next && request->kind == SIM_LOG_COMMIT;
    late->meets = meets ? log->transaction_count : 0;
    int64_t late_ns = log->late_ns != 0
                          ? (int64_t)sim_magnitude(&universe->calls, (uint64_t)log->late_ns)
                          : (int64_t)sim_magnitude(&universe->calls, LATE_MS) * 1000000;
    late->at_ns = universe->mono_ns + late_ns;
}

// What meets the next transaction waits for that, but not for ever.
static bool is_due(const struct sim_universe *universe, const struct sim_log_late *late)
{
    int64_t longer_ns = late->meets != 0 ? (int64_t)LATE_MS * 1000000 : 0;
    bool met = late->meets != 0 && universe->log.writers[late->request.writer].open >= late->meets;
    return met || late->at_ns + longer_ns <= universe->mono_ns;
}

// Those that are in the same transaction stay in their order: a connection keeps it.
static void deliver_late(struct sim_universe *universe)
{
    struct sim_log *log = &universe->log;
    while (log->late_count != 0 && is_due(universe, &log->late[0])) {
        struct sim_log_late late = log->late[0];
        memmove(&log->late[0], &log->late[1], --log->late_count * sizeof *log->late);
        struct sim_log_answer answer = carry_out(universe, &late.request);
        universe->saw[SIM_SAW_log_late_refused] += answer.result == SIM_LOG_FENCED;
        free((char *)late.request.rows);
    }
}

// The writer of one that took too long is fenced with it.
static void expire(struct sim_universe *universe)
{
    struct sim_log *log = &universe->log;
    for (uint32_t w = 0; w < log->writer_count; w++) {
        const struct sim_log_transaction *open = open_of(log, &log->writers[w]);
        if (open == NULL || universe->mono_ns - open->begun_ns < log->timeout_ns)
            continue;
        end(log, &log->writers[w], SIM_LOG_ABORTED);
        log->writers[w].epoch++;
        universe->saw[SIM_SAW_log_expired]++;
        sim_tell(universe, "  the log aborts a transaction of %s, which took too long",
                 log->writers[w].name);
    }
}

void sim_log_turn(struct sim_universe *universe)
{
    if (universe->log.writer_count == 0)
        return;
    deliver_late(universe);
    expire(universe);
}

static struct sim_log_answer wait_in_vain(struct sim_universe *universe)
{
    universe->mono_ns += (int64_t)WAIT_MS * 1000000;
    return answer_of(SIM_LOG_NO_ANSWER);
}

static bool is_away(struct sim_universe *universe)
{
    struct sim_log *log = &universe->log;
    if (universe->calm)
        return false;
    if (universe->mono_ns < log->away_until_ns)
        return true;
    if (!sim_happens(universe, SIM_log_away))
        return false;
    sim_fault(universe, SIM_log_away, "");
    log->away_until_ns =
        universe->mono_ns + (int64_t)sim_magnitude(&universe->calls, AWAY_MS) * 1000000;
    return true;
}

static bool fails(struct sim_universe *universe, enum sim_fault fault)
{
    if (!sim_happens(universe, fault))
        return false;
    sim_fault(universe, fault, "");
    return true;
}

struct sim_log_answer sim_log_call(struct sim_universe *universe,
                                   const struct sim_log_request *request)
{
    sim_trace(universe, request->kind * 131 + request->epoch);
    sim_log_turn(universe);
    if (is_away(universe))
        return wait_in_vain(universe);
    if (fails(universe, SIM_log_late)) {
        delay(universe, request, false);
        return wait_in_vain(universe);
    }
    struct sim_log_answer answer = carry_out(universe, request);
    if (fails(universe, SIM_log_twice)) // sent again, and the first one comes late
        delay(universe, request, true);
    if (fails(universe, SIM_log_unheard))
        return wait_in_vain(universe);
    return answer;
}
