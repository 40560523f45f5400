// A test under a seed: drawn turns, checkpoints in between, also between the records of a push,
// deaths at any turn. A job that has died begins again from the last checkpoint, with the clock of
// that moment, and what the test has done since happens once more. That is what a job with outputs
// that are exactly once does, seen by who reads them: rows that the test has not taken are gone
// with the job and come again, those that it has taken must be among them, and nothing else.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/format/format.h"
#include "core/kit/kit_private.h"
#include "core/task/dead_letter.h"

enum {
    PARALLELISM_MOST = 4,
    DEATHS_MOST = 12,      // of one test
    CHECKPOINT_SELDOM = 4, // at most so many calls for one, on average
    SOON_ONE_IN = 2,       // checkpoints, behind which the job dies soon,
    SOON_TURNS = 16,       // within so many
    PIECES_ONE_IN = 2,     // pushes of several records
    PIECES_MOST = 4,       // of one
    LIVES_BITS = 9,        // a job lives up to so many turns, as a power of two
    LIVES_BITS_LEAST = 2,
    TURNS_MOST = 1000000, // without coming to rest
    CALM_ROUNDS = 2,      // of drawn turns without work, before all are asked
};

struct done {
    struct tm__kit_op op; // its text is this one's
    uint64_t cause;       // before it
    struct done *next;
};

// A row that came behind the checkpoint, and that the test has taken.
struct given {
    uint64_t cause;
    char *text;
    uint32_t size, node;
    bool again; // it has come again
};

struct tm__kit_trial {
    struct tm_kit_trial *args;
    struct tm_single random;
    uint64_t turns;   // that did something
    uint64_t dies_at; // of `turns`; 0: it lives on
    uint32_t deaths;
    uint32_t checkpoint_one_in; // calls
    bool replays;
    // The checkpoint that it goes back to, and what there is beside the job's own at that time.
    struct tm_restored *saved; // NULL: the beginning
    bool own;                  // else it is kit->restored
    struct tm_buf settled;
    struct tm__kit_end *ends;
    uint64_t cause;
    uint64_t arrivals; // rows that had come by then
    bool within;       // the push of that cause goes on behind it
    bool several;
    int64_t clock_ns;
    struct done *first, **last;     // what the test has done since
    struct tm__kit_op op, op_saved; // that is the cause, for the story; and of the checkpoint
    bool called, called_saved;      // there has been one
    struct given *given;
    uint32_t given_count, given_capacity;
    uint64_t *taken_at; // by node: of rows up to this cause all that had come have been taken
    // The first row of a replay that had not come before; its text is owned.
    struct given unknown;
    struct tm_buf story;
};

// --- drawing, telling ----------------------------------------------------------------------------

static uint32_t draw(struct tm__kit_trial *trial, uint32_t below)
{
    return (uint32_t)(tm_single_random(&trial->random) % below);
}

static void draw_life(struct tm__kit_trial *trial)
{
    uint32_t bits = LIVES_BITS_LEAST + draw(trial, LIVES_BITS - LIVES_BITS_LEAST + 1);
    bool dies = trial->args->kills && trial->deaths < DEATHS_MOST;
    uint64_t life = 1 + draw(trial, UINT32_C(1) << bits);
    trial->dies_at = dies ? trial->turns + life : 0;
}

// What a checkpoint is without shows in what comes right behind it.
static void draw_life_behind(struct tm__kit_trial *trial)
{
    bool dies = trial->args->kills && trial->deaths < DEATHS_MOST;
    if (draw(trial, SOON_ONE_IN) == 0 && dies)
        trial->dies_at = trial->turns + 1 + draw(trial, SOON_TURNS);
}

__attribute__((format(printf, 2, 3))) static int tell(struct tm__kit_trial *trial, const char *form,
                                                      ...)
{
    char line[200];
    va_list args;
    va_start(args, form);
    int length = vsnprintf(line, sizeof line, form, args);
    va_end(args);
    size_t size = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
    int rc = tm_buf_append(&trial->story, line, size);
    if (rc == 0)
        rc = tm_buf_append(&trial->story, "", 1);
    trial->story.size_bytes -= rc == 0; // the end of the text stays behind it
    return rc;
}

enum { CALL_BYTES = 100 };

