// What a checkpoint has of keyed records: the state itself, frozen, with a layout that names each
// of its values as the script names the state, so that what a changed script keeps too is found
// again. Which states have a time to live, and by which clock, is an item beside it: one that had
// none before, or one by the other clock, begins to count when it is restored, not in 1970.
#include <stdio.h>

#include "core/base/hash.h"
#include "core/operator/collections_private.h"
#include "core/operator/cut.h"
#include "core/operator/draws.h"
#include "core/operator/keyed.h"
#include "core/state/image.h"
#include "core/vm/vm.h"

// By what clock: times of one are nothing to the other.
static const char *const of_access[] = {" (last access)", " (last access in event time)"};
static const char *const of_oldest[] = {" (oldest)", " (oldest in event time)"};
static const char *const of_newest[] = {" (newest)", " (newest in event time)"};

// A text that is too long is cut, and told apart by its hash.
int tm__operator_put_type(struct tm_mem *mem, struct tm_layout_field *field, const char *verb,
                          const struct tm_type *key, struct tm_type type)
{
    struct tm_buf text;
    tm_buf_init(&text, mem);
    int rc = tm_buf_append(&text, verb, strlen(verb));
    if (rc == 0 && key != NULL)
        rc = tm_type_put_text(&text, *key);
    if (rc == 0 && key != NULL)
        rc = tm_buf_append(&text, ",", 1);
    if (rc == 0)
        rc = tm_type_put_text(&text, type);
    if (rc == 0 && verb[0] != 0)
        rc = tm_buf_append(&text, ")", 1);
    if (rc == 0) {
        size_t length = text.size_bytes, most = sizeof field->type - 1;
        int shown = (int)(length <= most ? length : most - 17);
        snprintf(field->type, sizeof field->type, "%.*s", shown, (const char *)text.data);
        if (length > most)
            snprintf(field->type + shown, 18, "#%016llx",
                     (unsigned long long)tm_hash_bytes(text.data, length));
    }
    tm_buf_fini(&text);
    return rc;
}

// --- the layout ----------------------------------------------------------------------------------

struct laying {
    struct tm_layout_field *fields; // NULL: they are only counted
    uint32_t count;
    struct tm_mem *mem;
};

// Names that are too long together with what is behind them are told apart by their hash.
static void put_name(struct tm_layout_field *field, const char *name, const char *dot,
                     const char *more)
{
    char whole[2 * TM_NAME_MAX + 32];
    int length = snprintf(whole, sizeof whole, "%s%s%s", name, dot, more);
    if (length > TM_NAME_MAX)
        length = snprintf(whole, sizeof whole, "%.200s#%016llx", name,
                          (unsigned long long)tm_hash_bytes(whole, (size_t)length));
    memcpy(field->name, whole, (size_t)length + 1);
}

static int put_type(struct laying *laying, struct tm_layout_field *field, const char *verb,
                    const struct tm_type *key, struct tm_type type)
{
    return tm__operator_put_type(laying->mem, field, verb, key, type);
}

// Room for one field more, or only its number.
static struct tm_layout_field *add(struct laying *laying, uint32_t kind, uint32_t offset,
                                   uint32_t bytes, uint32_t bit)
{
    uint32_t i = laying->count++;
    if (laying->fields == NULL)
        return NULL;
    laying->fields[i] = (struct tm_layout_field){
        .kind = kind, .offset = offset, .bytes = bytes, .present_bit = bit};
    return &laying->fields[i];
}

static void add_double(struct laying *laying, const char *name, const char *what, uint32_t offset)
{
    struct tm_layout_field *field =
        add(laying, TM_LAYOUT_BYTES, offset, sizeof(double), UINT32_MAX);
    if (field == NULL)
        return;
    put_name(field, name, "", what);
    memcpy(field->type, "double", sizeof "double");
}

static int add_value(struct laying *laying, struct tm_type type, const char *name,
                     const char *member, bool migrates, uint32_t offset, uint32_t bit)
{
    uint32_t kind = tm_type_is_reference(type) ? TM_LAYOUT_BLOB : TM_LAYOUT_BYTES;
    struct tm_layout_field *field = add(laying, kind, offset, tm_type_slot_bytes(type), bit);
    if (field == NULL)
        return 0;
    put_name(field, name, member == NULL ? "" : ".", member == NULL ? "" : member);
    field->migrates = migrates;
    return put_type(laying, field, "", NULL, type);
}

