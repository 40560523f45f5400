// Rows that failed: counted by operator and code, then skipped, sent to the dead letters, or the
// end of the job.
#include <ctype.h>
#include <stdio.h>

#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/format/format.h"
#include "core/task/task.h"

enum { RECORD_SHOWN_BYTES = 300, NOT_READ_BYTES = 160 };

// A chunk's message may end in a hint of its own (lua/codegen/failures.lua).
static const char hint_mark[] = "\n  hint: ";

static const char *own_hint(const struct tm_row_failure *failure)
{
    const char *hint =
        memmem(failure->message, failure->message_length, hint_mark, sizeof hint_mark - 1);
    return hint == NULL ? NULL : hint + sizeof hint_mark - 1;
}

static const char *hint_of(const struct tm_row_failure *failure)
{
    if (failure->code == TM_E_NULL_KEY)
        return "drop such rows with :filter before key_by, or declare the field `required` at the "
               "source";
    if (failure->code == TM_E_NULL_TIMESTAMP)
        return "declare the field `required`, or filter such rows out before :watermark";
    return NULL;
}

// What mends this row, and how to go on without it where that is not what happens already.
static void put_hint(struct tm_error *err, const struct tm_row_failure *failure, const char *hint,
                     size_t hint_length)
{
    const char *go_on = "";
    if (failure->node->on_error == TM_ON_ERROR_FAIL && failure->node->kind == TM_NODE_SOURCE)
        go_on = "to go on without such records: on_error = \"skip\" in the source, or a sink for "
                "dead letters: on_error = tm.file { path = \"dead.jsonl\" }";
    else if (failure->node->on_error == TM_ON_ERROR_FAIL && failure->node->kind == TM_NODE_SINK)
        go_on = "to go on without such rows: on_error = \"skip\" in the sink, or another for dead "
                "letters: on_error = tm.file { path = \"dead.jsonl\" }";
    else if (failure->node->on_error == TM_ON_ERROR_FAIL)
        go_on = "to go on without such rows: :on_error(\"skip\") after the operator, or a sink for "
                "dead letters: :on_error(tm.file { path = \"dead.jsonl\" })";
    tm_error_hint(err, "%.*s%s%s", (int)hint_length, hint == NULL ? "" : hint,
                  hint_length != 0 && go_on[0] != '\0' ? "\n" : "", go_on);
}

// What was read, as text: bytes that are not, as \xNN.
static int show_raw(struct tm_buf *text, const uint8_t *raw, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    size_t shown = length < RECORD_SHOWN_BYTES ? length : RECORD_SHOWN_BYTES;
    int rc = 0;
    for (size_t i = 0, n; rc == 0 && i < shown; i += n) {
        for (n = 1; n < 4 && i + n < length && !tm_text_is_utf8(raw + i, n);)
            n++;
        bool is_text = tm_text_is_utf8(raw + i, n) && raw[i] >= 0x20 && raw[i] != 0x7f;
        if (!is_text)
            n = 1;
        const uint8_t escape[] = {'\\', 'x', (uint8_t)digits[raw[i] >> 4],
                                  (uint8_t)digits[raw[i] & 15]};
        rc = is_text ? tm_buf_append(text, raw + i, n) : tm_buf_append(text, escape, 4);
    }
    if (rc == 0 && shown < length)
        rc = tm_buf_append(text, "...", 3);
    return rc;
}

// The columns of the failed row that hold nothing because no operator reads them: printed as null
// they would say what is not so. NULL: none.
static const uint64_t *unread_of(const struct tm_job *job, const struct tm_row_failure *failure)
{
    const struct tm_node *of = failure->row_of == NULL ? failure->node : failure->row_of;
    return of->input_count <= failure->input ? NULL
                                             : job->graph->nodes[of->inputs[failure->input]].unread;
}

// " (not read: note, country)", nothing when all were.
static void list_unread(const struct tm_schema *schema, const uint64_t *unread, char *out,
                        size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t i = 0; unread != NULL && i < schema->field_count; i++) {
        if ((unread[i >> 6] >> (i & 63) & 1) == 0 ||
            (schema->fields[i].flags & TM_FIELD_HIDDEN) != 0)
            continue;
        const char *name = schema->fields[i].name;
        if (used + strlen(name) + sizeof " (not read: ...)" >= size) {
            used += (size_t)snprintf(out + used, size - used, ", ...");
            break;
        }
        used += (size_t)snprintf(out + used, size - used, "%s%s", used == 0 ? " (not read: " : ", ",
                                 name);
    }
    if (used != 0)
        snprintf(out + used, size - used, ")");
}

// "job.lua:12: text" -> the length of "job.lua:12", or 0. The job of `run -e` is called -e.
static size_t place_length(const char *message, size_t length)
{
    const char *colon = memmem(message, length, ".lua:", 5);
    size_t i = length > 3 && memcmp(message, "-e:", 3) == 0 ? 3 : 0;
    if (i == 0 && (colon == NULL || colon - message > 200 ||
                   memchr(message, '\n', (size_t)(colon - message)) != NULL))
        return 0;
    i = i != 0 ? i : (size_t)(colon - message) + 5;
    size_t digits = i;
    while (i < length && isdigit((unsigned char)message[i]))
        i++;
    return i > digits && i < length && message[i] == ':' ? i : 0;
}