// The call that is the cause, as a spec has it.
static const char *call_of(const struct tm_kit *kit, char text[CALL_BYTES])
{
    static const char *const names[] = {[TM__KIT_PUSH] = "push",
                                        [TM__KIT_WATERMARK] = "advance_watermark",
                                        [TM__KIT_ADVANCE] = "advance_clock",
                                        [TM__KIT_IDLE] = "idle",
                                        [TM__KIT_FINISH] = "finish"};
    const struct tm__kit_op *op = &kit->trial->op;
    text[0] = '\0';
    if (!kit->trial->called)
        return text;
    if (op->kind == TM__KIT_WATERMARK || op->kind == TM__KIT_ADVANCE)
        snprintf(text, CALL_BYTES, " (%s %lld)", names[op->kind], (long long)op->number);
    else if (op->source >= 0)
        snprintf(text, CALL_BYTES, " (%s %.60s)", names[op->kind],
                 kit->drive.graph->nodes[op->source].name);
    else
        snprintf(text, CALL_BYTES, " (%s)", names[op->kind]);
    return text;
}

static void begin_call(struct tm__kit_trial *trial, const struct tm__kit_op *op)
{
    trial->op = *op;
    trial->op.json = NULL; // it need not stay
    trial->called = true;
}

const char *tm_kit_story(const struct tm_kit *kit)
{
    return kit->trial == NULL || kit->trial->story.size_bytes == 0
               ? ""
               : (const char *)kit->trial->story.data;
}

static int no_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for a test");
}

// --- turns ---------------------------------------------------------------------------------------

static bool turn(struct tm_kit *kit)
{
    struct tm__kit_trial *trial = kit->trial;
    uint32_t workers = kit->drive.job->worker_count, who = draw(trial, workers + 2);
    if (who == workers)
        return tm_drive_turn_coordinator(&kit->drive);
    if (who == workers + 1)
        return tm_single_run(&kit->world.single, tm_single_random(&trial->random));
    return tm_drive_turn_worker(&kit->drive, who, draw(trial, UINT32_MAX));
}

int tm__kit_trial_rest(struct tm_kit *kit, struct tm_error *err)
{
    struct tm__kit_trial *trial = kit->trial;
    uint32_t calm = CALM_ROUNDS * (kit->drive.job->worker_count + 2);
    for (uint32_t turns = 0, idle = 0; turns < TURNS_MOST; turns++) {
        bool any = turn(kit);
        if (kit->drive.coordinator.error.code != 0) {
            *err = kit->drive.coordinator.error;
            return err->code;
        }
        trial->turns += any;
        if (trial->dies_at != 0 && trial->turns >= trial->dies_at)
            return TM__KIT_DIED;
        idle = any ? 0 : idle + 1;
        // Who found nothing to do may have asked another for it.
        if (idle >= calm && !tm_drive_turn_all(&kit->drive) && !tm_drive_turn_all(&kit->drive))
            return 0;
    }
    tm_error_set(err, TM_E_LIMIT, "the job does not come to rest: after %d turns there is more",
                 TURNS_MOST);
    tm_error_hint(err, "does a timer register another one for the same time, again and again?");
    return TM_E_LIMIT;
}

// --- what it goes back to ------------------------------------------------------------------------

static void forget_done(struct tm_kit *kit)
{
    struct tm__kit_trial *trial = kit->trial;
    for (struct done *done = trial->first, *next; done != NULL; done = next) {
        next = done->next;
        tm_mem_free(&kit->mem, done, sizeof *done + done->op.length);
    }
    trial->first = NULL;
    trial->last = &trial->first;
}

static void forget_given(struct tm_kit *kit)
{
    struct tm__kit_trial *trial = kit->trial;
    for (uint32_t i = 0; i < trial->given_count; i++)
        tm_mem_free(&kit->mem, trial->given[i].text, trial->given[i].size);
    trial->given_count = 0;
}

static void forget_unknown(struct tm_kit *kit)
{
    struct given *unknown = &kit->trial->unknown;
    if (unknown->text != NULL)
        tm_mem_free(&kit->mem, unknown->text, unknown->size);
    *unknown = (struct given){0};
}