static int add_collection(struct laying *laying, const struct tm_state_field *state,
                          const struct tm__operator_collection_spec *spec)
{
    uint32_t kind = spec->is_map ? TM_LAYOUT_MAP : TM_LAYOUT_LIST;
    struct tm_layout_field *field =
        add(laying, kind, spec->offset, TM__OPERATOR_COLLECTION_BYTES, spec->bit);
    int rc = 0;
    if (field != NULL) {
        put_name(field, state->name, "", "");
        field->value_bytes = spec->ttl_ms != 0 ? sizeof(double) : 0;
        field->migrates = state->migrates;
        rc = put_type(laying, field, spec->is_map ? "map(" : "list(",
                      spec->is_map ? &state->key : NULL, state->type);
    }
    if (rc != 0 || spec->ttl_ms == 0)
        return rc;
    uint32_t head = spec->offset;
    bool event = state->clock == TM_TTL_EVENT;
    add_double(laying, state->name, of_oldest[event],
               head + (uint32_t)offsetof(struct tm__operator_collection, oldest));
    add_double(laying, state->name, of_newest[event],
               head + (uint32_t)offsetof(struct tm__operator_collection, newest));
    return 0;
}

// Of what types the key is: records of other keys are of no use.
static int add_key(const struct tm__operator_keyed *keyed, struct laying *laying)
{
    struct tm_buf text;
    tm_buf_init(&text, laying->mem);
    int rc = tm__operator_key_types(keyed->op, &text);
    if (rc == 0 && text.size_bytes > 1) {
        struct tm_layout_field *field = add(laying, TM_LAYOUT_BYTES, 0, 0, UINT32_MAX);
        if (field != NULL) {
            put_name(field, "$key", "", "");
            snprintf(field->type, sizeof field->type, "%s", (const char *)text.data);
        }
    }
    tm_buf_fini(&text);
    return rc;
}

// The same walk as that of tm__operator_record_init.
static int lay_out_fields(const struct tm__operator_keyed *keyed, struct laying *laying)
{
    const struct tm_node *node = keyed->op->node;
    uint32_t at = sizeof(uint64_t), bit = 0, collection = 0;
    int rc = keyed->scope == TM__SCOPE_KEY ? add_key(keyed, laying) : 0;
    for (uint32_t i = 0; i < node->state_count && rc == 0; i++) {
        const struct tm_state_field *state = &node->states[i];
        if (tm__operator_scope_of(state) != keyed->scope)
            continue;
        if (state->kind == TM_STATE_LIST || state->kind == TM_STATE_MAP) {
            rc = add_collection(laying, state, &keyed->record.collections[collection++]);
            bit++;
            continue;
        }
        bool accumulates = state->kind == TM_STATE_AGGREGATING;
        if (accumulates) { // its own bit: there is an accumulator
            struct tm_layout_field *own = add(laying, TM_LAYOUT_BYTES, at, 0, bit++);
            if (own != NULL)
                put_name(own, state->name, "", "");
        }
        uint32_t values = accumulates ? state->type.of->field_count : 1;
        for (uint32_t v = 0; v < values && rc == 0; v++) {
            const struct tm_field *member = accumulates ? &state->type.of->fields[v] : NULL;
            struct tm_type type = accumulates ? member->type : state->type;
            rc = add_value(laying, type, state->name, accumulates ? member->name : NULL,
                           state->migrates, at, bit++);
            at += tm_type_slot_bytes(type);
        }
        if (state->ttl_ms == 0)
            continue;
        add_double(laying, state->name, of_access[state->clock == TM_TTL_EVENT], at);
        at += sizeof(double);
    }
    return rc;
}

