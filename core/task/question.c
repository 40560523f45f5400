// Questions about states, answered by workers.
#include "core/task/question.h"

#include "core/batch/json_value.h"
#include "core/task/inspect.h"
#include "core/task/task.h"

static const struct tm_schema *input_of(const struct tm_job *job, const struct tm_node *node)
{
    return node->input_count == 0 ? NULL : tm_node_schema(&job->graph->nodes[node->inputs[0]]);
}

// --- what can be asked for -----------------------------------------------------------------------

// Of a rolling aggregate: the columns of its rows behind the key.
static int each_column(const struct tm_node *node,
                       int (*each)(void *arg, const struct tm_node *node, const char *state),
                       void *arg)
{
    const struct tm_schema *schema = tm_node_schema(node);
    int rc = 0;
    for (uint32_t i = node->key.count; schema != NULL && i < schema->field_count && rc == 0; i++)
        if ((schema->fields[i].flags & TM_FIELD_HIDDEN) == 0)
            rc = each(arg, node, schema->fields[i].name);
    return rc;
}

int tm_job_each_state(const struct tm_job *job,
                      int (*each)(void *arg, const struct tm_node *node, const char *state),
                      void *arg)
{
    int rc = 0;
    for (uint32_t n = 0; n < job->graph->node_count && rc == 0; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        if (node->kind == TM_NODE_ROLLING)
            rc = each_column(node, each, arg);
        for (uint32_t i = 0; node->kind == TM_NODE_PROCESS && i < node->state_count && rc == 0; i++)
            if (node->states[i].scope == TM_SCOPE_KEY)
                rc = each(arg, node, node->states[i].name);
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

struct answering {
    const struct tm_job *job;
    const struct tm_node *node;
    struct tm_operator *op;
    const struct tm_question *question;
    const char *only; // the state that is wanted; NULL: all
    struct tm_buf out;
    uint32_t keys;
    bool more, any;   // any: something has been said of the key
    const char *open; // the state of many values that is under way
    const char *closing;
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

// False: it is not wanted.
static bool begin_state(struct answering *a, const char *state)
{
    if (a->only != NULL && strcmp(a->only, state) != 0)
        return false;
    close_state(a);
    if (a->only == NULL) {
        put(a, a->any ? "," : "{");
        if (a->rc == 0)
            a->rc = tm_json_put_text(&a->out, state, strlen(state));
        put(a, ":");
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

// A line of what there is of a key, or nothing.
static bool see_key(void *arg, const struct tm_key *key)
{
    struct answering *a = arg;
    const struct tm_inspector inspector = {
        .arg = a, .value = see_value, .item = see_item, .entry = see_entry};
    size_t before = a->out.size_bytes;
    if (a->question->limit != 0 &&
        (a->keys == a->question->limit || before > TM_ANSWER_BYTES_MAX)) {
        a->more = true;
        return false;
    }
    a->any = false;
    a->open = NULL;
    put(a, "{\"key\":");
    put_key(a, key);
    put(a, ",\"value\":");
    const struct tm_inspect *inspect = a->op->ops->inspect;
    int rc = (inspect->states != NULL ? inspect->states : inspect->results)(a->op, key, &inspector);
    close_state(a);
    if (a->any && a->only == NULL)
        put(a, "}");
    put(a, "}\n");
    a->rc = a->rc == 0 ? rc : a->rc;
    if (!a->any)
        a->out.size_bytes = before;
    else
        a->keys++;
    return a->rc == 0;
}

static void ask_operator(struct answering *a, const uint8_t *key)
{
    const struct tm_inspect *inspect = a->op->ops->inspect;
    if (inspect == NULL || inspect->keys == NULL)
        return;
    if (a->question->limit != 0) {
        int rc = inspect->keys(a->op, see_key, a);
        a->rc = a->rc == 0 ? rc : a->rc;
        return;
    }
    const struct tm_key one = {
        .hash = a->question->key_hash, .bytes = key, .length = a->question->key_bytes};
    (void)see_key(a, &one);
}

static void ask_tasks(struct answering *a, struct tm_worker *worker, const uint8_t *key)
{
    for (uint32_t t = 0; t < worker->task_count; t++) {
        struct tm_task *task = worker->tasks[t];
        for (uint32_t i = 0; i < task->operator_count; i++) {
            a->op = task->operators[i];
            if (a->op->node->id != a->node->id)
                continue;
            ask_operator(a, key);
            break; // what stands behind it for its edge is not it
        }
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