// `saved` is the checkpoint from now on, `within` a push or behind what the test has done.
static int keep_place(struct tm_kit *kit, struct tm_restored *saved, bool own, bool within)
{
    struct tm__kit_trial *trial = kit->trial;
    const struct tm_buf *settled = &kit->drive.settled;
    if (trial->own)
        tm_restored_free(trial->saved);
    trial->saved = saved;
    trial->own = own;
    trial->cause = kit->cause;
    trial->arrivals = kit->arrivals;
    trial->within = within;
    trial->op_saved = trial->op;
    trial->called_saved = trial->called;
    trial->several = kit->several;
    trial->clock_ns = kit->world.clock_ns;
    memcpy(trial->ends, kit->ends, kit->node_count * sizeof *kit->ends);
    for (uint32_t n = 0; n < kit->node_count; n++)
        trial->taken_at[n] = kit->cause - within;
    forget_done(kit);
    forget_given(kit);
    trial->settled.size_bytes = 0;
    return settled->size_bytes == 0
               ? 0
               : tm_buf_append(&trial->settled, settled->data, settled->size_bytes);
}

static const char *where_of(const struct tm__kit_trial *trial)
{
    return trial->within ? "within" : "behind";
}

static int checkpoint(struct tm_kit *kit, bool within, struct tm_error *err)
{
    struct tm__kit_trial *trial = kit->trial;
    struct tm_restored *restored = NULL;
    char call[CALL_BYTES];
    int rc = tm__kit_checkpoint(kit, &restored, err);
    if (restored == NULL)
        return kit->failure.code == 0 && rc < 0 ? 0 : rc; // one that cannot be taken now
    // It is there, whatever happens to the job that is told so.
    trial->args->checkpoints++;
    if (rc < 0) {
        tm_restored_free(restored);
        return rc;
    }
    if (keep_place(kit, restored, true, within) != 0 ||
        tell(trial, "a checkpoint %s cause %llu%s\n", where_of(trial),
             (unsigned long long)kit->cause, call_of(kit, call)) != 0)
        return no_memory(err);
    draw_life_behind(trial);
    return rc;
}

static int keep_done(struct tm_kit *kit, const struct tm__kit_op *op, struct done **result)
{
    struct done *done = tm_mem_zalloc(&kit->mem, sizeof *done + op->length);
    if (done == NULL)
        return TM_E_MEMORY;
    *done = (struct done){.op = *op, .cause = kit->cause};
    done->op.json = (char *)(done + 1);
    if (op->length != 0)
        memcpy(done + 1, op->json, op->length);
    *result = done;
    return 0;
}

// --- rows that come again ------------------------------------------------------------------------

static bool takes_dead_letters(const struct tm_graph *graph, uint32_t sink)
{
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].dead_letter == (int32_t)sink)
            return true;
    return false;
}

// Without what the parallelism decides: the subtask in which a row failed.
static int text_of(struct tm_kit *kit, const struct tm_kit_row *row, struct given *given)
{
    const uint64_t subtask = UINT64_C(1) << TM_DEAD_LETTER_SUBTASK;
    const uint64_t *left_out = takes_dead_letters(kit->drive.graph, row->node) ? &subtask : NULL;
    struct tm_buf text;
    tm_buf_init(&text, &kit->mem);
    const struct tm_row *bytes = (const struct tm_row *)(const void *)row->bytes;
    int rc = tm_format_row_json(&text, row->schema, bytes, left_out);
    if (rc == 0 && row->schema->changelog)
        rc = tm_buf_append(&text, tm_row_kind_text(row->kind), 1);
    *given = (struct given){.cause = row->cause, .node = row->node};
    if (rc == 0) {
        given->text = tm_mem_alloc(&kit->mem, text.size_bytes);
        given->size = (uint32_t)text.size_bytes;
        rc = given->text == NULL ? TM_E_MEMORY : 0;
    }
    if (rc == 0)
        memcpy(given->text, text.data, text.size_bytes);
    tm_buf_fini(&text);
    return rc;
}

static int keep_given(struct tm_kit *kit, const struct tm_kit_row *row)
{
    struct tm__kit_trial *trial = kit->trial;
    if (trial->given_count == trial->given_capacity) {
        uint32_t capacity = trial->given_capacity == 0 ? 64 : trial->given_capacity * 2;
        struct given *all = tm_mem_realloc(
            &kit->mem, trial->given, trial->given_capacity * sizeof *all, capacity * sizeof *all);
        if (all == NULL)
            return TM_E_MEMORY;
        trial->given = all;
        trial->given_capacity = capacity;
    }
    int rc = text_of(kit, row, &trial->given[trial->given_count]);
    trial->given_count += rc == 0;
    return rc;
}