static int lay_out(struct tm__operator_keyed *keyed)
{
    struct laying laying = {.mem = keyed->mem};
    if (keyed->layout.fields != NULL)
        return 0;
    int rc = lay_out_fields(keyed, &laying); // counts
    uint32_t count = laying.count;
    laying.fields = rc == 0 ? tm_mem_zalloc(keyed->mem, count * sizeof *laying.fields) : NULL;
    laying.count = 0;
    rc = laying.fields == NULL ? TM_E_MEMORY : lay_out_fields(keyed, &laying);
    keyed->layout = (struct tm_layout){
        .value_bytes = keyed->record.bytes, .field_count = count, .fields = laying.fields};
    return rc;
}

void tm__operator_keyed_saved_fini(struct tm__operator_keyed *keyed)
{
    if (keyed->layout.fields != NULL)
        tm_mem_free(keyed->mem, (void *)(uintptr_t)keyed->layout.fields,
                    keyed->layout.field_count * sizeof *keyed->layout.fields);
    keyed->layout = (struct tm_layout){0};
}

// --- times to live -------------------------------------------------------------------------------

static const char *expiring_part(const char *part, char name[64])
{
    snprintf(name, 64, "%s ttl", part);
    return name;
}

// The item of a state: its name; behind it a zero, and "event" where that is its clock.
static bool is_same_expiring(const char *name, bool event, const char *bytes, size_t size)
{
    static const char clock[] = "event";
    size_t length = strlen(name);
    if (size != length + (event ? sizeof clock : 0) || memcmp(name, bytes, length) != 0)
        return false;
    return !event ||
           (bytes[length] == '\0' && memcmp(bytes + length + 1, clock, sizeof clock - 1) == 0);
}

static int note_expiring(const struct tm__operator_keyed *keyed, struct tm_cut *cut,
                         const char *part)
{
    const struct tm_node *node = keyed->op->node;
    char name[64], item[TM_NAME_MAX + 16];
    int rc = 0;
    for (uint32_t i = 0; i < node->state_count && rc == 0; i++) {
        const struct tm_state_field *state = &node->states[i];
        if (tm__operator_scope_of(state) != keyed->scope || state->ttl_ms == 0)
            continue;
        int length = state->clock == TM_TTL_EVENT
                         ? snprintf(item, sizeof item, "%s%cevent", state->name, '\0')
                         : snprintf(item, sizeof item, "%s", state->name);
        rc = tm_cut_item(cut, node->name, expiring_part(part, name), TM_ITEM_COPY, item,
                         (size_t)length);
    }
    return rc;
}

struct expiring {
    const struct tm__operator_keyed *keyed;
    const struct tm_restored *restored;
    uint64_t had; // by number of the node's states
};

static int take_expiring(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                         struct tm_error *err)
{
    struct expiring *expiring = arg;
    const struct tm_node *node = expiring->keyed->op->node;
    (void)old_subtask;
    (void)err;
    for (uint32_t i = 0; i < node->state_count; i++) {
        const char *was = tm_restored_was(expiring->restored, node->name, node->states[i].name);
        if (is_same_expiring(was, node->states[i].clock == TM_TTL_EVENT, bytes, size))
            expiring->had |= (uint64_t)1 << i;
    }
    return 0;
}

static double begin_of(const struct tm__operator_keyed *keyed, bool event)
{
    int64_t at = event ? keyed->watermark : keyed->clock_ms;
    const int64_t first = -(INT64_C(1) << 53); // as a call without a time counts
    return (double)(at < first ? first : at);
}

static int begin_list(const struct tm_place *place, struct tm_state_list *list, double at)
{
    for (uint32_t i = 0; i < list->count; i++) {
        void *value;
        uint32_t length;
        int rc = tm_state_list_edit(place, list, i, &value, &length);
        if (rc < 0)
            return rc;
        memcpy(value, &at, sizeof at);
    }
    return 0;
}

static int begin_map(const struct tm_place *place, struct tm_state_map *map, double at)
{
    struct tm_state_map_cursor cursor = {0};
    struct tm_key key;
    struct tm_span span;
    int rc;
    while ((rc = tm_state_map_next(place, map, &cursor, &key, &span)) == 1) {
        void *value;
        uint32_t length;
        rc = tm_state_map_edit(place, map, &key, &value, &length);
        if (rc < 0)
            return rc;
        memcpy(value, &at, sizeof at);
    }
    return rc;
}

