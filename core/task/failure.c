// Rows that failed: counted by operator and code, then skipped, sent to the dead letters, or the
// end of the job.
#include <ctype.h>

#include "core/format/format.h"
#include "core/task/task.h"

static const struct {
    const char *needle, *hint;
} hints[] = {
    {"attempt to compare nil",
     "a missing or null field reads as nil: test it first, or declare the field `required`"},
    {"with nil",
     "a missing or null field reads as nil: test it first, or declare the field `required`"},
    {"attempt to perform arithmetic on", "a missing or null field reads as nil: write `(e.field or "
                                         "0)`, or declare the field `required`"},
    {"attempt to concatenate",
     "convert with tostring(), and mind that a missing field reads as nil"},
    {"attempt to index", "a missing or null value reads as nil: test it before indexing"},
    {"attempt to call",
     "the name is not a function here: look for a typing error, or a field that hides a method"},
    {"unknown field", "the schema of the input is what the message lists; a field must come from "
                      "the source's schema or an earlier operator"},
};

static const char *hint_of(int code, const char *message, size_t length)
{
    if (code == TM_E_USER_CODE)
        for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
            if (memmem(message, length, hints[i].needle, strlen(hints[i].needle)) != NULL)
                return hints[i].hint;
    if (code == TM_E_NULL_KEY)
        return "drop such rows with :filter before key_by, or declare the field `required` at the "
               "source";
    if (code == TM_E_NULL_TIMESTAMP)
        return "declare the field `required`, or filter such rows out before :watermark";
    return "to go on without such records: on_error = \"skip\", or a sink for dead letters "
           "(on_error = tm.file { path = \"dead.jsonl\" })";
}

// "job.lua:12: text" -> the length of "job.lua:12", or 0.
static size_t place_length(const char *message, size_t length)
{
    const char *colon = memmem(message, length, ".lua:", 5);
    if (colon == NULL || colon - message > 200 ||
        memchr(message, '\n', (size_t)(colon - message)) != NULL)
        return 0;
    size_t i = (size_t)(colon - message) + 5;
    size_t digits = i;
    while (i < length && isdigit((unsigned char)message[i]))
        i++;
    return i > digits && i < length && message[i] == ':' ? i : 0;
}

static void describe(struct tm_error *err, const struct tm_row_failure *failure,
                     const struct tm_buf *row_json)
{
    size_t place = place_length(failure->message, failure->message_length);
    const char *text = failure->message + place;
    size_t length = failure->message_length - place;
    while (place != 0 && length != 0 && (*text == ':' || *text == ' ')) {
        text++;
        length--;
    }
    int shown = row_json->size_bytes > 300 ? 300 : (int)row_json->size_bytes;
    tm_error_set(err, failure->code, "operator '%s': %.*s%s%.*s%s", failure->node->name,
                 (int)length, text, shown > 0 ? "\n  record: " : "", shown,
                 (const char *)row_json->data, row_json->size_bytes > 300 ? "..." : "");
    if (place != 0)
        tm_error_where(err, "%.*s", (int)place, failure->message);
    else if (failure->source != NULL && failure->line > 0)
        tm_error_where(err, "%s:%lld (byte %lld)", failure->source, (long long)failure->line,
                       (long long)failure->offset);
    else
        tm_error_where(err, "%s", failure->node->where);
    tm_error_hint(err, "%s", hint_of(failure->code, failure->message, failure->message_length));
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

static int settle_row(struct tm_task *task, const struct tm_row_failure *failure,
                      const struct tm_buf *row_json, struct tm_error *err)
{
    struct tm_node_metrics *metrics =
        tm_job_metrics(task->job, failure->node->id, task->ctx.subtask);
    int rc = 0;
    switch (failure->node->on_error) {
    case TM_ON_ERROR_SKIP:
        tm_metric_add(&metrics->skipped, 1);
        break;
    case TM_ON_ERROR_DEAD_LETTER:
        rc = tm__task_add_dead_letter(task, failure, row_json, err);
        if (rc == 0)
            tm_metric_add(&metrics->dead_lettered, 1);
        break;
    default:
        describe(err, failure, row_json);
        return failure->code;
    }
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
    struct tm_buf row_json;
    tm_buf_init(&row_json, ctx->mem);
    int rc = 0;
    // The row as text is needed for the dead letters, and for the one message of its kind that
    // people read.
    if (failure->row != NULL && (first || failure->node->on_error != TM_ON_ERROR_SKIP))
        rc = tm_format_row_json(&row_json, failure->schema, failure->row);
    if (rc != 0)
        rc = tm_error_set(err, rc, "operator '%s': a failed row cannot be shown",
                          failure->node->name);
    if (rc == 0 && first) {
        describe(&kind->first, failure, &row_json);
        if (failure->node->on_error != TM_ON_ERROR_FAIL)
            tm_log_error(task->job->log, &kind->first);
    }
    if (rc == 0)
        rc = settle_row(task, failure, &row_json, err);
    tm_buf_fini(&row_json);
    return rc;
}
