// `tidemill checkpoint`: what is in a checkpoint or savepoint, whether all of it is whole, and in
// what two of them differ. Nothing is changed and no job is looked at.
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/checkpoint/contents.h"
#include "core/cli/engine.h"
#include "core/cli/options.h"
#include "core/loop/real.h"

struct looking {
    const struct tm_cli_options *options;
    struct tm_fx fx;
    struct tm_mem mem;
    json_t *json; // what --json prints; NULL: for people
};

static int no_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory");
}

static json_t *text_of(const char *text)
{
    json_t *value = json_string(text);
    return value != NULL ? value : json_string("?"); // no UTF-8
}

static json_t *number_of(uint64_t number)
{
    return json_integer((json_int_t)number);
}

// jansson refuses a NULL value; what is missing then is missed when the text is made.
static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static int open_one(struct looking *l, const char *path, struct tm_restored **restored,
                    struct tm_error *err)
{
    struct tm_restored_args args = {.mem = &l->mem, .fx = &l->fx, .path = path};
    return tm_restored_open(&args, restored, err);
}

// --- show ----------------------------------------------------------------------------------------

static void print_head(struct looking *l, const struct tm_manifest *m, uint64_t bytes)
{
    char age[32], hash[17];
    int64_t age_ms = l->fx.clock->wall_ms(l->fx.ctx) - m->created_ms;
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)m->script_hash);
    if (l->json == NULL) {
        fprintf(l->options->out, "%s %llu of the job %s, %s old, %llu bytes in %u file%s\n",
                tm_checkpoint_kinds[m->kind], (unsigned long long)m->checkpoint, m->job,
                tm_text_duration(age_ms > 0 ? age_ms : 0, age), (unsigned long long)bytes,
                m->file_count, m->file_count == 1 ? "" : "s");
        fprintf(l->options->out, "max parallelism %u, attempt %u, script %s%s\n",
                m->max_parallelism, m->attempt, hash, m->finished ? ", finished" : "");
        if (m->flight_bytes != 0)
            fprintf(l->options->out, "unaligned, %llu bytes of rows in flight\n",
                    (unsigned long long)m->flight_bytes);
        fprintf(l->options->out, "\n");
        return;
    }
    set(l->json, "job", text_of(m->job));
    set(l->json, "checkpoint", number_of(m->checkpoint));
    set(l->json, "kind", json_string(tm_checkpoint_kinds[m->kind]));
    set(l->json, "created_ms", json_integer((json_int_t)m->created_ms));
    set(l->json, "attempt", number_of(m->attempt));
    set(l->json, "finished", json_boolean(m->finished));
    set(l->json, "unaligned", json_boolean(m->flight_bytes != 0));
    set(l->json, "in_flight_bytes", number_of(m->flight_bytes));
    set(l->json, "max_parallelism", number_of(m->max_parallelism));
    set(l->json, "script_hash", json_string(hash));
    set(l->json, "bytes", number_of(bytes));
    set(l->json, "operators", json_array());
}

static void print_files(struct looking *l, const struct tm_manifest *m)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < m->file_count; i++) {
        json_t *one = json_object();
        set(one, "path", text_of(m->files[i].path));
        set(one, "bytes", number_of(m->files[i].length));
        (void)json_array_append_new(list, one);
    }
    set(l->json, "files", list);
}

static void print_fields(struct looking *l, const struct tm_layout *layout)
{
    for (uint32_t i = 0; layout != NULL && i < layout->field_count; i++)
        if (layout->fields[i].name[0] != '\0')
            fprintf(l->options->out, "      %s%s%s\n", layout->fields[i].name,
                    layout->fields[i].type[0] != '\0' ? " " : "", layout->fields[i].type);
}

