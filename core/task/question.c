// Questions about states, answered by workers.
#include "core/task/question.h"

#include <stdio.h>

#include "core/base/limits.h"
#include "core/batch/json_value.h"
#include "core/task/inspect.h"
#include "core/task/task.h"

static const struct tm_schema *input_of(const struct tm_job *job, const struct tm_node *node)
{
    return node->input_count == 0 ? NULL : tm_node_schema(&job->graph->nodes[node->inputs[0]]);
}

// --- what can be asked for -----------------------------------------------------------------------

typedef int each_state(void *arg, const struct tm_node *node, const char *state,
                       enum tm_question_of of);

// The columns of an aggregate's rows behind the key and the window.
static int each_column(const struct tm_node *node, each_state *each, void *arg)
{
    const struct tm_schema *schema = tm_node_schema(node);
    int rc = 0;
    for (uint32_t i = node->key.count; schema != NULL && i < schema->field_count && rc == 0; i++) {
        const struct tm_field *field = &schema->fields[i];
        bool bound =
            node->kind == TM_NODE_WINDOW && i < node->key.count + 2 &&
            (strcmp(field->name, "window_start") == 0 || strcmp(field->name, "window_end") == 0);
        if (strcmp(field->name, TM_INSPECTED_ROWS) == 0)
            rc = each(arg, node, &TM_INSPECTED_ROWS[1], TM_OF_KEYS);
        else if (!bound && (field->flags & TM_FIELD_HIDDEN) == 0)
            rc = each(arg, node, field->name, TM_OF_KEYS);
    }
    return rc;
}

static enum tm_question_of kept_for(const struct tm_state_field *state)
{
    switch (state->scope) {
    case TM_SCOPE_BROADCAST:
        return TM_OF_JOB;
    case TM_SCOPE_EVEN:
    case TM_SCOPE_UNION:
        return TM_OF_SUBTASKS;
    default:
        return TM_OF_KEYS;
    }
}

static int each_declared(const struct tm_node *node, each_state *each, void *arg)
{
    int rc = 0;
    for (uint32_t i = 0; i < node->state_count && rc == 0; i++)
        rc = each(arg, node, node->states[i].name, kept_for(&node->states[i]));
    return rc;
}

static bool is_preaggregated(const struct tm_job *job, const struct tm_node *node)
{
    for (uint32_t e = 0; e < job->plan->edge_count; e++)
        if (job->plan->edges[e].preaggregated && job->plan->edges[e].to_node == node->id)
            return true;
    return false;
}

static int each_of_node(const struct tm_node *node, each_state *each, void *arg)
{
    int rc;
    switch (node->kind) {
    case TM_NODE_ROLLING:
        return each_column(node, each, arg);
    case TM_NODE_REDUCE:
        return each(arg, node, "row", TM_OF_KEYS);
    case TM_NODE_EXTREME:
    case TM_NODE_TOP:
        return each(arg, node, "rows", TM_OF_KEYS);
    case TM_NODE_DISTINCT:
        return each(arg, node, "seen", TM_OF_KEYS);
    case TM_NODE_WINDOW: // with an evictor rows are kept, and nothing is computed before it fires
        rc = node->evictor.kind != TM_EVICTOR_NONE
                 ? each(arg, node, &TM_INSPECTED_ROWS[1], TM_OF_KEYS)
                 : each_column(node, each, arg);
        return rc == 0 ? each_declared(node, each, arg) : rc;
    case TM_NODE_PROCESS:
        return each_declared(node, each, arg);
    default:
        return 0;
    }
}

int tm_job_each_state(const struct tm_job *job,
                      int (*each)(void *arg, const struct tm_node *node, const char *state,
                                  enum tm_question_of of),
                      void *arg)
{
    int rc = 0;
    for (uint32_t n = 0; n < job->graph->node_count && rc == 0; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        rc = each_of_node(node, each, arg);
        if (rc == 0 && is_preaggregated(job, node))
            rc = each(arg, node, TM_INSPECTED_UNSENT, TM_OF_EXCHANGE);
    }
    return rc;
}

