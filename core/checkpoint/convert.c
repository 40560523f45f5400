// Entries go one by one, their fields as convert_match.c has found out. Nothing that a value refers
// to is followed before it has been looked at (core/state/trust.h).
#include <string.h>

#include "core/checkpoint/convert_parts.h"
#include "core/state/image.h"
#include "core/state/trust.h"

// --- values --------------------------------------------------------------------------------------

// One old key group on its way.
struct conversion {
    const struct tm_convert *convert;
    const struct tm_migration *migration;
    const struct tm_key *key;
    struct tm_place from, to;
    struct tm_state_trust trust;
    struct tm_buf value; // one that has been made anew
    struct tm_error *err;
};

static int damaged(const struct conversion *c, const struct tm__convert_step *step)
{
    return tm_error_set(c->err, TM_E_CHECKPOINT,
                        "%s of a key of key group %u is damaged: it refers to what is not there",
                        step->from->name[0] == 0 ? "the value" : step->from->name,
                        c->from.key_group);
}

// `rc` of a value's change, with whose value it is.
static int unchanged(const struct conversion *c, const struct tm__convert_step *step, int rc)
{
    return rc == TM_E_MEMORY
               ? rc
               : tm_error_prefix(c->err, "%s of a key of key group %u",
                                 step->from->name[0] == 0 ? "the value" : step->from->name,
                                 c->from.key_group);
}

static int failed(const struct conversion *c, int rc)
{
    return tm_error_set(c->err, rc, "out of memory for keyed state");
}

static bool is_present(const struct tm_layout_field *field, const uint8_t *value)
{
    uint64_t word;
    if (field->present_bit == UINT32_MAX)
        return true;
    memcpy(&word, value + field->present_at, sizeof word);
    return (word >> field->present_bit & 1) != 0;
}

static void set_present(const struct tm_layout_field *field, uint8_t *value)
{
    uint64_t word;
    if (field->present_bit == UINT32_MAX)
        return;
    memcpy(&word, value + field->present_at, sizeof word);
    word |= 1ull << field->present_bit;
    memcpy(value + field->present_at, &word, sizeof word);
}

// A value by a function of the job: 1: it is nothing now.
static int migrate_value(struct conversion *c, const struct tm__convert_step *step,
                         struct tm_span *value)
{
    if (c->migration == NULL)
        return tm_error_set(c->err, TM_E_INTERNAL, "nobody migrates %s", step->to->name);
    int rc = c->migration->migrate(c->migration->arg, step->to, step->type, c->key, value->bytes,
                                   value->length, &value->bytes, &value->length, c->err);
    return rc == 0 && value->bytes == NULL ? 1 : rc;
}

static int migrate_field(struct conversion *c, const struct tm__convert_step *step,
                         const uint8_t *from, uint8_t *to)
{
    struct tm_span value = {from, step->from->bytes};
    struct tm_blob blob, made = {0};
    if (step->from->kind == TM_LAYOUT_BLOB) {
        memcpy(&blob, from, sizeof blob);
        if (!tm_state_trust_blob(&c->trust, c->from.ns, &blob))
            return damaged(c, step);
        value.length = blob.length;
        value.bytes = tm_state_blob_get(c->from.state, c->from.key_group, &blob);
        if (value.bytes == NULL)
            return failed(c, TM_E_MEMORY);
    }
    int rc = migrate_value(c, step, &value);
    if (rc != 0)
        return rc;
    if (step->to->kind == TM_LAYOUT_BYTES) {
        if (value.length != step->to->bytes)
            return tm_error_set(c->err, TM_E_INTERNAL, "%s migrates to %u bytes, not %u",
                                step->to->name, value.length, step->to->bytes);
        memcpy(to, value.bytes, value.length);
        return 0;
    }
    rc =
        tm_state_blob_set(c->to.state, c->to.ns, c->to.key_group, &made, value.bytes, value.length);
    memcpy(to, &made, sizeof made);
    return rc == 0 ? 0 : failed(c, rc);
}

