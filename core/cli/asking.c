// States of a running job, asked for by name and key.
#include "core/cli/asking.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/cli/report.h"
#include "core/cli/state_key.h"
#include "core/task/question.h"

enum { NAMES_MAX = 512, WHOLE_NAME = 2 * TM_NAME_MAX + 2 };

static const char *name_of(const struct tm_job *job, const struct tm_node *node)
{
    return job->graph->nodes[node->whole].name; // a window's functions are a part of it
}

// --- names ---------------------------------------------------------------------------------------

struct naming {
    const struct tm_job *job;
    json_t *list;
};

static int add_name(void *arg, const struct tm_node *node, const char *state,
                    enum tm_question_of of)
{
    struct naming *naming = arg;
    char whole[WHOLE_NAME];
    (void)of;
    snprintf(whole, sizeof whole, "%s.%s", name_of(naming->job, node), state);
    json_array_append_new(naming->list, tm_report_json_text(whole));
    return 0;
}

void tm_asking_names(struct tm_asking *asking, struct tm_server_request *from)
{
    struct naming naming = {asking->job, json_array()};
    (void)tm_job_each_state(asking->job, add_name, &naming);
    json_t *root = json_object();
    json_object_set_new(root, "ok", json_true());
    json_object_set_new(root, "states", naming.list);
    tm_control_answer(from, 200, root);
}

// What a name means.
struct found {
    const struct tm_node *node;
    const char *state; // NULL: all of the operator
    enum tm_question_of of;
};

struct finding {
    const struct tm_job *job;
    const char *given;
    const struct tm_node *node;
    const char *state; // NULL: all of the operator
    enum tm_question_of of;
    bool has[TM_OFS];  // the operator, that all of is asked for
    uint32_t by_state; // how many states have the given name
    bool exact;        // OPERATOR.STATE
    uint32_t count;
    char names[NAMES_MAX][WHOLE_NAME];
};

static int look(void *arg, const struct tm_node *node, const char *state, enum tm_question_of of)
{
    struct finding *f = arg;
    const char *operator_name = name_of(f->job, node);
    char whole[WHOLE_NAME];
    snprintf(whole, sizeof whole, "%s.%s", operator_name, state);
    if (f->count < NAMES_MAX)
        memcpy(f->names[f->count++], whole, sizeof whole);
    if (strcmp(f->given, whole) == 0) {
        f->exact = true;
        f->node = node;
        f->state = state;
        f->of = of;
        return 1;
    }
    if (strcmp(f->given, operator_name) == 0)
        f->has[of] = true;
    if (strcmp(f->given, operator_name) == 0 && (f->node == NULL || f->state != NULL)) {
        f->node = node;
        f->state = NULL;
    } else if (strcmp(f->given, state) == 0) {
        f->by_state++;
        if (f->node == NULL) {
            f->node = node;
            f->state = state;
            f->of = of;
        }
    }
    return 0;
}

// The operator that is given by its name, and has no states; NULL: none is.
static const struct tm_node *operator_named(const struct finding *f)
{
    const struct tm_graph *graph = f->job->graph;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct tm_node *node = &graph->nodes[n];
        size_t length = strlen(node->name);
        bool named = strncmp(f->given, node->name, length) == 0 &&
                     (f->given[length] == '\0' || f->given[length] == '.');
        for (uint32_t i = 0; i < f->count && named; i++)
            named = strncmp(f->names[i], node->name, length) != 0 || f->names[i][length] != '.';
        if (named)
            return node;
    }
    return NULL;
}