// The states of `fresh` of one record: their time begins now.
static int begin_record(struct tm__operator_keyed *keyed, const struct tm_key *key, uint8_t *record,
                        uint64_t fresh)
{
    const struct tm_node *node = keyed->op->node;
    const struct tm_place place = {keyed->state, keyed->ns,
                                   tm_state_key_group(keyed->state, key->hash)};
    uint32_t ttl = 0, collection = 0;
    for (uint32_t i = 0; i < node->state_count; i++) {
        const struct tm_state_field *state = &node->states[i];
        if (tm__operator_scope_of(state) != keyed->scope)
            continue;
        double at = begin_of(keyed, state->clock == TM_TTL_EVENT);
        bool begins = (fresh >> i & 1) != 0;
        if (state->kind != TM_STATE_LIST && state->kind != TM_STATE_MAP) {
            if (state->ttl_ms != 0 && begins)
                memcpy(record + keyed->record.ttls[ttl].access_offset, &at, sizeof at);
            ttl += state->ttl_ms != 0;
            continue;
        }
        struct tm__operator_collection *head =
            (void *)(record + keyed->record.collections[collection++].offset);
        if (!begins)
            continue;
        head->oldest = head->newest = at;
        int rc = state->kind == TM_STATE_MAP ? begin_map(&place, &head->map, at)
                                             : begin_list(&place, &head->list, at);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int begin_times(struct tm__operator_keyed *keyed, uint64_t fresh)
{
    struct tm_state_cursor cursor;
    struct tm_key key;
    const void *value;
    uint32_t max, first, last;
    tm_state_key_groups(keyed->state, &max, &first, &last);
    for (uint32_t group = first; group <= last; group++) {
        tm_state_iterate_from(keyed->state, keyed->ns, group, 0, &cursor);
        while (tm_state_next(&cursor, &key, &value)) {
            uint8_t *record = tm_state_upsert(keyed->state, keyed->ns, &key, NULL);
            int rc = record == NULL ? TM_E_MEMORY : begin_record(keyed, &key, record, fresh);
            if (rc != 0)
                return rc;
        }
        if (cursor.code != 0)
            return cursor.code;
    }
    return 0;
}

// --- values of other types -----------------------------------------------------------------------

struct migrating {
    struct tm__operator_keyed *keyed;
    struct tm_buf made;
};

// A key for messages: a text in quotes, a number; of several columns only how long it is.
static const char *key_text(const struct tm_operator *op, const struct tm_key *key, char *text,
                            size_t size)
{
    const struct tm_node *node = op->node;
    const struct tm_schema *input = tm_node_schema(&op->ctx->plan->graph->nodes[node->inputs[0]]);
    uint8_t kind = node->key.count == 1 && input != NULL
                       ? input->fields[node->key.fields[0]].type.kind
                       : TM_TYPE_UNKNOWN;
    int64_t number;
    double real;
    if (kind == TM_TYPE_STRING) {
        snprintf(text, size, "\"%.*s\"", key->length > 100 ? 100 : (int)key->length,
                 (const char *)key->bytes);
    } else if (kind == TM_TYPE_DOUBLE && key->length == sizeof real) {
        memcpy(&real, key->bytes, sizeof real);
        snprintf(text, size, "%.17g", real);
    } else if (kind != TM_TYPE_UNKNOWN && key->length == sizeof number) {
        memcpy(&number, key->bytes, sizeof number);
        snprintf(text, size, "%lld", (long long)number);
    } else {
        snprintf(text, size, "of %u bytes", key->length);
    }
    return text;
}

// --- the part ------------------------------------------------------------------------------------

int tm__operator_keyed_snapshot(struct tm__operator_keyed *keyed, struct tm_cut *cut,
                                const char *part, struct tm_error *err)
{
    if (keyed->record.value_count == 0)
        return 0;
    int rc = lay_out(keyed);
    struct tm_snapshot *snapshot = rc == 0 ? tm_state_freeze_pages(keyed->state) : NULL;
    if (snapshot == NULL)
        return tm__operator_out_of_memory(keyed->op, err);
    rc = tm_cut_state(cut, keyed->op->node->name, part, snapshot, &keyed->layout);
    if (rc == 0)
        rc = note_expiring(keyed, cut, part);
    return rc == 0 ? 0 : tm__operator_out_of_memory(keyed->op, err);
}

// A value of another type, by the function of its state.
static int migrate(void *arg, const struct tm_layout_field *to, const char *from_type,
                   const struct tm_key *key, const void *bytes, uint32_t length, const void **made,
                   uint32_t *made_length, struct tm_error *err)
{
    struct migrating *m = arg;
    const struct tm_operator *op = m->keyed->op;
    const struct tm_vm_migration call = {.node = op->node->id,
                                         .state = to->name,
                                         .type = from_type,
                                         .bytes = bytes,
                                         .length = length};
    bool nothing = false;
    tm_task_migrates(op->ctx, op->node, true);
    int rc = tm_vm_migrate(op->ctx->vm, &call, &m->made, &nothing, err);
    tm_task_migrates(op->ctx, op->node, false);
    if (rc != 0 && rc != TM_E_MEMORY) {
        char text[128];
        err->code = TM_E_STATE_MIGRATE;
        return tm_error_prefix(err, "operator '%s': migrate of state '%s' of key %s",
                               op->node->name, to->name, key_text(op, key, text, sizeof text));
    }
    *made = nothing ? NULL : m->made.data;
    *made_length = (uint32_t)m->made.size_bytes;
    return rc;
}

static int restore_into(struct tm__operator_keyed *keyed, const struct tm_restored *restored,
                        const char *part, struct tm_state *state, struct tm_error *err)
{
    const char *name = keyed->op->node->name;
    struct migrating migrating = {.keyed = keyed};
    const struct tm_migration migration = {.arg = &migrating, .migrate = migrate};
    if (lay_out(keyed) != 0)
        return tm__operator_out_of_memory(keyed->op, err);
    tm_buf_init(&migrating.made, keyed->mem);
    int rc = tm_restored_migrated(restored, name, part, &keyed->layout, &migration, state, err);
    tm_buf_fini(&migrating.made);
    if (rc == 0)
        return tm__operator_keyed_look(keyed, part, state, err);
    return rc == TM_E_STATE_MIGRATE ? rc : tm_error_prefix(err, "operator '%s'", name);
}

int tm__operator_keyed_restore(struct tm__operator_keyed *keyed, const struct tm_restored *restored,
                               const char *part, struct tm_error *err)
{
    const struct tm_node *node = keyed->op->node;
    struct expiring expiring = {.keyed = keyed, .restored = restored};
    uint64_t fresh = 0;
    char name[64];
    if (keyed->record.value_count == 0 || !tm_restored_has(restored, node->name, part))
        return 0;
    int rc = restore_into(keyed, restored, part, keyed->state, err);
    if (rc != 0)
        return rc;
    keyed->ns = tm__operator_state_only(keyed->state);
    if (keyed->ns == NULL)
        return tm__operator_out_of_memory(keyed->op, err);
    const struct tm_restored_for who = tm__operator_restored_for(keyed->op);
    rc =
        tm_restored_items(restored, &who, expiring_part(part, name), take_expiring, &expiring, err);
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < node->state_count; i++)
        if (tm__operator_scope_of(&node->states[i]) == keyed->scope && node->states[i].ttl_ms != 0)
            fresh |= ~expiring.had & (uint64_t)1 << i;
    if (fresh != 0 && begin_times(keyed, fresh) != 0)
        return tm__operator_out_of_memory(keyed->op, err);
    return 0;
}

int tm__operator_keyed_restore_all(struct tm__operator_keyed *keyed,
                                   const struct tm_restored *restored, const char *part,
                                   struct tm_state **state, struct tm_error *err)
{
    uint32_t max = keyed->op->ctx->plan->max_parallelism;
    const struct tm_state_args args = {.mem = keyed->mem,
                                       .max_parallelism = max,
                                       .last_key_group = max - 1,
                                       .value_bytes = keyed->record.bytes};
    *state = NULL;
    if (!tm_restored_has(restored, keyed->op->node->name, part))
        return 0;
    int rc = tm_state_new(&args, state, err);
    if (rc == 0)
        rc = restore_into(keyed, restored, part, *state, err);
    if (rc == 0)
        return 0;
    tm_state_free(*state);
    *state = NULL;
    return rc;
}