static int convert_blob(struct conversion *c, const struct tm__convert_step *step,
                        const uint8_t *from, uint8_t *to)
{
    struct tm_blob blob, made = {0};
    memcpy(&blob, from, sizeof blob);
    if (!tm_state_trust_blob(&c->trust, c->from.ns, &blob))
        return damaged(c, step);
    struct tm_span value = {.length = blob.length};
    value.bytes = tm_state_blob_get(c->from.state, c->from.key_group, &blob);
    if (value.bytes == NULL)
        return failed(c, TM_E_MEMORY);
    int rc = step->change == NULL ? 0
                                  : tm_value_change_apply(step->change, value.bytes, value.length,
                                                          &value.bytes, &value.length, c->err);
    if (rc != 0)
        return unchanged(c, step, rc);
    rc =
        tm_state_blob_set(c->to.state, c->to.ns, c->to.key_group, &made, value.bytes, value.length);
    if (rc != 0)
        return failed(c, rc);
    memcpy(to, &made, sizeof made);
    size_t more = sizeof made; // behind it: what its owner knows of it
    if (step->from->bytes > more && step->from->bytes == step->to->bytes)
        memcpy(to + more, from + more, step->from->bytes - more);
    return 0;
}

// What stands behind the head of a collection, where both know of times to live.
static void copy_tail(const struct tm__convert_step *step, const uint8_t *from, uint8_t *to,
                      size_t head)
{
    if (step->from->bytes == step->to->bytes && step->from->value_bytes == step->to->value_bytes)
        memcpy(to + head, from + head, step->from->bytes - head);
}

// A value of a map or list: what stands in front of it is left out where the new one has no such
// thing, and nothing where the old one has none; what is behind it is changed. 1: it is left out.
static int change_value(struct conversion *c, const struct tm__convert_step *step,
                        struct tm_span *value)
{
    uint32_t was = step->from->value_bytes, is = step->to->value_bytes;
    if (value->length < was)
        return damaged(c, step);
    if (was == is && step->change == NULL && !step->migrates)
        return 0;
    struct tm_span inner = {(const uint8_t *)value->bytes + was, value->length - was};
    if (step->migrates) {
        int nothing = migrate_value(c, step, &inner);
        if (nothing != 0)
            return nothing;
    }
    int rc = step->change == NULL ? 0
                                  : tm_value_change_apply(step->change, inner.bytes, inner.length,
                                                          &inner.bytes, &inner.length, c->err);
    if (rc != 0)
        return unchanged(c, step, rc);
    c->value.size_bytes = 0;
    if (tm_buf_reserve(&c->value, is + inner.length) != 0)
        return failed(c, TM_E_MEMORY);
    memset(c->value.data, 0, is);
    if (was == is)
        memcpy(c->value.data, value->bytes, is);
    memcpy(c->value.data + is, inner.bytes, inner.length);
    *value = (struct tm_span){c->value.data, is + inner.length};
    return 0;
}

static int convert_map(struct conversion *c, const struct tm__convert_step *step,
                       const uint8_t *from, uint8_t *to)
{
    struct tm_state_map map, made = {0};
    struct tm_state_map_cursor cursor = {0};
    struct tm_key key;
    struct tm_span value;
    int rc;
    memcpy(&map, from, sizeof map);
    if (!tm_state_trust_map(&c->trust, c->from.ns, &map))
        return damaged(c, step);
    while ((rc = tm_state_map_next(&c->from, &map, &cursor, &key, &value)) == 1) {
        rc = change_value(c, step, &value);
        if (rc < 0)
            return rc;
        rc = rc == 1 ? 0 : tm_state_map_put(&c->to, &made, &key, value.bytes, value.length);
        if (rc < 0)
            break;
    }
    if (rc < 0)
        return failed(c, rc);
    memcpy(to, &made, sizeof made);
    copy_tail(step, from, to, sizeof made);
    return 0;
}

static int convert_list(struct conversion *c, const struct tm__convert_step *step,
                        const uint8_t *from, uint8_t *to)
{
    struct tm_state_list list, made = {0};
    struct tm_span values[TM_STATE_LIST_SOME];
    memcpy(&list, from, sizeof list);
    if (!tm_state_trust_list(&c->trust, c->from.ns, &list))
        return damaged(c, step);
    for (uint32_t i = 0; i < list.count;) {
        int count = tm_state_list_some(&c->from, &list, i, values, TM_STATE_LIST_SOME);
        if (count <= 0)
            return failed(c, TM_E_MEMORY);
        for (int k = 0; k < count; k++) {
            int rc = change_value(c, step, &values[k]);
            if (rc < 0)
                return rc;
            rc = rc == 1 ? 0
                         : tm_state_list_append(&c->to, &made, values[k].bytes, values[k].length);
            if (rc != 0)
                return failed(c, rc);
        }
        i += (uint32_t)count;
    }
    memcpy(to, &made, sizeof made);
    copy_tail(step, from, to, sizeof made);
    return 0;
}