static void describe(struct tm_error *err, const struct tm_row_failure *failure,
                     const struct tm_buf *row_json, const uint64_t *unread)
{
    const char *hint = own_hint(failure);
    size_t message_length = failure->message_length, hint_length = 0;
    if (hint != NULL) {
        hint_length = (size_t)(failure->message + message_length - hint);
        message_length -= hint_length + sizeof hint_mark - 1;
    } else if ((hint = hint_of(failure)) != NULL) {
        hint_length = strlen(hint);
    }
    size_t place = place_length(failure->message, message_length);
    const char *text = failure->message + place;
    size_t length = message_length - place;
    while (place != 0 && length != 0 && (*text == ':' || *text == ' ')) {
        text++;
        length--;
    }
    size_t shown =
        row_json->size_bytes > RECORD_SHOWN_BYTES ? RECORD_SHOWN_BYTES : row_json->size_bytes;
    const char *record = (const char *)row_json->data;
    const char *more = row_json->size_bytes > shown ? "..." : "";
    while (shown > 0 && !tm_text_is_utf8(record, shown))
        shown--; // never cuts a character
    struct tm_buf raw;
    tm_buf_init(&raw, row_json->mem);
    if (shown == 0 && failure->raw != NULL &&
        show_raw(&raw, failure->raw, failure->raw_length) == 0) {
        record = (const char *)raw.data;
        shown = raw.size_bytes;
    }
    char not_read[NOT_READ_BYTES] = "";
    if (row_json->size_bytes != 0)
        list_unread(failure->schema, unread, not_read, sizeof not_read);
    tm_error_set(err, failure->code, "%s '%s': %.*s%s%.*s%s%s",
                 failure->node->kind == TM_NODE_SOURCE ? "source" : "operator", failure->node->name,
                 (int)length, text, shown > 0 ? "\nrecord: " : "", (int)shown, record, more,
                 not_read);
    tm_buf_fini(&raw);
    if (place != 0)
        tm_error_where(err, "%.*s", (int)place, failure->message);
    else if (failure->source != NULL && failure->line > 0)
        tm_error_where(err, "%s:%lld (byte %lld)", failure->source, (long long)failure->line,
                       (long long)failure->offset);
    else if (failure->source != NULL && failure->offset >= 0)
        tm_error_where(err, "%s (byte %lld)", failure->source, (long long)failure->offset);
    else
        tm_error_where(err, "%s", failure->node->where);
    put_hint(err, failure, hint, hint_length);
}

// Count; true when it is the first of its kind, and then `kind->first` is to be filled.
static struct tm_failure_kind *count(struct tm_failures *failures,
                                     const struct tm_row_failure *failure)
{
    for (uint32_t i = 0; i < failures->kind_count; i++) {
        struct tm_failure_kind *kind = &failures->kinds[i];
        if (kind->node == failure->node->id && kind->code == failure->code) {
            kind->count++;
            return kind;
        }
    }
    if (failures->kind_count == TM_FAILURE_KINDS) {
        failures->others++;
        return NULL;
    }
    struct tm_failure_kind *kind = &failures->kinds[failures->kind_count++];
    kind->node = failure->node->id;
    kind->code = failure->code;
    kind->count = 1;
    return kind;
}

// --- the last of its kind ------------------------------------------------------------------------

// A row that is longer than what is kept is left out, and what was read is cut, as messages do.
static void keep_last(struct tm_failure_copy *copy, const struct tm_row_failure *failure)
{
    struct tm_row_failure *kept = &copy->failure;
    *kept = *failure;
    kept->message = copy->message;
    if (kept->message_length > sizeof copy->message)
        kept->message_length = sizeof copy->message;
    memcpy(copy->message, failure->message, kept->message_length);
    kept->row = NULL;
    kept->raw = NULL;
    if (failure->row != NULL && failure->row->size_bytes <= sizeof copy->record) {
        memcpy(copy->record, failure->row, failure->row->size_bytes);
        kept->row = (const struct tm_row *)(const void *)copy->record;
        if (copy->schema != failure->schema) {
            tm_schema_unref(copy->schema);
            copy->schema = tm_schema_ref((struct tm_schema *)(uintptr_t)failure->schema);
        }
    } else if (failure->raw != NULL) {
        kept->raw = (const uint8_t *)copy->record;
        if (kept->raw_length > sizeof copy->record)
            kept->raw_length = sizeof copy->record;
        memcpy(copy->record, failure->raw, kept->raw_length);
    }
    if (failure->source != NULL) {
        snprintf(copy->source, sizeof copy->source, "%s", failure->source);
        kept->source = copy->source;
    }
}