static int not_found(const struct finding *f, struct tm_error *err)
{
    const char *names[NAMES_MAX];
    char list[400] = "";
    for (uint32_t i = 0; i < f->count; i++) {
        size_t used = strlen(list);
        names[i] = f->names[i];
        if (used + strlen(names[i]) + 8 < sizeof list)
            snprintf(list + used, sizeof list - used, "%s%s", used == 0 ? "" : ", ", names[i]);
    }
    const char *nearest = f->count == 0 ? NULL : tm_text_nearest(f->given, names, f->count);
    const struct tm_node *named = operator_named(f);
    if (f->by_state > 1)
        tm_error_set(err, TM_E_NO_STATE, "several operators have a state '%s'", f->given);
    else if (named != NULL)
        tm_error_set(err, TM_E_NO_STATE, "the operator '%s' keeps nothing that can be read%s",
                     named->name,
                     named->kind == TM_NODE_SOURCE
                         ? ": `tidemill show` has how far the source is, checkpoints have where"
                     : named->kind == TM_NODE_SINK
                         ? ": rows that wait for their commit lie in hidden files at the output"
                         : "");
    else
        tm_error_set(err, TM_E_NO_STATE, "the job has no state '%s' that can be read", f->given);
    if (nearest != NULL)
        tm_error_hint(err, "did you mean %s? it has: %s", nearest, list);
    else if (f->count != 0)
        tm_error_hint(err, "it has: %s", list);
    else
        tm_error_hint(err, "what operators keep can be read: process, windows, aggregates, "
                           "reduce, top, min_by, max_by, distinct, dedup; it has none of these, or "
                           "no row has come yet");
    return TM_E_NO_STATE;
}

// All states of an operator: what it keeps for keys, where that is asked for and there is any.
static enum tm_question_of of_operator(const struct finding *f, bool keyless)
{
    bool shares = f->has[TM_OF_JOB] || f->has[TM_OF_SUBTASKS];
    return shares && (keyless || !f->has[TM_OF_KEYS]) ? TM_OF_JOB : TM_OF_KEYS;
}