static int show_part(struct looking *l, const struct tm_restored *restored,
                     const struct tm_manifest_operator *op, const struct tm_manifest_part *part,
                     json_t *parts, struct tm_error *err)
{
    struct tm_contents contents;
    int rc = tm_contents_count(restored, op->name, part->name, &contents, err);
    if (rc != 0)
        return rc;
    if (parts == NULL) {
        fprintf(l->options->out, "    %-24s %-6s %12llu entries %14llu bytes\n", part->name,
                tm_part_kinds[part->kind], (unsigned long long)contents.entries,
                (unsigned long long)contents.bytes);
        print_fields(l, part->layout);
        return 0;
    }
    json_t *one = json_object();
    set(one, "name", text_of(part->name));
    set(one, "kind", json_string(tm_part_kinds[part->kind]));
    set(one, "entries", number_of(contents.entries));
    set(one, "bytes", number_of(contents.bytes));
    (void)json_array_append_new(parts, one);
    return 0;
}

static int show_operator(struct looking *l, const struct tm_restored *restored,
                         const struct tm_manifest_operator *op, struct tm_error *err)
{
    json_t *parts = NULL;
    int rc = 0;
    if (l->json == NULL) {
        fprintf(l->options->out, "  %s (%s, parallelism %u)\n", op->name, op->kind,
                op->parallelism);
    } else {
        json_t *one = json_object();
        parts = json_array();
        set(one, "name", text_of(op->name));
        set(one, "kind", text_of(op->kind));
        set(one, "parallelism", number_of(op->parallelism));
        set(one, "parts", parts);
        (void)json_array_append_new(json_object_get(l->json, "operators"), one);
    }
    for (uint32_t i = 0; i < op->part_count && rc == 0; i++)
        rc = show_part(l, restored, op, &op->parts[i], parts, err);
    return rc;
}

static uint64_t all_bytes(const struct tm_manifest *m)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < m->file_count; i++)
        bytes += m->files[i].length;
    return bytes;
}

static int show(struct looking *l, struct tm_error *err)
{
    struct tm_restored *restored;
    int rc = open_one(l, l->options->rest[0], &restored, err);
    if (rc != 0)
        return rc;
    const struct tm_manifest *m = tm_restored_manifest(restored);
    print_head(l, m, all_bytes(m));
    for (uint32_t i = 0; i < m->operator_count && rc == 0; i++)
        rc = show_operator(l, restored, &m->operators[i], err);
    if (l->json != NULL)
        print_files(l, m);
    tm_restored_free(restored);
    return rc;
}

// --- verify --------------------------------------------------------------------------------------

static int verify(struct looking *l, struct tm_error *err)
{
    struct tm_restored *restored;
    int rc = open_one(l, l->options->rest[0], &restored, err);
    if (rc != 0)
        return rc;
    const struct tm_manifest *m = tm_restored_manifest(restored);
    struct tm_contents contents;
    rc = tm_restored_verify(restored, err);
    // What checksums say is whole is also filled into states.
    for (uint32_t i = 0; i < m->operator_count && rc == 0; i++)
        for (uint32_t k = 0; k < m->operators[i].part_count && rc == 0; k++)
            rc = tm_contents_count(restored, m->operators[i].name, m->operators[i].parts[k].name,
                                   &contents, err);
    // What outputs have put beside it, for a savepoint.
    uint32_t kept = 0;
    uint64_t kept_bytes = 0;
    for (uint32_t i = 0; rc == 0 && tm_engine_connectors[i] != NULL; i++)
        if (tm_engine_connectors[i]->kept_verify != NULL)
            rc = tm_engine_connectors[i]->kept_verify(&l->fx, &l->mem, tm_restored_folder(restored),
                                                      &kept, &kept_bytes, err);
    if (rc == 0 && l->json != NULL) {
        set(l->json, "ok", json_true());
        set(l->json, "checkpoint", number_of(m->checkpoint));
        set(l->json, "staged_files", number_of(kept));
        set(l->json, "staged_bytes", number_of(kept_bytes));
    } else if (rc == 0) {
        fprintf(l->options->out, "%s %llu of the job %s is whole: %u file%s, %llu bytes",
                tm_checkpoint_kinds[m->kind], (unsigned long long)m->checkpoint, m->job,
                m->file_count, m->file_count == 1 ? "" : "s", (unsigned long long)all_bytes(m));
        if (kept != 0)
            fprintf(l->options->out, "; and %u with rows for outputs, %llu bytes", kept,
                    (unsigned long long)kept_bytes);
        fputc('\n', l->options->out);
    }
    tm_restored_free(restored);
    return rc;
}