int tm_job_ask(struct tm_job *job, const struct tm_question *question, const char *name,
               const void *key)
{
    struct tm_buf text;
    tm_buf_init(&text, job->mem);
    int rc = tm_buf_append(&text, question, sizeof *question);
    if (rc == 0)
        rc = tm_buf_append(&text, name, question->name_bytes);
    if (rc == 0)
        rc = tm_buf_append(&text, "", 1);
    if (rc == 0)
        rc = tm_buf_append(&text, key, question->key_bytes);
    if (rc == 0)
        rc = tm_job_command(job, TM_COMMAND_ASK, (const char *)text.data, text.size_bytes);
    tm_buf_fini(&text);
    return rc;
}

// --- an answer -----------------------------------------------------------------------------------

enum { PARTS_MAX = 8 };

struct answering {
    const struct tm_job *job;
    const struct tm_node *node;
    // Of this task: the operator, and behind a window the functions that are a part of it.
    struct tm_operator *parts[PARTS_MAX];
    uint32_t part_count;
    const struct tm_question *question;
    const char *only; // the state that is wanted; NULL: all
    uint32_t subtask; // of the task under way
    struct tm_buf out;
    uint32_t keys;
    bool more, any;   // any: something has been said of the key
    const char *open; // the state of many values that is under way
    const char *closing;
    // The windows of the key, as a list of objects. `now`: the one under way; NULL: none.
    const struct tm_inspected_window *now;
    const struct tm_key *key;
    uint32_t windows, values; // in the list; in the object, with its bounds
    int rc;
};

static void put(struct answering *a, const char *text)
{
    if (a->rc == 0)
        a->rc = tm_buf_append(&a->out, text, strlen(text));
}

static void put_value(struct answering *a, struct tm_type type, struct tm_slot slot)
{
    if (slot.at == NULL)
        put(a, "null");
    else if (a->rc == 0)
        a->rc = tm_json_put_value(&a->out, type, slot);
}

static void close_state(struct answering *a)
{
    if (a->open != NULL)
        put(a, a->closing);
    a->open = NULL;
}

static void put_subtask(struct answering *a)
{
    char text[40];
    snprintf(text, sizeof text, "\"subtask\":%u,", a->subtask);
    put(a, text);
}

static void put_name(struct answering *a, const char *name)
{
    if (a->rc == 0)
        a->rc = tm_json_put_text(&a->out, name, strlen(name));
    put(a, ":");
}

// --- windows -------------------------------------------------------------------------------------

static void put_bound(struct answering *a, const char *name, int64_t ms)
{
    put(a, a->values++ == 0 ? "" : ",");
    put_name(a, name);
    put_value(a, tm_type_of_kind(TM_TYPE_TIMESTAMP),
              (struct tm_slot){(const uint8_t *)&ms, (const uint8_t *)&ms});
}

// The object of the window under way, once there is something to say of it.
static void open_window(struct answering *a)
{
    const struct tm_inspected_window *w = a->now;
    bool slice = w->part == TM_INSPECTED_SLICE;
    if (a->windows++ == 0 && a->only == NULL) {
        put(a, a->any ? "," : "{");
        put_name(a, "windows");
    }
    put(a, a->windows == 1 ? "[{" : ",{");
    a->any = true;
    a->values = 0;
    if (!w->bounded)
        return;
    put_bound(a, slice ? "slice_start" : "window_start", w->start);
    put_bound(a, slice ? "slice_end" : "window_end", w->end);
    if (w->part == TM_INSPECTED_FIRED)
        put(a, ",\"fired\":true");
}

static void close_window(struct answering *a)
{
    close_state(a);
    if (a->now != NULL && a->values != UINT32_MAX)
        put(a, "}");
    a->now = NULL;
}

