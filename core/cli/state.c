// `tidemill state`: what a running job keeps of a key, of all keys, or of none.
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/cli/options.h"
#include "core/cli/running.h"

enum { ANSWER_MS = 60000 }; // workers answer between two batches

static int needs(const char *what, const char *how, struct tm_error *err)
{
    tm_error_set(err, TM_E_USAGE, "`tidemill state` needs %s", what);
    tm_error_hint(err, "tidemill state %s", how);
    return TM_E_USAGE;
}

// Words are there, as many as it takes.
static int check_words(const struct tm_cli_options *options, struct tm_error *err)
{
    static const char *const words[] = {"get", "scan", "list"};
    const char *word = options->file;
    uint32_t count = options->rest_count;
    if (strcmp(word, "get") != 0 && strcmp(word, "scan") != 0 && strcmp(word, "list") != 0) {
        const char *nearest = tm_text_nearest(word, words, 3);
        tm_error_set(err, TM_E_USAGE, "`tidemill state` does not know '%s'", word);
        tm_error_hint(err, "%s%s%sit has get, scan and list",
                      nearest == NULL ? "" : "did you mean ", nearest == NULL ? "" : nearest,
                      nearest == NULL ? "" : "? ");
        return TM_E_USAGE;
    }
    if (count == 0)
        return needs("a job", "get JOB STATE KEY", err);
    if (strcmp(word, "list") == 0)
        return count == 1 ? 0 : needs("a job and no more", "list JOB", err);
    if (count == 1)
        return needs("a state", "scan JOB STATE; tidemill state list JOB says which there are",
                     err);
    if (strcmp(word, "get") == 0) // a state that is broadcast has no key: the job knows
        return count <= 3 ? 0
                          : needs("one key",
                                  "get JOB STATE KEY; tidemill state scan JOB STATE has all", err);
    return count == 2 ? 0 : needs("no key for scan", "get JOB STATE KEY", err);
}

static int put_target(const struct tm_cli_options *options, struct tm_buf *target)
{
    char limit[16];
    if (strcmp(options->file, "list") == 0)
        return tm_buf_append(target, "/v1/states", 11);
    int rc = tm_buf_append(target, "/v1/state", 9);
    rc = rc == 0 ? tm_running_argument(target, "name", options->rest[1]) : rc;
    if (rc == 0 && options->rest_count == 3)
        rc = tm_running_argument(target, "key", options->rest[2]);
    else if (rc == 0 && strcmp(options->file, "get") == 0)
        rc = tm_running_argument(target, "keyless", "true");
    snprintf(limit, sizeof limit, "%u", options->limit);
    if (rc == 0 && options->limit != 0)
        rc = tm_running_argument(target, "limit", limit);
    return rc == 0 ? tm_buf_append(target, "", 1) : rc;
}

// The end of a JSON value that is known to be one.
static const char *behind(const char *p)
{
    int depth = 0;
    do {
        if (*p == '"')
            for (p++; *p != '"'; p++)
                p += *p == '\\';
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        p++;
    } while (*p != '\0' && (depth != 0 || strchr(",]}", *p) == NULL));
    return p;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

// The value of an entry of one key, or of none; NULL: it is a subtask's.
static const char *value_of(const char *entry)
{
    static const char key[] = "{\"key\":", value[] = "\"value\":";
    const char *p = begins(entry, key) ? behind(entry + sizeof key - 1) + 1 : entry + 1;
    return begins(p, value) ? p + sizeof value - 1 : NULL;
}

// Entries as they came: numbers keep all of their digits.
static void print_entries(FILE *out, const char *text, bool values)
{
    static const char begin[] = "\"entries\":[";
    const char *p = strstr(text, begin);
    for (p = p == NULL ? "" : p + sizeof begin - 1; *p == '{'; p += *p == ',') {
        const char *end = behind(p), *value = values ? value_of(p) : NULL;
        if (value != NULL)
            fprintf(out, "%.*s\n", (int)(end - value) - 1, value);
        else
            fprintf(out, "%.*s\n", (int)(end - p), p);
        p = end;
    }
}

static int print(const struct tm_cli_options *options, const json_t *answer, const char *text,
                 struct tm_error *err)
{
    const json_t *states = json_object_get(answer, "states");
    bool gets = strcmp(options->file, "get") == 0;
    if (options->json) {
        fprintf(options->out, "%s\n", text);
        return 0;
    }
    for (size_t i = 0; i < json_array_size(states); i++)
        fprintf(options->out, "%s\n", json_string_value(json_array_get(states, i)));
    if (gets && json_array_size(json_object_get(answer, "entries")) == 0) {
        if (options->rest_count == 3) {
            tm_error_set(err, TM_E_NO_STATE, "'%s' has nothing of the key %s", options->rest[1],
                         options->rest[2]);
            tm_error_hint(err, "tidemill state scan %s %s prints keys that it has",
                          options->rest[0], options->rest[1]);
        } else {
            tm_error_set(err, TM_E_NO_STATE, "'%s' has nothing yet", options->rest[1]);
        }
        return TM_E_NO_STATE;
    }
    print_entries(options->out, text, gets);
    if (json_is_true(json_object_get(answer, "more")))
        fprintf(options->out, "... and more: --limit N\n");
    return 0;
}

static int ask(const struct tm_cli_options *options, struct tm_running *running, json_t **answer,
               struct tm_buf *text, struct tm_error *err)
{
    struct tm_running_job *job;
    struct tm_buf target;
    int rc = tm_running_choose(running, options->rest[0], &job, err);
    if (rc == TM_E_NO_JOB && strchr(options->rest[0], '/') != NULL)
        tm_error_hint(err,
                      "states are read of jobs that run; tidemill checkpoint show %s says what a "
                      "checkpoint has of them",
                      options->rest[0]);
    if (rc != 0)
        return rc;
    tm_buf_init(&target, &running->mem);
    rc = put_target(options, &target);
    if (rc != 0)
        tm_error_set(err, rc, "out of memory");
    else
        rc = tm_running_ask(running, job, "GET", (const char *)target.data, ANSWER_MS, answer, text,
                            err);
    tm_buf_fini(&target);
    return rc;
}

int tm_cli_state(const struct tm_cli_options *options)
{
    struct tm_running running = {.count = 0};
    struct tm_error err = {0};
    json_t *answer = NULL;
    struct tm_buf text = {.mem = NULL};
    int rc = check_words(options, &err);
    if (rc == 0)
        rc = tm_running_find(&running, &err);
    if (rc == 0) {
        tm_buf_init(&text, &running.mem);
        rc = ask(options, &running, &answer, &text, &err);
        if (rc == 0)
            rc = print(options, answer, (const char *)text.data, &err);
        tm_buf_fini(&text);
    }
    json_decref(answer);
    tm_running_fini(&running);
    return rc == 0 ? TM_EXIT_FINISHED : tm_running_fail(options, &err);
}
