// `tidemill check`: plan the job, say what was found in groups, run nothing.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cli/catalogue.h"
#include "core/cli/engine.h"
#include "core/cli/report.h"

// In the order in which they are mended: what does not parse has no names yet.
static const char *const groups[] = {"syntax", "names",   "types", "topology",
                                     "script", "machine", "advice"};
enum { GROUPS = sizeof groups / sizeof groups[0] };

struct findings {
    FILE *out;
    json_t *list;      // NULL: as text
    const char *group; // of those to be printed
    int printed;       // of the group
    int warnings;
};

static void put_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        fputc(*text, out);
        if (*text == '\n')
            fputs("    ", out);
    }
    fputc('\n', out);
}

static void print(struct findings *findings, const struct tm_finding *finding)
{
    char code[8];
    FILE *out = findings->out;
    size_t place = strcspn(finding->where, "\n");
    if (findings->printed++ == 0)
        fprintf(out, "%s\n", findings->group);
    fprintf(out, "  %.*s: %s %s: ", (int)place, finding->where, finding->severity,
            tm_error_code_text(finding->code, code));
    put_text(out, finding->message);
    if (finding->where[place] == '\n') {
        fprintf(out, "    ");
        put_text(out, finding->where + place + 1);
    }
    if (finding->hint[0] != '\0') {
        fprintf(out, "    hint: ");
        put_text(out, finding->hint);
    }
}

static void add(void *arg, const struct tm_finding *finding)
{
    struct findings *findings = arg;
    findings->warnings += strcmp(finding->severity, "warning") == 0;
    if (findings->list != NULL) {
        json_t *o = tm_report_finding_json(finding);
        json_object_set_new(o, "group", json_string(tm_catalogue_group(finding->code)));
        json_array_append_new(findings->list, o);
    }
}

static void add_of_group(void *arg, const struct tm_finding *finding)
{
    struct findings *findings = arg;
    if (strcmp(tm_catalogue_group(finding->code), findings->group) == 0)
        print(findings, finding);
}

static int print_groups(struct tm_engine *engine, struct findings *findings, struct tm_error *err)
{
    int rc = 0;
    for (int g = 0; rc == 0 && g < GROUPS; g++) {
        findings->group = groups[g];
        findings->printed = 0;
        rc = tm_engine_findings(engine, add_of_group, findings, err);
    }
    return rc;
}

static void print_json(const struct findings *findings, const struct tm_error *failure, bool ok)
{
    json_t *root = json_object();
    json_object_set_new(root, "ok", json_boolean(ok));
    if (failure != NULL) {
        const struct tm_finding finding = {.code = failure->code,
                                           .severity = "error",
                                           .where = failure->where,
                                           .message = failure->message,
                                           .hint = failure->hint};
        json_t *o = tm_report_finding_json(&finding);
        json_object_set_new(o, "group", json_string(tm_catalogue_group(failure->code)));
        json_object_set(root, "error", o);
        json_array_append_new(findings->list, o);
    }
    json_object_set(root, "findings", findings->list);
    char *text = json_dumps(root, JSON_COMPACT);
    if (text != NULL)
        fprintf(findings->out, "%s\n", text);
    free(text);
    json_decref(root);
}

static int result(struct tm_engine *engine, struct findings *findings, struct tm_error *err)
{
    const struct tm_cli_options *options = engine->options;
    bool denied = options->deny_warnings && findings->warnings != 0;
    if (options->json) {
        print_json(findings, NULL, !denied);
    } else {
        int rc = print_groups(engine, findings, err);
        if (rc != 0)
            return tm_engine_failed(options, err, rc);
        fprintf(options->out, "%s: %s, %u operators in %u chains, %d warning%s\n",
                tm_cli_job_name(options), denied ? "denied" : "ok", engine->graph->node_count,
                engine->plan->chain_count, findings->warnings, findings->warnings == 1 ? "" : "s");
    }
    return denied ? TM_EXIT_FAILED : TM_EXIT_FINISHED;
}

// What was found before it failed belongs to the answer.
static int failed(struct tm_engine *engine, struct findings *findings, struct tm_error *err, int rc)
{
    struct tm_error ignored = {0};
    if (engine->options->json) {
        (void)!tm_engine_findings(engine, add, findings, &ignored);
        print_json(findings, err, false);
        return rc == TM_E_USAGE ? TM_EXIT_USAGE : TM_EXIT_FAILED;
    }
    (void)!print_groups(engine, findings, &ignored);
    return tm_engine_failed(engine->options, err, rc);
}

int tm_cli_check(const struct tm_cli_options *options)
{
    struct tm_engine engine;
    struct tm_error err = {0};
    struct findings findings = {.out = options->out, .list = options->json ? json_array() : NULL};
    int code;
    int rc = tm_engine_open(&engine, options, &err);
    if (rc == 0)
        rc = tm_engine_findings(&engine, add, &findings, &err);
    code = rc == 0 ? result(&engine, &findings, &err) : failed(&engine, &findings, &err, rc);
    json_decref(findings.list);
    tm_engine_close(&engine);
    return code;
}