static void see_window(void *arg, const struct tm_inspected_window *window);

static void see_windows(struct answering *a, const struct tm_inspector *inspector)
{
    struct tm_operator *op = a->parts[0];
    a->windows = 0;
    int rc = op->ops->inspect->contents(op, a->key, inspector);
    close_window(a);
    if (a->windows != 0)
        put(a, "]");
    a->rc = a->rc == 0 ? rc : a->rc;
}

// --- values --------------------------------------------------------------------------------------

// False: it is not wanted.
static bool begin_state(struct answering *a, const char *state)
{
    bool whole = a->question->of == TM_OF_EXCHANGE; // of a window all that there is
    if (a->only != NULL && !whole && strcmp(a->only, state) != 0)
        return false;
    close_state(a);
    if (a->now != NULL) {
        if (a->values == UINT32_MAX)
            open_window(a);
        put(a, a->values++ == 0 ? "" : ",");
        put_name(a, state);
        return true;
    }
    if (a->only == NULL) {
        put(a, a->any ? "," : "{");
        put_name(a, state);
    }
    a->any = true;
    return true;
}

// The next of many values of a state.
static bool next_of(struct answering *a, const char *state, const char *opening,
                    const char *closing)
{
    if (a->open != NULL && strcmp(a->open, state) == 0) {
        put(a, ",");
        return true;
    }
    if (!begin_state(a, state))
        return false;
    put(a, opening);
    a->open = state;
    a->closing = closing;
    return true;
}

static void see_value(void *arg, const char *state, struct tm_type type, struct tm_slot slot)
{
    struct answering *a = arg;
    if (begin_state(a, state))
        put_value(a, type, slot);
}

static void see_item(void *arg, const char *state, struct tm_type type, struct tm_slot slot)
{
    struct answering *a = arg;
    if (next_of(a, state, "[", "]"))
        put_value(a, type, slot);
}

static void see_entry(void *arg, const char *state, struct tm_type key_type, struct tm_slot key,
                      struct tm_type type, struct tm_slot slot)
{
    struct answering *a = arg;
    bool object = key_type.kind == TM_TYPE_STRING;
    if (!next_of(a, state, object ? "{" : "[", object ? "}" : "]"))
        return;
    put(a, object ? "" : "[");
    put_value(a, key_type, key);
    put(a, object ? ":" : ",");
    put_value(a, type, slot);
    put(a, object ? "" : "]");
}

// What a part keeps of the window under way.
static void see_window(void *arg, const struct tm_inspected_window *window)
{
    struct answering *a = arg;
    const struct tm_inspector inspector = {
        .arg = a, .value = see_value, .item = see_item, .entry = see_entry};
    close_window(a);
    a->now = window;
    a->values = UINT32_MAX; // nothing has been said of it
    if (a->only == NULL)
        open_window(a);
    for (uint32_t i = 1; i < a->part_count && a->rc == 0 && window->part == 0; i++) {
        const struct tm_inspect *inspect = a->parts[i]->ops->inspect;
        if (inspect->window_states != NULL)
            a->rc = inspect->window_states(a->parts[i], a->key, window, &inspector);
    }
}

// Of an identity its columns.
static void put_identity(struct answering *a, const struct tm_key *key)
{
    const struct tm_schema *input = input_of(a->job, a->node);
    uint32_t fields[TM_FIELDS_MAX];
    uint32_t count = tm_node_identity(a->node, input, fields);
    if (a->rc == 0)
        a->rc = tm_json_put_identity(&a->out, input, fields, count, key->bytes);
}