static int find(struct tm_asking *asking, const char *given, bool keyless, struct found *found,
                struct tm_error *err)
{
    struct finding *f = tm_mem_zalloc(asking->job->mem, sizeof *f); // a few hundred KB
    if (f == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a question");
    f->job = asking->job;
    f->given = given;
    (void)tm_job_each_state(asking->job, look, f);
    int rc = 0;
    if (f->node == NULL || (!f->exact && f->state != NULL && f->by_state > 1))
        rc = not_found(f, err);
    *found = (struct found){f->node, f->state, f->state == NULL ? of_operator(f, keyless) : f->of};
    tm_mem_free(asking->job->mem, f, sizeof *f);
    return rc;
}

// Is it asked for with a key where it has some, and only there?
static int check_key(const struct tm_asking *asking, const struct tm_request *request,
                     const struct found *found, struct tm_error *err)
{
    const char *job = asking->job->graph->name;
    bool keyed = found->of == TM_OF_KEYS || found->of == TM_OF_EXCHANGE;
    if (keyed && request->keyless) {
        tm_error_set(err, TM_E_STATE_KEY, "'%s' is kept for each key: say which", request->name);
        tm_error_hint(err, "tidemill state get %s %s KEY; `state scan` has those that there are",
                      job, request->name);
        return TM_E_STATE_KEY;
    }
    if (keyed || request->kind != TM_REQUEST_STATE_GET)
        return 0;
    tm_error_set(err, TM_E_STATE_KEY, "'%s' is kept for no key, but for %s", request->name,
                 found->of == TM_OF_JOB ? "the whole job: it is broadcast" : "each subtask");
    tm_error_hint(err, "leave the key out: tidemill state get %s %s", job, request->name);
    return TM_E_STATE_KEY;
}

// --- questions -----------------------------------------------------------------------------------

static void release(struct tm_asked *asked)
{
    tm_buf_fini(&asked->entries);
    *asked = (struct tm_asked){.number = 0};
}

static int send(struct tm_asking *asking, struct tm_asked *asked, const struct tm_request *request,
                struct tm_error *err)
{
    struct found found = {0};
    struct tm_buf key;
    bool gets = request->kind == TM_REQUEST_STATE_GET;
    int rc = find(asking, request->name, request->keyless, &found, err);
    if (rc == 0)
        rc = check_key(asking, request, &found, err);
    if (rc != 0)
        return rc;
    // A window's functions answer with it.
    const struct tm_node *node = &asking->job->graph->nodes[found.node->whole];
    uint64_t hash = 0;
    bool by_subtask = found.of == TM_OF_JOB || found.of == TM_OF_SUBTASKS;
    if (gets && found.of == TM_OF_KEYS)
        asked->limit = 1;
    else if (gets || by_subtask) // what each subtask has
        asked->limit = TM_REQUEST_LIMIT_MAX;
    tm_buf_init(&key, asking->job->mem);
    if (gets)
        rc = tm_state_key_read(asking->job, node, request->key, &key, &hash, err);
    const struct tm_question question = {
        .number = asked->number,
        .node = node->id,
        .limit = gets ? 0 : request->limit,
        .name_bytes = found.state == NULL ? 0 : (uint32_t)strlen(found.state),
        .key_bytes = (uint32_t)key.size_bytes,
        .key_hash = hash,
        .of = found.of};
    if (rc == 0 &&
        tm_job_ask(asking->job, &question, found.state == NULL ? "" : found.state, key.data) != 0)
        rc = tm_error_set(err, TM_E_MEMORY, "out of memory for a question");
    tm_buf_fini(&key);
    return rc;
}

void tm_asking_ask(struct tm_asking *asking, struct tm_server_request *from,
                   const struct tm_request *request)
{
    struct tm_error err = {0};
    struct tm_asked *asked = asking->asked;
    while (asked < asking->asked + TM_ASKING_MAX && asked->number != 0)
        asked++;
    if (asked == asking->asked + TM_ASKING_MAX) {
        tm_error_set(&err, TM_E_JOB_REFUSES, "%d others wait for answers", TM_ASKING_MAX);
        tm_control_refuse(from, 503, &err);
        return;
    }
    *asked = (struct tm_asked){.number = ++asking->numbers,
                               .from = from,
                               .waits = asking->job->worker_count,
                               .limit = request->limit};
    tm_buf_init(&asked->entries, asking->job->mem);
    int rc = send(asking, asked, request, &err);
    if (rc == 0)
        return;
    release(asked);
    tm_control_refuse(from, rc == TM_E_NO_STATE ? 404 : rc == TM_E_STATE_KEY ? 400 : 500, &err);
}

// --- answers -------------------------------------------------------------------------------------

static int take_lines(struct tm_asked *asked, const char *text, size_t length)
{
    const char *end = text + length;
    int rc = 0;
    while (text < end && rc == 0) {
        const char *line = text;
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        text = stop + 1;
        if (line[0] != '{' || asked->count == asked->limit) {
            asked->more = true;
            continue;
        }
        if (asked->count++ != 0)
            rc = tm_buf_append(&asked->entries, ",", 1);
        rc = rc == 0 ? tm_buf_append(&asked->entries, line, (size_t)(stop - line)) : rc;
    }
    return rc;
}

static void tell(struct tm_asked *asked)
{
    static const char head[] = "{\"ok\":true,\"entries\":[", more[] = "],\"more\":true}",
                      no_more[] = "],\"more\":false}";
    struct tm_buf whole;
    tm_buf_init(&whole, asked->entries.mem);
    int rc = tm_buf_append(&whole, head, sizeof head - 1);
    rc = rc == 0 ? tm_buf_append(&whole, asked->entries.data, asked->entries.size_bytes) : rc;
    rc = rc == 0 ? tm_buf_append(&whole, asked->more ? more : no_more,
                                 strlen(asked->more ? more : no_more))
                 : rc;
    if (rc != 0 && asked->error.code == 0)
        tm_error_set(&asked->error, TM_E_MEMORY, "out of memory for an answer");
    if (asked->error.code != 0)
        tm_control_refuse(asked->from, 500, &asked->error);
    else
        tm_server_answer(asked->from, 200, "application/json", whole.data, whole.size_bytes);
    tm_buf_fini(&whole);
    release(asked);
}

void tm_asking_event(struct tm_asking *asking, const struct tm_event *event)
{
    if (event->kind != TM_EVENT_ANSWER)
        return;
    for (uint32_t i = 0; i < TM_ASKING_MAX; i++) {
        struct tm_asked *asked = &asking->asked[i];
        if (asked->number != event->checkpoint)
            continue;
        if (event->error.code != 0)
            asked->error = event->error;
        else if (take_lines(asked, event->text, event->length) != 0)
            tm_error_set(&asked->error, TM_E_MEMORY, "out of memory for an answer");
        if (--asked->waits == 0)
            tell(asked);
        return;
    }
}

void tm_asking_attach(struct tm_asking *asking, struct tm_job *job)
{
    struct tm_error err = {0};
    tm_error_set(&err, TM_E_JOB_REFUSES, "the job ended before it could answer");
    for (uint32_t i = 0; i < TM_ASKING_MAX; i++) {
        if (asking->asked[i].number == 0)
            continue;
        tm_control_refuse(asking->asked[i].from, 503, &err);
        release(&asking->asked[i]);
    }
    asking->job = job;
}
