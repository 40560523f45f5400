// See cut.h.
#include "core/operator/cut.h"

#include <stdio.h>

#include "core/batch/key_group.h"
#include "core/batch/wire.h"
#include "core/state/claims.h"
#include "core/state/image.h"

// --- layouts -------------------------------------------------------------------------------------

const struct tm_layout_field tm__operator_in_value = {.present_bit = UINT32_MAX};

void tm__operator_layout_begin(struct tm__operator_layout *layout, struct tm_mem *mem,
                               uint32_t value_bytes)
{
    *layout = (struct tm__operator_layout){.layout.value_bytes = value_bytes, .mem = mem};
}

void tm__operator_layout_fini(struct tm__operator_layout *layout)
{
    if (layout->mem != NULL)
        tm_mem_free(layout->mem, layout->fields, layout->capacity * sizeof *layout->fields);
    *layout = (struct tm__operator_layout){0};
}

// The field behind all others; NULL: no memory.
static struct tm_layout_field *next_field(struct tm__operator_layout *layout)
{
    uint32_t count = layout->layout.field_count, capacity = layout->capacity;
    if (layout->code != 0)
        return NULL;
    if (count == capacity) {
        uint32_t larger = capacity == 0 ? 8 : 2 * capacity;
        struct tm_layout_field *fields = tm_mem_realloc(
            layout->mem, layout->fields, capacity * sizeof *fields, larger * sizeof *fields);
        if (fields == NULL) {
            layout->code = TM_E_MEMORY;
            return NULL;
        }
        layout->fields = fields;
        layout->capacity = larger;
        layout->layout.fields = fields;
    }
    layout->layout.field_count++;
    return &layout->fields[count];
}

// A text that is too long ends with the hash of all of it.
static void set_text(char *to, size_t size, const char *text, size_t length)
{
    char tail[24] = "";
    size_t cut = length;
    if (length >= size) {
        snprintf(tail, sizeof tail, "...#%016llx", (unsigned long long)tm_hash_bytes(text, length));
        cut = size - 1 - strlen(tail);
        while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80) // not within a character
            cut--;
    }
    memcpy(to, text, cut);
    memcpy(to + cut, tail, strlen(tail) + 1);
}

void tm__operator_layout_add(struct tm__operator_layout *layout, const struct tm_layout_field *from,
                             const char *name, const char *what, const struct tm_type *type)
{
    struct tm_layout_field *field = next_field(layout);
    struct tm_buf text;
    if (field == NULL)
        return;
    tm_buf_init(&text, layout->mem);
    int rc = tm_buf_printf(&text, "%s", what);
    if (rc == 0 && type != NULL) {
        rc = tm_buf_append(&text, "(", 1);
        if (rc == 0)
            rc = tm_type_put_text(&text, *type);
        if (rc == 0)
            rc = tm_buf_append(&text, ")", 1);
    }
    *field = *from;
    set_text(field->name, sizeof field->name, name, strlen(name));
    if (rc == 0)
        set_text(field->type, sizeof field->type, (const char *)text.data, text.size_bytes);
    else
        layout->code = rc;
    tm_buf_fini(&text);
}

void tm__operator_layout_say(struct tm__operator_layout *layout, const char *name, const char *what)
{
    tm__operator_layout_add(layout, &tm__operator_in_value, name, what, NULL);
}

int tm__operator_key_types(const struct tm_operator *op, struct tm_buf *text)
{
    const struct tm_node *node = op->node;
    const struct tm_graph *graph = op->ctx->plan->graph; // an operator alone has none
    const struct tm_schema *input = graph == NULL || node->inputs == NULL
                                        ? NULL
                                        : tm_node_schema(&graph->nodes[node->inputs[0]]);
    int rc = 0;
    for (uint32_t i = 0; input != NULL && i < node->key.count && rc == 0; i++) {
        rc = i == 0 ? 0 : tm_buf_append(text, ",", 1);
        if (rc == 0)
            rc = tm_type_put_text(text, input->fields[node->key.fields[i]].type);
    }
    return rc == 0 ? tm_buf_append(text, "", 1) : rc;
}

void tm__operator_layout_say_key(struct tm__operator_layout *layout, const struct tm_operator *op)
{
    struct tm_buf text;
    tm_buf_init(&text, layout->mem);
    int rc = tm__operator_key_types(op, &text);
    if (rc != 0)
        layout->code = rc;
    else if (text.size_bytes > 1)
        tm__operator_layout_say(layout, "$key", (const char *)text.data);
    tm_buf_fini(&text);
}

int tm__operator_layout_end(struct tm__operator_layout *layout)
{
    int rc = layout->code;
    if (rc != 0)
        tm__operator_layout_fini(layout);
    return rc;
}