int tm_task_failure_last(const struct tm_job *job, const struct tm_failure_kind *kind,
                         struct tm_error *last)
{
    const struct tm_row_failure *failure = &kind->last.failure;
    const uint64_t *unread = unread_of(job, failure);
    struct tm_buf row_json;
    tm_buf_init(&row_json, job->mem);
    int rc = failure->row == NULL
                 ? 0
                 : tm_format_row_json(&row_json, failure->schema, failure->row, unread);
    if (rc == 0)
        describe(last, failure, &row_json, unread);
    tm_buf_fini(&row_json);
    return rc;
}

void tm__failures_fini(struct tm_failures *failures)
{
    for (uint32_t i = 0; i < failures->kind_count; i++)
        tm_schema_unref(failures->kinds[i].last.schema);
}

// --- what becomes of a row -----------------------------------------------------------------------

// A dead letter says what was wrong; how a person mends it is for the log.
static struct tm_row_failure without_hint(const struct tm_row_failure *failure)
{
    struct tm_row_failure letter = *failure;
    const char *hint = own_hint(failure);
    if (hint != NULL)
        letter.message_length = (size_t)(hint - failure->message) - (sizeof hint_mark - 1);
    return letter;
}

// Where it is counted: rows by what became of them.
static _Atomic uint64_t *counter_of(struct tm_node_metrics *metrics,
                                    const struct tm_row_failure *failure)
{
    switch (failure->failed) {
    case TM_FAILED_TIMER:
        return &metrics->failed_timers;
    case TM_FAILED_FIRING:
        return &metrics->failed_firings;
    case TM_FAILED_KEY:
        return &metrics->failed_keys;
    default:
        return failure->node->on_error == TM_ON_ERROR_SKIP ? &metrics->skipped
                                                           : &metrics->dead_lettered;
    }
}

// After a restart the job may fail on this again: then no other restart will mend it. What follows
// from the row alone, without a function of the job, has none.
static struct tm_culprit culprit_of(const struct tm_row_failure *failure,
                                    const struct tm_buf *row_json)
{
    uint64_t seed =
        tm_hash_bytes(failure->node->name, strlen(failure->node->name)) + (uint64_t)failure->failed;
    if (!tm_node_has_functions(failure->node))
        return (struct tm_culprit){{0, 0}};
    const void *bytes = row_json->size_bytes != 0 ? row_json->data : failure->raw;
    size_t length = row_json->size_bytes != 0 ? row_json->size_bytes : failure->raw_length;
    if (bytes == NULL)
        return (struct tm_culprit){{0, 0}};
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, length, seed);
    return (struct tm_culprit){{hash.low64, hash.high64}};
}

static int settle_row(struct tm_task *task, const struct tm_row_failure *failure,
                      const struct tm_buf *row_json, const uint64_t *unread, struct tm_error *err)
{
    struct tm_row_failure letter;
    struct tm_node_metrics *metrics =
        tm_job_metrics(task->job, failure->node->id, task->ctx.subtask);
    int rc = 0;
    switch (failure->node->on_error) {
    case TM_ON_ERROR_SKIP:
        break;
    case TM_ON_ERROR_DEAD_LETTER:
        letter = without_hint(failure);
        rc = tm__task_add_dead_letter(task, &letter, row_json, err);
        break;
    default:
        describe(err, failure, row_json, unread);
        task->worker->culprit = culprit_of(failure, row_json);
        return failure->code;
    }
    if (rc == 0)
        tm_metric_add(counter_of(metrics, failure), 1);
    if (rc == 0 && failure->node->kind == TM_NODE_SOURCE)
        tm_metric_add(&metrics->rows_in, 1);
    return rc;
}

int tm_task_row_failed(struct tm_task_context *ctx, const struct tm_row_failure *failure,
                       struct tm_error *err)
{
    struct tm_task *task = ctx->task;
    struct tm_failure_kind *kind = count(task->failures, failure);
    bool first = kind != NULL && kind->count == 1;
    if (kind != NULL) {
        kind->last_ms = tm_fx_wall_ms(task->job->fx);
        kind->first_ms = first ? kind->last_ms : kind->first_ms;
        keep_last(&kind->last, failure);
    }
    const uint64_t *unread = unread_of(task->job, failure);
    struct tm_buf row_json;
    tm_buf_init(&row_json, ctx->mem);
    int rc = 0;
    // The row as text is needed for the dead letters, and for the one message of its kind that
    // people read.
    if (failure->row != NULL && (first || failure->node->on_error != TM_ON_ERROR_SKIP))
        rc = tm_format_row_json(&row_json, failure->schema, failure->row, unread);
    if (rc != 0)
        rc = tm_error_set(err, rc, "operator '%s': a failed row cannot be shown",
                          failure->node->name);
    if (rc == 0 && first) {
        describe(&kind->first, failure, &row_json, unread);
        if (failure->node->on_error != TM_ON_ERROR_FAIL)
            tm_log_error(task->job->log, &kind->first);
    }
    if (rc == 0)
        rc = settle_row(task, failure, &row_json, unread, err);
    tm_buf_fini(&row_json);
    return rc;
}
