// Adding a row and giving the result in one go. What is the same for every row stands outside the
// loop; the general way (aggregate.c, result.c) costs four times the instructions.
#include "core/operator/pass.h"

#include "core/operator/accumulator.h"

bool tm__operator_pass_suits(const struct tm__operator_result *result)
{
    for (uint32_t i = 0; i < result->aggregates->count; i++) {
        uint8_t action = result->aggregates->items[i].action;
        if (action != TM__COUNT && action != TM__SUM_DOUBLE)
            return false;
    }
    return result->blank != NULL;
}

// What every row of a call has in common, where the compiler knows that no store changes it.
struct common {
    item_t *items;
    uint32_t item_count;
    const uint8_t *blank;
    size_t blank_bytes;
    uint32_t key_offset, fixed;
    bool timed;
    uint32_t time_field, time_offset; // of the output
    uint32_t from_field, from_offset; // of the input
};

static struct common common_of(const struct tm__operator_result *result,
                               const struct tm_schema *input)
{
    bool timed = result->time && input->time_field >= 0;
    uint32_t from = timed ? (uint32_t)input->time_field : 0;
    return (struct common){
        .items = result->aggregates->items,
        .item_count = result->aggregates->count,
        .blank = result->blank,
        .blank_bytes = result->blank_bytes,
        .key_offset = result->key_offset,
        .fixed = result->schema->fixed_bytes,
        .timed = timed,
        .time_field = timed ? (uint32_t)result->schema->time_field : 0,
        .time_offset = result->time_offset,
        .from_field = from,
        .from_offset = input->fields[from].offset,
    };
}

// The row's time and its key's aggregates, into a copy of the blank row.
static inline __attribute__((always_inline)) void add_and_put(const struct common *c,
                                                              const struct tm_row *row,
                                                              uint8_t *value, uint8_t *to)
{
    if (c->timed && !tm_row_is_null(row, c->from_field))
        put_time(to, c->time_field, c->time_offset, tm_row_int(row, c->from_offset));
    for (uint32_t k = 0; k < c->item_count; k++) {
        item_t *item = &c->items[k];
        uint8_t *acc = value + item->offset;
        if (item->action == TM__COUNT) {
            int64_t count = get_int(acc) + 1;
            set_int(acc, count);
            set_int(to + item->output_offset, count);
            continue;
        }
        if (TM_LIKELY(!tm_row_is_null(row, item->field)))
            add_double(item, value, tm_row_double(row, item->field_offset) + 0.0);
        if (get_int(acc) != 0)
            put_double(item, to, -get_double(acc));
    }
}

// The next rows of the batch, their keys, and the keys' slots asked for.
static inline __attribute__((always_inline)) void fill(struct tm__operator_pass *self,
                                                       struct tm__operator_pass_group *group,
                                                       const struct tm_row **row, const void *end,
                                                       bool string)
{
    const struct tm_row *next = *row;
    uint32_t count = 0, offset = self->result->reader->offset;
    for (; count < TM_STATE_LOOK && (const void *)next != end; count++, next = tm_row_next(next)) {
        struct tm_key key = {.bytes = (const uint8_t *)next + offset, .length = 8};
        if (string)
            key.bytes = tm_row_string(next, offset, &key.length);
        key.hash = tm_hash_bytes(key.bytes, string ? key.length : 8);
        group->keys[count] = key;
        group->rows[count] = next;
    }
    *row = next;
    group->count = count;
    tm_state_look(self->state, self->ns, group->keys, count, &group->look);
}

// Rows of the group under way whose key is a word: all of one size.
static int put_words(struct tm__operator_pass *self, const struct tm_schema *input,
                     struct tm_batch *batch)
{
    const struct tm__operator_pass_group *group = &self->groups[self->now];
    const struct common c = common_of(self->result, input);
    uint32_t from = self->at, left = group->count - from, room = tm_batch_room(batch, c.fixed);
    uint32_t until = from + (left < room ? left : room);
    int rc = tm_batch_reserve(batch, (size_t)(until - from) * c.fixed);
    if (TM_UNLIKELY(rc != 0))
        return rc;
    uint8_t *to = batch->data + batch->size_bytes;
    for (uint32_t i = from; i < until; i++, to += c.fixed) {
        for (size_t at = 0; at < c.blank_bytes; at += 32)
            __builtin_memcpy(to + at, c.blank + at, 32);
        memcpy(to + c.key_offset, group->keys[i].bytes, 8);
        add_and_put(&c, group->rows[i], self->values[i], to);
    }
    batch->size_bytes = (size_t)(to - batch->data);
    batch->row_count += until - from;
    self->at = until;
    return until < group->count ? TM_STEP_MORE : TM_STEP_DONE;
}

static int put_strings(struct tm__operator_pass *self, const struct tm_schema *input,
                       struct tm_batch *batch)
{
    const struct tm__operator_pass_group *group = &self->groups[self->now];
    const struct common c = common_of(self->result, input);
    for (; self->at < group->count; self->at++) {
        const struct tm_key *key = &group->keys[self->at];
        size_t size = c.fixed + (key->length + (size_t)7) / 8 * 8;
        if (tm_batch_is_full(batch))
            return TM_STEP_MORE;
        int rc = tm_batch_reserve(batch, size);
        if (TM_UNLIKELY(rc != 0))
            return rc;
        uint8_t *to = batch->data + batch->size_bytes;
        put_blank(to, c.blank, c.blank_bytes, (uint32_t)size);
        put_string(to, c.key_offset, c.fixed, key->bytes, key->length);
        add_and_put(&c, group->rows[self->at], self->values[self->at], to);
        batch->size_bytes += size;
        batch->row_count++;
    }
    return TM_STEP_DONE;
}

int tm__operator_pass_batch(struct tm__operator_pass *self, const struct tm_batch *in,
                            const struct tm_row **row, struct tm_batch *out)
{
    const void *end = in->data + in->size_bytes;
    bool string = self->result->reader->fast == 1;
    for (;;) {
        int rc = string ? put_strings(self, in->schema, out) : put_words(self, in->schema, out);
        if (rc != TM_STEP_DONE)
            return rc;
        struct tm__operator_pass_group *first = &self->groups[self->now];
        struct tm__operator_pass_group *then = &self->groups[(self->now + 1) % 3];
        struct tm__operator_pass_group *last = &self->groups[(self->now + 2) % 3];
        first->count = 0;
        self->at = 0;
        if ((const void *)*row == end && then->count == 0 && last->count == 0)
            return TM_STEP_DONE;
        self->now = (self->now + 1) % 3;
        if (string) // `first` comes last now
            fill(self, first, row, end, true);
        else
            fill(self, first, row, end, false);
        tm_state_look_again(self->state, self->ns, last->keys, last->count, &last->look);
        rc = tm_state_upsert_looked(self->state, self->ns, then->keys, then->count, &then->look,
                                    self->values);
        if (rc != 0)
            return rc;
    }
}