// --- states --------------------------------------------------------------------------------------

int tm__operator_cut_state(const struct tm_operator *op, struct tm_cut *cut, const char *part,
                           struct tm_state *state, const struct tm__operator_layout *layout,
                           struct tm_error *err)
{
    struct tm_snapshot *snapshot = tm_state_freeze_pages(state);
    if (snapshot == NULL || tm_cut_state(cut, op->node->name, part, snapshot, &layout->layout) != 0)
        return tm__operator_out_of_memory(op, err);
    return 0;
}

int tm__operator_damaged(const struct tm_operator *op, const char *part, struct tm_error *err,
                         const char *fmt, ...)
{
    char what[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return tm_error_set(err, TM_E_CHECKPOINT, "operator '%s': its %s are damaged: %s",
                        op->node->name, part, what);
}

struct tm_namespace *tm__operator_namespace(struct tm_state *state, int64_t id)
{
    struct tm_namespace *ns = tm_state_namespace_find(state, id);
    return ns != NULL ? ns : tm_state_namespace_create(state, id);
}

const void *tm__operator_seen_blob(struct tm__operator_seen *seen, const struct tm_blob *blob)
{
    static const uint64_t nothing; // aligned, as all blobs are
    if (blob->length == 0)
        return blob->reference == 0 ? &nothing : NULL;
    return tm_state_claim(seen->claims, seen->home.ns, blob)
               ? tm_state_blob_get(seen->home.state, seen->home.key_group, blob)
               : NULL;
}

const char *tm__operator_row_wrong(struct tm__operator_seen *seen, const struct tm_schema *schema,
                                   const struct tm_blob *blob)
{
    const void *bytes = tm__operator_seen_blob(seen, blob);
    if (bytes == NULL)
        return "a row that is nowhere";
    return tm_wire_check_rows(schema, NULL, bytes, blob->length, 1, &seen->why) == 0
               ? NULL
               : seen->why.message;
}

const char *tm__operator_bytes_wrong(struct tm__operator_seen *seen, const struct tm_field *field,
                                     const struct tm_blob *blob)
{
    const void *bytes = tm__operator_seen_blob(seen, blob);
    if (bytes == NULL)
        return "a value that is nowhere";
    return tm_wire_check_value(field, bytes, blob->length, &seen->why) == 0 ? NULL
                                                                            : seen->why.message;
}

// What looks at all entries of a part.
struct looking {
    const struct tm_operator *op;
    const char *part;
    const struct tm_key_reader *reader; // NULL: any bytes may be a key
    tm__operator_look_at_value *look;   // NULL: any value is good
    void *arg;
    struct tm__operator_seen seen;
    const char *wrong; // NULL: nothing so far
    struct tm_buf scratch;
    struct tm_error *err;
};

static int see(void *arg, const struct tm_key *keys, const void *const *values, uint32_t count)
{
    struct looking *l = arg;
    if (l->reader != NULL && tm_wire_check_keys(l->reader, keys, count, &l->seen.why) != 0)
        l->wrong = l->seen.why.message;
    for (uint32_t i = 0; i < count && l->look != NULL && l->wrong == NULL; i++)
        l->wrong = l->look(l->arg, &l->seen, values[i]);
    return l->wrong == NULL ? 0 : TM_E_CHECKPOINT;
}

static int look_at_space(struct looking *l)
{
    const struct tm__operator_home *home = &l->seen.home;
    int rc = tm_state_see_all(home->state, home->ns, home->key_group, &l->scratch, see, l);
    if (rc == TM_E_MEMORY)
        return tm__operator_out_of_memory(l->op, l->err);
    return rc == 0 ? 0
                   : tm__operator_damaged(l->op, l->part, l->err, "%s",
                                          l->wrong != NULL ? l->wrong : "a key is there twice");
}

static int look_at_group(struct looking *l, struct tm_state *state, uint32_t group)
{
    struct tm_namespace *ns = tm_state_namespace_first(state);
    int rc = 0;
    l->seen = (struct tm__operator_seen){.home = {state, NULL, group}};
    if (l->look != NULL)
        l->seen.claims = tm_state_claims_begin(state, group);
    if (l->look != NULL && l->seen.claims == NULL)
        return tm__operator_out_of_memory(l->op, l->err);
    for (; ns != NULL && rc == 0; ns = tm_state_namespace_next(ns)) {
        l->seen.home.ns = ns;
        rc = look_at_space(l);
    }
    tm_state_claims_end(l->seen.claims);
    return rc;
}

int tm__operator_restore_state(const struct tm_operator *op, const struct tm_restored *restored,
                               const char *part, const struct tm__operator_layout *layout,
                               struct tm_state *state, const struct tm_key_reader *reader,
                               tm__operator_look_at_value *look, void *arg, struct tm_error *err)
{
    int rc = tm_restored_state(restored, op->node->name, part, &layout->layout, state, err);
    return rc == 0 ? tm__operator_look_at_state(op, part, state, reader, look, arg, err) : rc;
}

int tm__operator_look_at_state(const struct tm_operator *op, const char *part,
                               struct tm_state *state, const struct tm_key_reader *reader,
                               tm__operator_look_at_value *look, void *arg, struct tm_error *err)
{
    uint32_t max_parallelism, first, last;
    int rc = 0;
    if (reader == NULL && look == NULL)
        return 0;
    struct looking looking = {
        .op = op, .part = part, .reader = reader, .look = look, .arg = arg, .err = err};
    tm_buf_init(&looking.scratch, op->ctx->mem);
    tm_state_key_groups(state, &max_parallelism, &first, &last);
    for (uint32_t group = first; group <= last && rc == 0; group++)
        rc = look_at_group(&looking, state, group);
    tm_buf_fini(&looking.scratch);
    return rc;
}

// --- numbers -------------------------------------------------------------------------------------

enum { WORDS_MAX = 8, HEAD_WORDS = 2 }; // parallelism, max parallelism

int tm__operator_cut_words(const struct tm_operator *op, struct tm_cut *cut, const char *part,
                           const int64_t *words, uint32_t count, struct tm_error *err)
{
    int64_t item[HEAD_WORDS + WORDS_MAX] = {op->ctx->chain->parallelism,
                                            op->ctx->plan->max_parallelism};
    TM_CHECK(count <= WORDS_MAX);
    memcpy(item + HEAD_WORDS, words, count * sizeof *words);
    return tm_cut_item(cut, op->node->name, part, TM_ITEM_SUBTASK, item,
                       (HEAD_WORDS + count) * sizeof *item) == 0
               ? 0
               : tm__operator_out_of_memory(op, err);
}

struct words {
    const struct tm_operator *op;
    const char *part;
    uint32_t count, other;
    tm__operator_take_words *take;
    void *arg;
};

static int take_item(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                     struct tm_error *err)
{
    const struct words *words = arg;
    int64_t item[HEAD_WORDS + WORDS_MAX];
    bool mine = size == (HEAD_WORDS + words->count) * sizeof *item;
    if (!mine && size != (HEAD_WORDS + words->other) * sizeof *item)
        return tm__operator_damaged(words->op, words->part, err, "they are %zu bytes", size);
    memcpy(item, bytes, size);
    if (item[0] < 1 || item[0] > item[1] || item[1] > TM_MAX_PARALLELISM || old_subtask >= item[0])
        return tm__operator_damaged(words->op, words->part, err,
                                    "they are of subtask %u of %lld, of at most %lld", old_subtask,
                                    (long long)item[0], (long long)item[1]);
    const struct tm__operator_old old = {old_subtask, (uint32_t)item[0], (uint32_t)item[1],
                                         item + HEAD_WORDS, mine ? words->count : words->other};
    return words->take(words->arg, &old, err);
}

int tm__operator_restore_words(const struct tm_operator *op, const struct tm_restored *restored,
                               const char *part, uint32_t count, tm__operator_take_words *take,
                               void *arg, struct tm_error *err)
{
    return tm__operator_restore_words_of(op, restored, part, count, count, take, arg, err);
}

int tm__operator_restore_words_of(const struct tm_operator *op, const struct tm_restored *restored,
                                  const char *part, uint32_t count, uint32_t other,
                                  tm__operator_take_words *take, void *arg, struct tm_error *err)
{
    struct words words = {op, part, count, other, take, arg};
    const struct tm_restored_for who = {op->node->name, op->ctx->subtask,
                                        op->ctx->chain->parallelism};
    TM_CHECK(count <= WORDS_MAX && other <= WORDS_MAX);
    return tm_restored_items(restored, &who, part, take_item, &words, err);
}

int tm__operator_refuse_windows(const struct tm_operator *op, const struct tm_restored *restored,
                                const char *part, const struct tm__operator_layout *layout,
                                struct tm_state *state, struct tm_error *err)
{
    const char *name = op->node->name;
    return tm_restored_has(restored, name, part)
               ? tm_restored_state(restored, name, part, &layout->layout, state, err)
               : 0;
}

// --- how far event time had come -----------------------------------------------------------------

#define UNKNOWN INT64_MAX

int tm__operator_reached_begin(struct tm__operator_reached *reached, const struct tm_operator *op,
                               struct tm_error *err)
{
    uint32_t last;
    tm__operator_reached_fini(reached);
    *reached = (struct tm__operator_reached){.mem = op->ctx->mem};
    tm__operator_key_groups(op, &reached->first, &last);
    reached->count = last - reached->first + 1;
    reached->at = tm_mem_alloc(reached->mem, reached->count * sizeof *reached->at);
    if (reached->at == NULL)
        return tm__operator_out_of_memory(op, err);
    for (uint32_t i = 0; i < reached->count; i++)
        reached->at[i] = UNKNOWN;
    return 0;
}

// A key group that has keys of several of old, which another max parallelism brings, is as far as
// the least of them: so no row is lost.
static void note_groups(struct tm__operator_reached *reached, const struct tm_operator *op,
                        uint64_t first, uint64_t last, uint64_t old_max, int64_t watermark)
{
    uint64_t max = op->ctx->plan->max_parallelism;
    watermark = watermark == UNKNOWN ? UNKNOWN - 1 : watermark; // no window is between them
    for (uint32_t i = 0; i < reached->count; i++) {
        uint64_t group = reached->first + i; // groups are shares of all hashes
        if (group * old_max < (last + 1) * max && (group + 1) * old_max > first * max &&
            watermark < reached->at[i])
            reached->at[i] = watermark;
    }
}

void tm__operator_reached_note(struct tm__operator_reached *reached, const struct tm_operator *op,
                               const struct tm__operator_old *old, int64_t watermark)
{
    uint32_t first, last;
    if ((reached->told[old->subtask / 64 % (TM_PARALLELISM_MAX / 64)] >> old->subtask % 64 & 1) !=
        0)
        return;
    tm_key_group_range(old->subtask, old->parallelism, old->max_parallelism, &first, &last);
    note_groups(reached, op, first, last, old->max_parallelism, watermark);
}

enum { GROUPS_FIRST, GROUPS_LAST, GROUPS_AT, GROUPS_WORDS };

int tm__operator_reached_cut(const struct tm__operator_reached *reached,
                             const struct tm_operator *op, int64_t watermark, struct tm_cut *cut,
                             struct tm_error *err)
{
    int rc = 0;
    for (uint32_t i = 0, next; reached->at != NULL && i < reached->count && rc == 0; i = next) {
        uint32_t first = reached->first + i;
        int64_t at = tm__operator_reached_of(reached, first, watermark);
        for (next = i + 1; next < reached->count; next++)
            if (tm__operator_reached_of(reached, reached->first + next, watermark) != at)
                break;
        const int64_t words[GROUPS_WORDS] = {first, reached->first + next - 1, at};
        rc = tm__operator_cut_words(op, cut, "window groups", words, GROUPS_WORDS, err);
    }
    return rc;
}

struct groups {
    struct tm__operator_reached *reached;
    const struct tm_operator *op;
};

static int take_groups(void *arg, const struct tm__operator_old *old, struct tm_error *err)
{
    const struct groups *groups = arg;
    int64_t first = old->words[GROUPS_FIRST], last = old->words[GROUPS_LAST];
    if (first < 0 || first > last || last >= old->max_parallelism ||
        old->subtask >= TM_PARALLELISM_MAX)
        return tm__operator_damaged(groups->op, "window groups", err,
                                    "they are from %lld to %lld of %u", (long long)first,
                                    (long long)last, old->max_parallelism);
    groups->reached->told[old->subtask / 64] |= 1ULL << old->subtask % 64;
    note_groups(groups->reached, groups->op, (uint64_t)first, (uint64_t)last, old->max_parallelism,
                old->words[GROUPS_AT]);
    return 0;
}

int tm__operator_reached_restore(struct tm__operator_reached *reached, const struct tm_operator *op,
                                 const struct tm_restored *restored, struct tm_error *err)
{
    struct groups groups = {reached, op};
    return tm__operator_restore_words(op, restored, "window groups", GROUPS_WORDS, take_groups,
                                      &groups, err);
}

void tm__operator_reached_end(struct tm__operator_reached *reached)
{
    int64_t least = UNKNOWN, most = TM_WATERMARK_MIN;
    for (uint32_t i = 0; i < reached->count; i++) {
        least = reached->at[i] < least ? reached->at[i] : least;
        if (reached->at[i] != UNKNOWN && reached->at[i] > most)
            most = reached->at[i];
    }
    if (least == UNKNOWN) // nobody knew
        least = TM_WATERMARK_MIN;
    for (uint32_t i = 0; i < reached->count; i++)
        if (reached->at[i] == UNKNOWN)
            reached->at[i] = least;
    if (least == most)
        tm__operator_reached_fini(reached);
    reached->least = least == UNKNOWN - 1 ? TM_WATERMARK_MAX : least;
    reached->most = most;
}

void tm__operator_reached_fini(struct tm__operator_reached *reached)
{
    if (reached->mem != NULL)
        tm_mem_free(reached->mem, reached->at, reached->count * sizeof *reached->at);
    reached->at = NULL;
}