// --- diff ----------------------------------------------------------------------------------------

struct comparing {
    struct looking *l;
    const struct tm_restored *before, *after;
    uint32_t differences;
};

static void say(struct comparing *c, const char *what, const char *operator_name, const char *part,
                const char *text)
{
    c->differences++;
    if (c->l->json == NULL) {
        fprintf(c->l->options->out, "%-8s %s%s%s%s%s\n", what, operator_name,
                part != NULL ? ": " : "", part != NULL ? part : "", text[0] != '\0' ? ", " : "",
                text);
        return;
    }
    json_t *one = json_object();
    set(one, "what", json_string(what));
    set(one, "operator", text_of(operator_name));
    if (part != NULL)
        set(one, "part", text_of(part));
    if (text[0] != '\0')
        set(one, "text", text_of(text));
    (void)json_array_append_new(json_object_get(c->l->json, "differences"), one);
}

static const struct tm_manifest_part *part_of(const struct tm_manifest_operator *op,
                                              const char *name)
{
    for (uint32_t i = 0; op != NULL && i < op->part_count; i++)
        if (strcmp(op->parts[i].name, name) == 0)
            return &op->parts[i];
    return NULL;
}

static int compare_part(struct comparing *c, const struct tm_manifest_operator *op,
                        const struct tm_manifest_part *part, struct tm_error *err)
{
    struct tm_contents_change change;
    struct tm_contents old, new;
    char text[160] = "";
    int rc = tm_contents_compare(c->before, c->after, op->name, part->name, &change, err);
    if (rc == 0)
        rc = tm_contents_count(c->before, op->name, part->name, &old, err);
    if (rc == 0)
        rc = tm_contents_count(c->after, op->name, part->name, &new, err);
    if (rc != 0)
        return rc;
    if (change.comparable && change.added + change.removed + change.changed != 0)
        snprintf(text, sizeof text, "%llu entries added, %llu removed, %llu changed, %llu the same",
                 (unsigned long long)change.added, (unsigned long long)change.removed,
                 (unsigned long long)change.changed, (unsigned long long)change.same);
    else if (!change.comparable && old.entries != new.entries)
        snprintf(text, sizeof text, "%llu entries, were %llu", (unsigned long long)new.entries,
                 (unsigned long long)old.entries);
    if (text[0] != '\0')
        say(c, "changed", op->name, part->name, text);
    return 0;
}

static int compare_operator(struct comparing *c, const struct tm_manifest_operator *op,
                            struct tm_error *err)
{
    const struct tm_manifest_operator *old =
        tm_manifest_find(tm_restored_manifest(c->before), op->name);
    int rc = 0;
    if (old == NULL) {
        say(c, "added", op->name, NULL, "");
        return 0;
    }
    for (uint32_t i = 0; i < op->part_count && rc == 0; i++)
        if (part_of(old, op->parts[i].name) == NULL)
            say(c, "added", op->name, op->parts[i].name, "");
        else
            rc = compare_part(c, op, &op->parts[i], err);
    for (uint32_t i = 0; i < old->part_count && rc == 0; i++)
        if (part_of(op, old->parts[i].name) == NULL)
            say(c, "removed", op->name, old->parts[i].name, "");
    return rc;
}