int tm__kit_trial_taken(struct tm_kit *kit, uint32_t sink)
{
    struct tm__kit_trial *trial = kit->trial;
    int rc = 0;
    for (uint32_t i = 0; i < kit->taken_count && rc == 0 && trial->args->kills; i++)
        if (kit->taken[i].arrival >= trial->arrivals)
            rc = keep_given(kit, &kit->taken[i]);
    trial->taken_at[sink] = kit->cause;
    return rc;
}

bool tm__kit_trial_came_before(struct tm_kit *kit, const struct tm_kit_row *row)
{
    struct tm__kit_trial *trial = kit->trial;
    struct given now;
    if (!trial->replays || row->cause > trial->taken_at[row->node])
        return false;
    if (text_of(kit, row, &now) != 0)
        return false; // it comes twice, which is told
    for (uint32_t i = 0; i < trial->given_count; i++) {
        struct given *given = &trial->given[i];
        if (given->again || given->node != now.node || given->cause != now.cause ||
            given->size != now.size || memcmp(given->text, now.text, now.size) != 0)
            continue;
        given->again = true;
        tm_mem_free(&kit->mem, now.text, now.size);
        return true;
    }
    if (trial->unknown.text == NULL)
        trial->unknown = now;
    else
        tm_mem_free(&kit->mem, now.text, now.size);
    return true;
}

static int differs(struct tm_kit *kit, const struct given *row, const char *what,
                   struct tm_error *err)
{
    enum { SHOWN = 200 };
    tm_error_set(err, TM_E_TEST_REPLAY,
                 "the job has died and begun again from a checkpoint, and the sink \"%s\" %s: "
                 "%.*s%s (cause %llu)",
                 kit->drive.graph->nodes[row->node].name, what,
                 (int)(row->size < SHOWN ? row->size : SHOWN), row->text,
                 row->size < SHOWN ? "" : "...", (unsigned long long)row->cause);
    tm_error_hint(err, "what a function keeps is to be in ctx.state: anything else is lost with "
                       "the process, and so is what follows from the order of rows of several "
                       "subtasks");
    kit->failure = *err;
    return err->code;
}

static int compare_given(struct tm_kit *kit, struct tm_error *err)
{
    const struct tm__kit_trial *trial = kit->trial;
    for (uint32_t i = 0; i < trial->given_count; i++)
        if (!trial->given[i].again)
            return differs(kit, &trial->given[i], "does not give again what it gave", err);
    if (trial->unknown.text != NULL)
        return differs(kit, &trial->unknown, "gives what it had not given", err);
    return 0;
}

// --- dying ---------------------------------------------------------------------------------------

static void go_back(struct tm_kit *kit)
{
    struct tm__kit_trial *trial = kit->trial;
    uint32_t left = 0;
    for (uint32_t i = 0; i < kit->row_count; i++) {
        if (kit->rows[i].arrival < trial->arrivals)
            kit->rows[left++] = kit->rows[i];
        else
            tm__kit_row_free(kit, &kit->rows[i]);
    }
    kit->row_count = left;
    kit->cause = trial->cause;
    trial->op = trial->op_saved;
    trial->called = trial->called_saved;
    kit->several = trial->several;
    kit->world.clock_ns = trial->clock_ns;
    memcpy(kit->ends, trial->ends, kit->node_count * sizeof *kit->ends);
    for (uint32_t i = 0; i < trial->given_count; i++)
        trial->given[i].again = false;
    forget_unknown(kit);
}

