// See against.h. What is said is what `run` decides by (match.h).
#include "core/cli/against.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/cli/life.h"
#include "core/cli/match.h"
#include "core/cli/report.h"

// --- for people ----------------------------------------------------------------------------------

static void print_entry(FILE *out, const struct tm_match_entry *entry)
{
    char name[2 * TM_NAME_MAX + 64];
    bool whole = entry->state[0] == '\0';
    bool drops = entry->drop[0] != '\0' && strstr(entry->fix, "--drop-state") == NULL;
    snprintf(name, sizeof name, "%s%s%s (%s)", entry->operator_name, whole ? "" : ".", entry->state,
             entry->kind);
    fprintf(out, "  %-12s  %s%s%s\n", tm_outcomes[entry->outcome], name,
            entry->difference[0] == '\0' ? "" : ": ", entry->difference);
    if (entry->refused)
        fprintf(out, "                to go on: %s%s%s%s\n", entry->fix,
                drops ? "; or leave it out: --drop-state '" : "", drops ? entry->drop : "",
                drops ? "'" : "");
}

static void print_all(const struct tm_engine *engine, const struct tm_match *match, int code)
{
    FILE *out = engine->options->out;
    uint32_t count, refused = 0;
    char age[32], code_text[16];
    const struct tm_match_entry *entries = tm_match_entries(match, &count);
    int64_t age_ms = tm_fx_wall_ms(&engine->fx) - match->manifest->created_ms;
    for (uint32_t i = 0; i < count; i++)
        refused += entries[i].refused;
    fprintf(out, "%s against %s %llu of the job %s, %s old\n\n", tm_cli_job_name(engine->options),
            tm_checkpoint_kinds[match->manifest->kind],
            (unsigned long long)match->manifest->checkpoint, match->manifest->job,
            tm_text_duration(age_ms > 0 ? age_ms : 0, age));
    for (uint32_t i = 0; i < count; i++)
        print_entry(out, &entries[i]);
    if (count == 0)
        fprintf(out, "  it has no state\n");
    if (refused == 0)
        fprintf(out, "\na run would begin\n");
    else
        fprintf(out, "\na run would be refused, %s: %u state%s\n",
                tm_error_code_text(code, code_text), refused, refused == 1 ? "" : "s");
}

// --- for programs --------------------------------------------------------------------------------

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static json_t *entry_json(const struct tm_match_entry *entry)
{
    json_t *object = json_object();
    char code[16];
    set(object, "operator", tm_report_json_text(entry->operator_name));
    set(object, "kind", tm_report_json_text(entry->kind));
    set(object, "state", tm_report_json_text(entry->state));
    set(object, "outcome", json_string(tm_outcomes[entry->outcome]));
    set(object, "refused", json_boolean(entry->refused));
    set(object, "difference", tm_report_json_text(entry->difference));
    set(object, "fix", tm_report_json_text(entry->fix));
    set(object, "drop", tm_report_json_text(entry->drop));
    set(object, "held", tm_report_json_text(entry->held));
    if (entry->refused)
        set(object, "code", json_string(tm_error_code_text(entry->code, code)));
    return object;
}

static void print_json(const struct tm_engine *engine, const struct tm_match *match, int code)
{
    char code_text[16];
    json_t *root = json_object(), *states = json_array();
    uint32_t count;
    const struct tm_match_entry *entries = tm_match_entries(match, &count);
    set(root, "job", tm_report_json_text(match->manifest->job));
    set(root, "checkpoint", json_integer((json_int_t)match->manifest->checkpoint));
    set(root, "kind", json_string(tm_checkpoint_kinds[match->manifest->kind]));
    set(root, "created_ms", json_integer((json_int_t)match->manifest->created_ms));
    set(root, "refused", json_boolean(code != 0));
    if (code != 0)
        set(root, "code", json_string(tm_error_code_text(code, code_text)));
    for (uint32_t i = 0; i < count; i++)
        (void)json_array_append_new(states, entry_json(&entries[i]));
    set(root, "states", states);
    (void)json_dumpf(root, engine->options->out, JSON_COMPACT);
    fputc('\n', engine->options->out);
    json_decref(root);
}

int tm_against(struct tm_engine *engine, struct tm_error *err)
{
    struct tm_life life;
    struct tm_match match = {0};
    struct tm_error refusal = {0};
    int rc = tm_life_look(&life, engine, engine->options->against, err);
    if (rc == 0)
        rc = tm_match_make(&match, &life, true, err);
    if (rc == 0)
        rc = tm_match_connectors(&match, err);
    if (rc == 0) {
        int code = tm_match_refusal(&match, &refusal);
        if (engine->options->json)
            print_json(engine, &match, code);
        else
            print_all(engine, &match, code);
        rc = code != 0;
    }
    tm_match_free(&match);
    tm_life_close(&life);
    return rc;
}