static int compare(struct comparing *c, struct tm_error *err)
{
    const struct tm_manifest *old = tm_restored_manifest(c->before);
    const struct tm_manifest *new = tm_restored_manifest(c->after);
    int rc = 0;
    for (uint32_t i = 0; i < new->operator_count &&rc == 0; i++)
        rc = compare_operator(c, &new->operators[i], err);
    for (uint32_t i = 0; i < old->operator_count && rc == 0; i++)
        if (tm_manifest_find(new, old->operators[i].name) == NULL)
            say(c, "removed", old->operators[i].name, NULL, "");
    return rc;
}

static int diff(struct looking *l, struct tm_error *err)
{
    struct tm_restored *before = NULL, *after = NULL;
    struct comparing c = {.l = l};
    int rc = open_one(l, l->options->rest[0], &before, err);
    if (rc == 0)
        rc = open_one(l, l->options->rest[1], &after, err);
    if (rc == 0) {
        if (l->json != NULL)
            set(l->json, "differences", json_array());
        c.before = before;
        c.after = after;
        rc = compare(&c, err);
    }
    if (rc == 0 && c.differences == 0 && l->json == NULL)
        fprintf(l->options->out, "no difference\n");
    tm_restored_free(before);
    tm_restored_free(after);
    return rc;
}

// --- the command ---------------------------------------------------------------------------------

static const struct {
    const char *name;
    uint32_t paths;
    int (*run)(struct looking *l, struct tm_error *err);
} verbs[] = {{"show", 1, show}, {"verify", 1, verify}, {"diff", 2, diff}};

static int run_verb(struct looking *l, size_t verb, struct tm_error *err)
{
    l->json = l->options->json ? json_object() : NULL;
    if (l->options->json && l->json == NULL)
        return no_memory(err);
    int rc = verbs[verb].run(l, err);
    char *text = rc == 0 && l->json != NULL ? json_dumps(l->json, JSON_COMPACT) : NULL;
    if (text != NULL)
        fprintf(l->options->out, "%s\n", text);
    else if (rc == 0 && l->json != NULL)
        rc = no_memory(err);
    free(text);
    json_decref(l->json);
    return rc;
}

static void wrong_use(const struct tm_cli_options *options, const char *verb, uint32_t paths,
                      struct tm_error *err)
{
    const char *names[sizeof verbs / sizeof verbs[0]], *nearest = NULL;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        names[i] = verbs[i].name;
    if (verb == NULL) {
        nearest = tm_text_nearest(options->file, names, sizeof verbs / sizeof verbs[0]);
        tm_error_set(err, TM_E_USAGE, "`tidemill checkpoint` cannot %s", options->file);
    } else {
        tm_error_set(err, TM_E_USAGE, "`tidemill checkpoint %s` needs %s", verb,
                     paths == 1 ? "the path of one checkpoint" : "the paths of two checkpoints");
    }
    tm_error_hint(err, "%s%s%stidemill checkpoint show|verify PATH, or diff PATH PATH",
                  nearest == NULL ? "" : "did you mean ", nearest == NULL ? "" : nearest,
                  nearest == NULL ? "" : "? ");
}

int tm_cli_checkpoint(const struct tm_cli_options *options)
{
    struct looking l = {.options = options};
    struct tm_error err = {0};
    size_t verb = 0, count = sizeof verbs / sizeof verbs[0];
    while (verb < count && strcmp(options->file, verbs[verb].name) != 0)
        verb++;
    if (verb == count || options->rest_count != verbs[verb].paths) {
        wrong_use(options, verb == count ? NULL : verbs[verb].name,
                  verb == count ? 0 : verbs[verb].paths, &err);
        return tm_cli_fail(options, &err, TM_EXIT_USAGE);
    }
    int rc = tm_real_init(&l.fx, &err);
    if (rc != 0)
        return tm_cli_fail(options, &err, TM_EXIT_FAILED);
    tm_mem_init(&l.mem, &l.fx, NULL, 0);
    rc = run_verb(&l, verb, &err);
    tm_real_fini(&l.fx);
    return rc == 0 ? TM_EXIT_FINISHED : tm_cli_fail(options, &err, TM_EXIT_FAILED);
}