static int convert_fields(struct conversion *c, uint32_t inside, bool in_head, const uint8_t *from,
                          uint8_t *to);

// As deep as items are in items.
static int convert_items(struct conversion *c, const struct tm__convert_step *step,
                         const uint8_t *from, uint8_t *to)
{
    const struct tm_layout_field *f = step->from, *t = step->to;
    struct tm_blob blob, made = {0};
    memcpy(&blob, from, sizeof blob);
    if (blob.length == 0)
        return 0;
    if (!tm_state_trust_blob(&c->trust, c->from.ns, &blob) || blob.length < f->head_bytes)
        return damaged(c, step);
    uint64_t count = (blob.length - f->head_bytes) / f->value_bytes;
    uint64_t length = t->head_bytes + count * t->value_bytes;
    if (length > UINT32_MAX / 2)
        return tm_error_set(c->err, TM_E_STATE_TYPE, "%s of a key becomes too large: %llu bytes",
                            t->name, (unsigned long long)length);
    if (length == 0)
        return 0;
    const uint8_t *bytes = tm_state_blob_get(c->from.state, c->from.key_group, &blob);
    uint8_t *items =
        tm_state_blob_zalloc(c->to.state, c->to.ns, c->to.key_group, &made, (uint32_t)length);
    if (bytes == NULL || items == NULL)
        return failed(c, TM_E_MEMORY);
    memcpy(to, &made, sizeof made);
    uint32_t number = (uint32_t)(step - c->convert->steps) + 1;
    int rc = convert_fields(c, number, true, bytes, items);
    bytes += f->head_bytes;
    items += t->head_bytes;
    for (; count > 0 && rc == 0; count--, bytes += f->value_bytes, items += t->value_bytes)
        rc = convert_fields(c, number, false, bytes, items);
    return rc;
}

// 1: it is nothing now.
static int convert_field(struct conversion *c, const struct tm__convert_step *step,
                         const uint8_t *from, uint8_t *to)
{
    switch (step->how) {
    case TM__CONVERT_COPY:
        memcpy(to, from, step->to->bytes);
        return 0;
    case TM__CONVERT_TO_DOUBLE: {
        int64_t number;
        memcpy(&number, from, sizeof number);
        double as_double = (double)number; // of type int: exact
        memcpy(to, &as_double, sizeof as_double);
        return 0;
    }
    case TM__CONVERT_BLOB:
        return convert_blob(c, step, from, to);
    case TM__CONVERT_MAP:
        return convert_map(c, step, from, to);
    case TM__CONVERT_LIST:
        return convert_list(c, step, from, to);
    case TM__CONVERT_ITEMS:
        return convert_items(c, step, from, to);
    case TM__CONVERT_MIGRATE:
        return migrate_field(c, step, from, to);
    }
    return 0;
}

// The fields of a value, of a head or of an item.
static int convert_fields(struct conversion *c, uint32_t inside, bool in_head, const uint8_t *from,
                          uint8_t *to)
{
    const struct tm_convert *convert = c->convert;
    for (uint32_t i = 0; i < convert->step_count; i++) {
        const struct tm__convert_step *step = &convert->steps[i];
        if (step->inside != inside || step->to->in_head != in_head || !is_present(step->from, from))
            continue;
        int rc = convert_field(c, step, from + step->from->offset, to + step->to->offset);
        if (rc < 0)
            return rc;
        if (rc == 0) // else it is nothing now
            set_present(step->to, to);
    }
    return 0;
}

// --- entries -------------------------------------------------------------------------------------

static int convert_entry(struct conversion *c, const struct tm_key *key, const uint8_t *value)
{
    bool created;
    uint8_t *to = tm_state_upsert(c->to.state, c->to.ns, key, &created);
    if (to == NULL)
        return failed(c, TM_E_MEMORY);
    if (!created)
        return tm_error_set(c->err, TM_E_CHECKPOINT, "a key of key group %u is there twice",
                            c->from.key_group);
    c->to.key_group = tm_state_key_group(c->to.state, key->hash);
    c->key = key;
    return convert_fields(c, 0, false, value, to);
}