// Canonical bytes as columns.
static void put_key(struct answering *a, const struct tm_key *key)
{
    const struct tm_schema *input = input_of(a->job, a->node);
    const uint8_t *p = key->bytes;
    uint32_t count = a->node->key.count;
    put(a, count == 1 ? "" : "{");
    for (uint32_t i = 0; i < count; i++) {
        const struct tm_field *field = &input->fields[a->node->key.fields[i]];
        struct tm_ref ref = {.offset = 0, .length = key->length};
        bool is_text = tm_type_is_reference(field->type);
        if (is_text && count > 1) {
            memcpy(&ref.length, p, sizeof ref.length);
            p += sizeof ref.length;
        }
        if (count != 1) {
            put(a, i == 0 ? "" : ",");
            if (a->rc == 0)
                a->rc = tm_json_put_text(&a->out, field->name, strlen(field->name));
            put(a, ":");
        }
        put_value(a, field->type, (struct tm_slot){p, is_text ? (const uint8_t *)&ref : p});
        p += is_text ? ref.length : tm_type_slot_bytes(field->type);
    }
    put(a, count == 1 ? "" : "}");
}

// The windows' functions first: a state of theirs may have the name of a column.
static void see_parts(struct answering *a)
{
    const struct tm_inspector inspector = {
        .arg = a, .value = see_value, .item = see_item, .entry = see_entry, .window = see_window};
    for (uint32_t i = a->part_count; i > 0 && a->rc == 0 && (a->only == NULL || !a->any); i--) {
        struct tm_operator *op = a->parts[i - 1];
        const struct tm_inspect *inspect = op->ops->inspect;
        if (inspect->contents != NULL)
            see_windows(a, &inspector);
        else if (inspect->states != NULL)
            a->rc = inspect->states(op, a->key, &inspector);
        else
            a->rc = inspect->results(op, a->key, &inspector);
        close_state(a);
    }
}

// A line of what there is of a key, or nothing.
static bool see_key(void *arg, const struct tm_key *key)
{
    struct answering *a = arg;
    size_t before = a->out.size_bytes;
    if (a->question->limit != 0 &&
        (a->keys == a->question->limit || before > TM_ANSWER_BYTES_MAX)) {
        a->more = true;
        return false;
    }
    a->any = false;
    a->open = NULL;
    a->key = key;
    put(a, "{\"key\":");
    if (a->node->kind == TM_NODE_DISTINCT)
        put_identity(a, key);
    else
        put_key(a, key);
    put(a, ",");
    if (a->question->of == TM_OF_EXCHANGE)
        put_subtask(a);
    put(a, "\"value\":");
    see_parts(a);
    if (a->any && a->only == NULL)
        put(a, "}");
    put(a, "}\n");
    if (!a->any)
        a->out.size_bytes = before;
    else
        a->keys++;
    return a->rc == 0;
}

static void note_window(void *arg, const struct tm_inspected_window *window)
{
    (void)window;
    *(bool *)arg = true;
}

// Of a function behind windows: a key that has a window has been given with it.
static bool see_key_alone(void *arg, const struct tm_key *key)
{
    struct answering *a = arg;
    bool has_windows = false;
    const struct tm_inspector inspector = {.arg = &has_windows, .window = note_window};
    struct tm_key of = *key;
    if (of.length == 0) // of the whole stream: functions have it in a group of their subtask
        of.hash = tm_hash_bytes(of.bytes, 0);
    a->rc = a->parts[0]->ops->inspect->contents(a->parts[0], &of, &inspector);
    return a->rc == 0 && (has_windows || see_key(a, key));
}

static void ask_parts(struct answering *a, const uint8_t *key)
{
    const struct tm_key one = {
        .hash = a->question->key_hash, .bytes = key, .length = a->question->key_bytes};
    if (a->question->limit == 0) {
        (void)see_key(a, &one);
        return;
    }
    for (uint32_t i = 0; i < a->part_count && a->rc == 0 && !a->more; i++) {
        int rc = a->parts[i]->ops->inspect->keys(a->parts[i], i == 0 ? see_key : see_key_alone, a);
        a->rc = a->rc == 0 ? rc : a->rc;
    }
}

// --- states of no key ----------------------------------------------------------------------------