static int begin_anew(struct tm_kit *kit, struct tm_error *err)
{
    struct tm__kit_trial *trial = kit->trial;
    struct tm_restored *before = kit->restored;
    uint32_t parallelism = kit->drive.args.parallelism;
    char call[CALL_BYTES];
    if (kit->args.parallelism == 0)
        parallelism = tm__kit_trial_parallelism(trial);
    trial->args->rescales += parallelism != kit->drive.args.parallelism;
    trial->args->deaths++;
    trial->deaths++;
    if (tell(trial, "the job dies, of cause %llu%s\n", (unsigned long long)kit->cause,
             call_of(kit, call)) != 0)
        return no_memory(err);
    go_back(kit);
    char where[60] = "from the start";
    if (trial->saved != NULL)
        snprintf(where, sizeof where, "from the checkpoint %s cause %llu", where_of(trial),
                 (unsigned long long)trial->cause);
    if (tell(trial, "  and begins again %s, with parallelism %u\n", where, parallelism) != 0)
        return no_memory(err);
    kit->restored = trial->saved;
    int rc = tm__kit_begin_again(kit, parallelism, 0, (const char *)trial->settled.data,
                                 trial->settled.size_bytes, err);
    if (before != kit->restored)
        tm_restored_free(before);
    trial->own = false;
    draw_life(trial);
    return rc != 0 ? rc : tm__kit_rest(kit, err);
}

static int live_again(struct tm_kit *kit, struct tm_error *err)
{
    struct tm__kit_trial *trial = kit->trial;
    trial->replays = true;
    int rc = begin_anew(kit, err);
    for (const struct done *done = trial->first; done != NULL && rc == 0; done = done->next) {
        kit->cause = done->cause;
        begin_call(trial, &done->op);
        rc = tm__kit_apply(kit, &done->op, err);
    }
    trial->replays = false;
    if (rc < 0)
        kit->failure = *err;
    return rc != 0 ? rc : compare_given(kit, err);
}

static int until_it_lives(struct tm_kit *kit, int rc, struct tm_error *err)
{
    while (rc == TM__KIT_DIED)
        rc = live_again(kit, err);
    return rc;
}

// --- what a test does ----------------------------------------------------------------------------

static bool detects_idleness(const struct tm_graph *graph)
{
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].kind == TM_NODE_WATERMARK && graph->nodes[n].idle_ms != 0)
            return true;
    return false;
}

// Does time go by in which one source of several gives nothing, and holds back event time until it
// counts as idle? How long that is begins anew with a restart, as in production, so the test would
// notice.
static bool waits_for_a_source(const struct tm_kit *kit)
{
    const struct tm_graph *graph = kit->drive.graph;
    uint32_t timed = 0, silent = 0;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct tm__kit_end *end = &kit->ends[n];
        if (graph->nodes[n].kind != TM_NODE_SOURCE || !end->has_watermark)
            continue;
        timed++;
        silent += !end->has_ended && !end->is_idle && end->pushed_ns != kit->world.clock_ns;
    }
    return timed > 1 && silent != 0 && detects_idleness(graph);
}

static int apply(struct tm_kit *kit, const struct tm__kit_op *op, struct tm_error *err)
{
    struct tm__kit_trial *trial = kit->trial;
    int rc = 0;
    if (trial->args->kills && kit->failure.code == 0 && !tm__kit_has_ended(kit) &&
        !waits_for_a_source(kit) && draw(trial, trial->checkpoint_one_in) == 0)
        rc = until_it_lives(kit, checkpoint(kit, op->has_begun, err), err);
    if (rc != 0)
        return rc;
    struct done *done = NULL;
    if (keep_done(kit, op, &done) != 0)
        return no_memory(err);
    struct done **place = trial->last;
    *place = done;
    trial->last = &done->next;
    begin_call(trial, op);
    rc = until_it_lives(kit, tm__kit_apply(kit, op, err), err);
    if (rc < 0) { // refused, or the job has failed: it does not happen again
        *place = NULL;
        trial->last = place;
        tm_mem_free(&kit->mem, done, sizeof *done + done->op.length);
    }
    return rc;
}