// Entries come in the order of their slots. Those of a key group go to all that it overlaps,
// evenly.
static int expect_entries(struct conversion *c)
{
    uint32_t old_max, new_max, old_first, old_last, first, last;
    tm_state_key_groups(c->from.state, &old_max, &old_first, &old_last);
    tm_state_key_groups(c->to.state, &new_max, &first, &last);
    uint64_t entries = tm_state_namespace_size(c->from.ns) / (old_last - old_first + 1);
    uint64_t begin = (uint64_t)c->from.key_group * new_max / old_max;
    uint64_t end = (((uint64_t)c->from.key_group + 1) * new_max - 1) / old_max;
    uint64_t each = entries / (end - begin + 1);
    int rc = 0;
    for (uint64_t group = begin; group <= end && rc == 0; group++)
        if (group >= first && group <= last)
            rc = tm_state_expect(c->to.state, c->to.ns, (uint32_t)group,
                                 each < UINT32_MAX ? (uint32_t)each : UINT32_MAX);
    return rc == 0 ? 0 : failed(c, rc);
}

static int convert_table(struct conversion *c)
{
    uint32_t max_parallelism, first, last;
    struct tm_state_cursor cursor;
    struct tm_key key;
    const void *value;
    bool expected = false;
    int rc = 0;
    tm_state_key_groups(c->to.state, &max_parallelism, &first, &last);
    tm_state_iterate(c->from.state, c->from.ns, c->from.key_group, &cursor);
    while (rc == 0 && tm_state_next(&cursor, &key, &value)) {
        uint32_t group = tm_state_key_group(c->to.state, key.hash);
        if (group < first || group > last)
            continue;
        int64_t id = tm_state_namespace_id(c->from.ns);
        if (c->to.ns == NULL)
            c->to.ns = tm_state_namespace_find(c->to.state, id);
        if (c->to.ns == NULL)
            c->to.ns = tm_state_namespace_create(c->to.state, id);
        rc = c->to.ns == NULL ? failed(c, TM_E_MEMORY) : expected ? 0 : expect_entries(c);
        expected = true;
        rc = rc != 0 ? rc : convert_entry(c, &key, value);
    }
    return rc == 0 && cursor.code != 0 ? failed(c, cursor.code) : rc;
}

int tm_convert_state(const struct tm_convert *convert, const struct tm_migration *migration,
                     struct tm_state *from, struct tm_state *to, struct tm_error *err)
{
    uint32_t max_parallelism, first, last;
    int rc = 0;
    tm_state_key_groups(from, &max_parallelism, &first, &last);
    for (uint32_t group = first; group <= last && rc == 0; group++) {
        struct conversion c = {.convert = convert,
                               .migration = migration,
                               .from = {.state = from, .key_group = group},
                               .to = {.state = to},
                               .err = err};
        tm_buf_init(&c.value, convert->mem);
        tm_state_trust_begin(from, group, &c.trust);
        for (c.from.ns = tm_state_namespace_first(from); c.from.ns != NULL && rc == 0;
             c.from.ns = tm_state_namespace_next(c.from.ns)) {
            c.to.ns = NULL;
            rc = convert_table(&c);
        }
        tm_buf_fini(&c.value);
    }
    return rc;
}

// --- timers --------------------------------------------------------------------------------------

struct timer_conversion {
    struct tm_timers *to;
    enum tm_timer_domain domain;
    uint32_t max_parallelism, first, last;
    int rc;
};

static bool add_timer(void *arg, const struct tm_timer *timer)
{
    struct timer_conversion *c = arg;
    uint32_t group = tm_hash_key_group(timer->key.hash, c->max_parallelism);
    if (group >= c->first && group <= c->last)
        c->rc = tm_timers_add(c->to, c->domain, timer);
    return c->rc >= 0;
}

int tm_convert_timers(struct tm_timers *from, struct tm_timers *to, struct tm_error *err)
{
    uint32_t first, last;
    tm_timers_key_groups(from, &first, &last);
    struct timer_conversion c = {.to = to};
    tm_state_key_groups(tm_timers_state(to), &c.max_parallelism, &c.first, &c.last);
    for (int domain = 0; domain < TM_TIMER_DOMAINS; domain++)
        for (uint32_t group = first; group <= last && c.rc >= 0; group++) {
            c.domain = (enum tm_timer_domain)domain;
            tm_timers_walk(from, c.domain, group, add_timer, &c);
        }
    return c.rc < 0 ? tm_error_set(err, c.rc, "a timer cannot be kept") : 0;
}