// What a subtask keeps of all keys: a line, or nothing.
static void see_shared(struct answering *a, struct tm_task *task, bool broadcast)
{
    const struct tm_inspector inspector = {
        .arg = a, .value = see_value, .item = see_item, .entry = see_entry};
    size_t before = a->out.size_bytes;
    a->any = false;
    a->open = NULL;
    a->now = NULL;
    put(a, "{");
    if (!broadcast)
        put_subtask(a);
    put(a, "\"value\":");
    for (uint32_t i = 0; i < task->operator_count && a->rc == 0; i++) {
        struct tm_operator *op = task->operators[i];
        if (op->node->whole != a->node->id || op->ops->inspect == NULL ||
            op->ops->inspect->shared == NULL)
            continue;
        int rc = op->ops->inspect->shared(op, broadcast, &inspector);
        close_state(a);
        a->rc = a->rc == 0 ? rc : a->rc;
    }
    if (a->any && a->only == NULL)
        put(a, "}");
    put(a, "}\n");
    if (!a->any)
        a->out.size_bytes = before;
}

// The first subtask answers for all where they have the same.
static void ask_shared(struct answering *a, struct tm_task *task)
{
    uint32_t of = a->question->of;
    if (of == TM_OF_JOB && task->ctx.subtask == 0)
        see_shared(a, task, true);
    if (of == TM_OF_SUBTASKS || a->only == NULL)
        see_shared(a, task, false);
}

// --- tasks ---------------------------------------------------------------------------------------

static bool is_part(const struct answering *a, const struct tm_operator *op)
{
    const struct tm_inspect *inspect = op->ops->inspect;
    if (inspect == NULL || inspect->keys == NULL)
        return false;
    if (a->question->of == TM_OF_EXCHANGE)
        return inspect->unsent_for != NULL && inspect->unsent_for(op) == a->node;
    if (inspect->unsent_for != NULL)
        return false;
    return a->part_count == 0 ? op->node->id == a->node->id
                              : op->node->whole == a->node->id && op->node->id != a->node->id;
}

static void ask_tasks(struct answering *a, struct tm_worker *worker, const uint8_t *key)
{
    for (uint32_t t = 0; t < worker->task_count; t++) {
        struct tm_task *task = worker->tasks[t];
        a->subtask = task->ctx.subtask;
        if (a->question->of == TM_OF_JOB || a->question->of == TM_OF_SUBTASKS) {
            ask_shared(a, task);
            continue;
        }
        a->part_count = 0; // what stands behind an operator for its edge is not it
        for (uint32_t i = 0; i < task->operator_count && a->part_count < PARTS_MAX; i++)
            if (is_part(a, task->operators[i]))
                a->parts[a->part_count++] = task->operators[i];
        if (a->part_count != 0)
            ask_parts(a, key);
    }
}

void tm__worker_answer(struct tm_worker *worker, const struct tm_command *command)
{
    struct tm_job *job = worker->job;
    struct tm_question question;
    memcpy(&question, command->text, sizeof question);
    const char *name = command->text + sizeof question;
    struct answering a = {.job = job,
                          .node = &job->graph->nodes[question.node],
                          .question = &question,
                          .only = question.name_bytes == 0 ? NULL : name};
    tm_buf_init(&a.out, &worker->mem);
    if (worker->started)
        ask_tasks(&a, worker, (const uint8_t *)name + question.name_bytes + 1);
    if (a.more)
        put(&a, "more\n");
    struct tm_event *event =
        tm_event_new(job->mem, TM_EVENT_ANSWER, worker->index, (const char *)a.out.data,
                     a.rc == 0 ? a.out.size_bytes : 0);
    tm_buf_fini(&a.out);
    if (event == NULL) // whoever asked waits in vain, and asks again
        return;
    event->checkpoint = question.number;
    if (a.rc != 0)
        tm_error_set(&event->error, a.rc, "out of memory for an answer");
    tm_mailbox_post(&job->events, &event->message);
}