static uint32_t count_lines(const char *text, size_t length)
{
    uint32_t lines = 0;
    for (size_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    return lines;
}

static size_t length_of_lines(const char *text, uint32_t lines)
{
    const char *end = text;
    while (lines-- != 0)
        end = strchr(end, '\n') + 1;
    return (size_t)(end - text);
}

// Into how many pieces a push goes, so that a checkpoint can come between its rows, as it can
// wherever rows are. Where the job makes its own watermarks they go behind batches: those of the
// test stay what they are.
static uint32_t draw_pieces(struct tm_kit *kit, const struct tm__kit_op *op, uint32_t *lines)
{
    struct tm__kit_trial *trial = kit->trial;
    *lines = op->kind == TM__KIT_PUSH ? count_lines(op->json, op->length) : 0;
    uint32_t most = *lines < PIECES_MOST ? *lines : PIECES_MOST;
    if (!trial->args->kills || kit->args.job_watermarks || most < 2 ||
        draw(trial, PIECES_ONE_IN) != 0)
        return 1;
    return 2 + draw(trial, most - 1);
}

int tm__kit_trial_apply(struct tm_kit *kit, const struct tm__kit_op *op, struct tm_error *err)
{
    uint32_t lines, pieces = draw_pieces(kit, op, &lines);
    size_t at = 0;
    int rc = 0;
    for (; pieces > 1 && rc == 0; pieces--) {
        uint32_t count = 1 + draw(kit->trial, lines - pieces + 1);
        struct tm__kit_op piece = *op;
        piece.json = op->json + at;
        piece.length = length_of_lines(piece.json, count);
        piece.has_begun = at != 0;
        piece.goes_on = true;
        rc = apply(kit, &piece, err);
        at += piece.length;
        lines -= count;
    }
    struct tm__kit_op rest = *op;
    rest.json = at == 0 ? op->json : op->json + at;
    rest.length = op->length - at;
    rest.has_begun = at != 0;
    return rc == 0 ? apply(kit, &rest, err) : rc;
}

int tm__kit_trial_restored(struct tm_kit *kit, struct tm_error *err)
{
    if (keep_place(kit, kit->restored, false, false) != 0)
        return no_memory(err);
    draw_life(kit->trial);
    return 0;
}

void tm__kit_trial_hold(struct tm_kit *kit)
{
    kit->trial->dies_at = 0;
}

// --- life ----------------------------------------------------------------------------------------

uint32_t tm__kit_trial_parallelism(struct tm__kit_trial *trial)
{
    return 1 + draw(trial, PARALLELISM_MOST);
}

int tm__kit_trial_new(struct tm_kit *kit, struct tm_kit_trial *args)
{
    struct tm__kit_trial *trial = tm_mem_zalloc(&kit->mem, sizeof *trial);
    if (trial == NULL)
        return TM_E_MEMORY;
    trial->args = args;
    args->tests++;
    trial->random.random = args->seed;
    trial->last = &trial->first;
    tm_buf_init(&trial->settled, &kit->mem);
    tm_buf_init(&trial->story, &kit->mem);
    kit->trial = trial;
    return 0;
}

int tm__kit_trial_begin(struct tm_kit *kit, struct tm_error *err)
{
    struct tm__kit_trial *trial = kit->trial;
    trial->ends = tm_mem_zalloc(&kit->mem, kit->node_count * sizeof *trial->ends);
    trial->taken_at = tm_mem_zalloc(&kit->mem, kit->node_count * sizeof *trial->taken_at);
    if (trial->ends == NULL || trial->taken_at == NULL ||
        keep_place(kit, NULL, false, false) != 0 ||
        tell(trial, "the job begins with parallelism %u\n", kit->drive.args.parallelism) != 0)
        return no_memory(err);
    trial->checkpoint_one_in = 1 + draw(trial, CHECKPOINT_SELDOM);
    draw_life(trial);
    return 0;
}

void tm__kit_trial_free(struct tm_kit *kit)
{
    struct tm__kit_trial *trial = kit->trial;
    if (trial == NULL)
        return;
    forget_done(kit);
    forget_given(kit);
    forget_unknown(kit);
    if (trial->own)
        tm_restored_free(trial->saved);
    if (trial->given != NULL)
        tm_mem_free(&kit->mem, trial->given, trial->given_capacity * sizeof *trial->given);
    if (trial->ends != NULL)
        tm_mem_free(&kit->mem, trial->ends, kit->node_count * sizeof *trial->ends);
    if (trial->taken_at != NULL)
        tm_mem_free(&kit->mem, trial->taken_at, kit->node_count * sizeof *trial->taken_at);
    tm_buf_fini(&trial->settled);
    tm_buf_fini(&trial->story);
    tm_mem_free(&kit->mem, trial, sizeof *trial);
    kit->trial = NULL;
}
