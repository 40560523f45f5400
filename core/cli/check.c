// `tidemill check`: plan the job, say what was found, run nothing.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cli/engine.h"

struct findings {
    FILE *out;
    json_t *list; // NULL: print as text
    int warnings;
};

static void add(void *arg, const char *severity, const char *where, const char *message,
                const char *hint)
{
    struct findings *findings = arg;
    findings->warnings += strcmp(severity, "warning") == 0;
    if (findings->list == NULL) {
        fprintf(findings->out, "%s: %s: %s\n", where, severity, message);
        if (hint[0] != '\0')
            fprintf(findings->out, "    %s\n", hint);
        return;
    }
    json_array_append_new(findings->list,
                          json_pack("{s:s,s:s,s:s,s:s}", "severity", severity, "where", where,
                                    "message", message, "hint", hint));
}

static void print_json(struct findings *findings)
{
    json_t *root = json_pack("{s:b,s:o}", "ok", 1, "findings", findings->list);
    char *text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
    if (text != NULL)
        fprintf(findings->out, "%s\n", text);
    free(text);
    json_decref(root);
}

int tm_cli_check(const struct tm_cli_options *options)
{
    struct tm_engine engine;
    struct tm_error err = {0};
    struct findings findings = {.out = options->out, .list = options->json ? json_array() : NULL};
    int rc = tm_engine_open(&engine, options, &err);
    if (rc == 0)
        rc = tm_engine_findings(&engine, add, &findings, &err);
    int code = TM_EXIT_FINISHED;
    if (rc == 0 && options->json) {
        print_json(&findings);
    } else if (rc == 0) {
        fprintf(options->out, "%s: ok, %u operators in %u chains, %d warning%s\n",
                tm_cli_job_name(options), engine.graph->node_count, engine.plan->chain_count,
                findings.warnings, findings.warnings == 1 ? "" : "s");
    } else {
        code = tm_engine_failed(options, &err, rc);
    }
    tm_engine_close(&engine);
    return code;
}
