// Pre-aggregation: rows of one key and slice of a window that follow each other in a subtask are
// added up before they are exchanged, and travel as one (partial.h). Planned by
// core/graph/graph_preaggregate.c; it stands behind the last operator of the chain in front of the
// exchange.
//
// No output can differ. Rows are held back only while none of their windows has passed by the
// watermark that this subtask has sent: no receiver is further than that, so when they come they
// are as little late as at once, and nothing that they belong to has fired. They go on before the
// first watermark that reaches the end of one of their windows, before every other control element
// (a barrier holds nothing of them back, so they are in nobody's snapshot), and when the input has
// nothing to give. A receiver does not wait for a subtask that was idle until it has caught up:
// once it was, rows are held no longer than in part-filled batches, the job's latency. Rows of one
// key and slice keep their order. Rows that are late, that have no time or an impossible one, that
// fall between windows or are very large go on as they are: the window tells what becomes of each.
//
// The table is one arena of entries, in the order of their first rows, and slots that point into
// it. An entry is its first row with the tail behind it, as it goes out; the entry of a single row
// goes out as that row. Where there are about as many keys as rows this is work for nothing, so
// now and then it is measured how many rows an entry gets; if few, batches pass untouched for a
// while, longer each time.
#include "core/base/limits.h"
#include "core/operator/looking.h"
#include "core/operator/partial.h"
#include "core/operator/result.h"
#include "core/operator/window_time.h"

enum {
    SLOTS = 2 * TM_PREAGGREGATE_ENTRIES,
    ARENA_BYTES = TM_PREAGGREGATE_BYTES + 8, // what is behind the last entry is read with it
    HOLD_NS = 100000000,         // who looks at the window's state sees what came until then
    SAMPLE_ROWS = 4096,          // after so many it is asked whether it pays
    ROWS_AN_ENTRY = 4,           // that make it pay
    PASS_ROWS_MIN = 64 * 1024,   // pass untouched when it does not, the first time
    PASS_ROWS_MAX = 4096 * 1024, // and the last
};

struct entry {
    uint64_t hash; // of key and slice
    int64_t slice;
    uint32_t slot;
    uint32_t row_bytes;
    uint32_t key_offset, key_bytes; // from the entry; behind the tail where no column is the key
    uint32_t size_bytes;            // with all that follows
    uint32_t rows;
    // the row, the tail, the bytes of a key of several columns
};

struct slot {
    uint32_t tag; // of the hash
    uint32_t at;  // 1 + the entry's place in units of 8 bytes; 0: free
};

struct preaggregate {
    struct tm_operator base;
    struct tm_mem *mem;
    const struct tm_node *window;
    int64_t size, offset, period, slide, slice_ms; // as the window's operator has them
    bool grows;                                    // cumulating
    uint32_t time_field, time_offset;
    struct tm_schema *schema; // of the rows; the task's
    struct tm_key_reader reader;
    struct tm_buf scratch;
    struct tm__operator_aggregates aggregates;
    struct tm__operator_partial partial; // of none: everything passes

    uint8_t *arena;
    struct slot *slots;
    uint32_t used_bytes, entry_count;
    int64_t due;      // the first watermark that a window of an entry ends by
    int64_t since_ns; // when the first entry came
    int64_t hold_ns;  // and how long it stays at most
    int64_t read_ns;  // when the oldest of the held rows was read; 0: unknown
    int64_t watermark;

    // The slice of the last row, and where its first window ends by; width 0: none.
    int64_t slice_low, slice_due;
    uint64_t slice_width;

    // Rows whose entries are known and which have not been added yet.
    uint32_t pending;
    const struct tm_row *rows[TM__OPERATOR_BLOCK];
    uint8_t *tails[TM__OPERATOR_BLOCK];

    size_t resume;    // bytes of the batch under way that are done with
    bool draining;    // entries go out, and no row comes in
    uint32_t drained; // bytes of the arena that have gone out
    struct tm__operator_output output;

    uint64_t sample_rows, sample_entries;
    int64_t pass_rows, pass_next; // to pass untouched now, and when next it does not pay
};

static struct preaggregate *self_of(struct tm_operator *op)
{
    return (struct preaggregate *)op;
}

static int out_of_memory(struct preaggregate *self, struct tm_error *err)
{
    return tm__operator_out_of_memory(&self->base, err);
}

static int preaggregate_open(struct tm_operator *op, struct tm_schema *input, struct tm_error *err)
{
    struct preaggregate *self = self_of(op);
    struct tm_schema *output = tm_node_schema(self->window);
    if (output == NULL || input->time_field < 0)
        return 0; // the window's operator says what is wrong with that
    self->schema = input;
    self->time_field = (uint32_t)input->time_field;
    self->time_offset = input->fields[self->time_field].offset;
    tm_key_reader_init(&self->reader, input, &self->window->key);
    int rc = tm__operator_aggregates_init(&self->aggregates, self->mem, self->window, input, output,
                                          err);
    if (rc != 0)
        return rc;
    rc = tm__operator_partial_init(&self->partial, &self->aggregates, input);
    if (rc == 0 && self->partial.aggregates == NULL)
        return 0;
    self->arena = tm_mem_alloc(self->mem, ARENA_BYTES);
    self->slots = tm_mem_zalloc(self->mem, SLOTS * sizeof *self->slots);
    return rc != 0 || self->arena == NULL || self->slots == NULL ? out_of_memory(self, err) : 0;
}

// --- slices --------------------------------------------------------------------------------------

// The slice of a time and when the first of its windows ends. False: the row goes on as it is.
static bool find_slice(struct preaggregate *self, int64_t time)
{
    self->slice_width = 0;
    if (time > TM_INT_MAX || time < -TM_INT_MAX)
        return false;
    int64_t last_start = tm__operator_grid_floor(time, self->offset, self->period);
    if (time >= last_start + self->size)
        return false;
    bool overlap = self->slice_ms != self->size;
    int64_t low =
        overlap ? tm__operator_grid_floor(time, self->offset, self->slice_ms) : last_start;
    // The first window that ends behind the slice's begin covers it.
    int64_t grid = self->grows ? self->offset : self->offset + self->size;
    int64_t end = tm__operator_grid_floor(low, grid, self->slide) + self->slide;
    if (end - 1 <= self->watermark)
        return false;
    self->slice_low = low;
    self->slice_width = (uint64_t)self->slice_ms;
    self->slice_due = end - 1;
    return true;
}

static inline bool has_slice(struct preaggregate *self, const struct tm_row *row)
{
    if (TM_UNLIKELY(tm_row_is_null(row, self->time_field)))
        return false;
    int64_t time = tm_row_int(row, self->time_offset);
    return TM_LIKELY((uint64_t)time - (uint64_t)self->slice_low < self->slice_width) ||
           find_slice(self, time);
}

// --- entries -------------------------------------------------------------------------------------

static struct tm_row *row_of(struct entry *entry)
{
    return (struct tm_row *)(void *)(entry + 1);
}
static uint8_t *tail_of(struct entry *entry)
{
    return (uint8_t *)(entry + 1) + entry->row_bytes;
}
static inline struct entry *entry_at(const struct preaggregate *self, const struct slot *slot)
{
    return (struct entry *)(void *)(self->arena + (size_t)(slot->at - 1) * 8);
}

// Keys in rows and entries: whole words can be read, behind both is something.
static inline bool same_words(const uint8_t *a, const uint8_t *b, uint32_t length)
{
    uint64_t x, y;
    for (; length >= 8; a += 8, b += 8, length -= 8) {
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        if (x != y)
            return false;
    }
    if (length == 0)
        return true;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    return (x ^ y) << (64 - 8 * length) == 0; // little-endian, as keys are
}

static inline bool is_entry_of(const struct preaggregate *self, const struct entry *entry,
                               uint64_t hash, const struct tm_key *key)
{
    const uint8_t *bytes = (const uint8_t *)entry + entry->key_offset;
    if (entry->hash != hash || entry->slice != self->slice_low || entry->key_bytes != key->length)
        return false;
    return TM_LIKELY(self->reader.fast != 0) ? same_words(bytes, key->bytes, key->length)
                                             : memcmp(bytes, key->bytes, key->length) == 0;
}

// A new entry for the row, whose slot is known. NULL: there is no room for it now.
static struct entry *make_entry(struct preaggregate *self, struct slot *slot, uint64_t hash,
                                const struct tm_key *key, const struct tm_row *row)
{
    bool in_row = (uintptr_t)key->bytes - (uintptr_t)row < row->size_bytes;
    uint32_t tail_end = (uint32_t)sizeof(struct entry) + row->size_bytes + self->partial.tail_bytes;
    uint32_t size = tail_end + (in_row ? 0 : (key->length + 7) & ~7u);
    if (self->entry_count == TM_PREAGGREGATE_ENTRIES ||
        TM_PREAGGREGATE_BYTES - self->used_bytes < size)
        return NULL;
    struct entry *entry = (struct entry *)(void *)(self->arena + self->used_bytes);
    *entry = (struct entry){
        .hash = hash,
        .slice = self->slice_low,
        .slot = (uint32_t)(slot - self->slots),
        .row_bytes = row->size_bytes,
        .key_offset = in_row ? (uint32_t)sizeof(struct entry) +
                                   (uint32_t)((uintptr_t)key->bytes - (uintptr_t)row)
                             : tail_end,
        .key_bytes = key->length,
        .size_bytes = size,
    };
    memcpy(row_of(entry), row, row->size_bytes);
    memset(tail_of(entry), 0, self->partial.tail_bytes);
    if (!in_row)
        memcpy((uint8_t *)entry + tail_end, key->bytes, key->length);
    *slot = (struct slot){(uint32_t)(hash >> 32), self->used_bytes / 8 + 1};
    if (self->entry_count++ == 0)
        self->since_ns = self->base.ctx->now_ns;
    if (self->slice_due < self->due)
        self->due = self->slice_due;
    self->used_bytes += size;
    return entry;
}

// An entry fits an empty table: a schema has so many columns, and none of a tail's items takes
// more.
_Static_assert(TM_FIELDS_MAX * 64 + 4 * TM_PREAGGREGATE_ROW_BYTES < TM_PREAGGREGATE_BYTES,
               "the arena holds the largest entry");

enum finding { FOUND, NO_ROOM, TOO_LARGE };

// The entry that the row belongs to, found or made.
static inline enum finding find_entry(struct preaggregate *self, const struct tm_row *row,
                                      const struct tm_key *key, struct entry **found)
{
    uint64_t hash =
        (key->hash ^ (uint64_t)self->slice_low * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
    uint32_t tag = (uint32_t)(hash >> 32), i = tag & (SLOTS - 1);
    for (;; i = (i + 1) & (SLOTS - 1)) {
        struct slot *slot = &self->slots[i];
        if (slot->at == 0) {
            if (TM_UNLIKELY(row->size_bytes > TM_PREAGGREGATE_ROW_BYTES ||
                            key->length > TM_PREAGGREGATE_ROW_BYTES))
                return TOO_LARGE;
            *found = make_entry(self, slot, hash, key, row);
            return *found == NULL ? NO_ROOM : FOUND;
        }
        if (slot->tag != tag)
            continue;
        struct entry *entry = entry_at(self, slot);
        if (TM_UNLIKELY(!is_entry_of(self, entry, hash, key)))
            continue;
        // A full one is followed by the next of its key, which goes out behind it.
        *found = TM_LIKELY(entry->rows < TM_PARTIAL_ROWS) ? entry
                                                          : make_entry(self, slot, hash, key, row);
        return *found == NULL ? NO_ROOM : FOUND;
    }
}

static void add_pending(struct preaggregate *self)
{
    tm__operator_partial_add(&self->partial, self->tails, self->rows, self->pending);
    self->sample_rows += self->pending;
    self->pending = 0;
}

// --- going out -----------------------------------------------------------------------------------

// Did it pay? Asked when the table is empty.
static void judge(struct preaggregate *self)
{
    if (self->sample_rows < SAMPLE_ROWS)
        return;
    if (self->sample_rows >= ROWS_AN_ENTRY * self->sample_entries) {
        self->pass_next = PASS_ROWS_MIN;
    } else {
        self->pass_rows = self->pass_next;
        if (self->pass_next < PASS_ROWS_MAX)
            self->pass_next *= 2;
    }
    self->sample_rows = self->sample_entries = 0;
}

static void clear_table(struct preaggregate *self)
{
    self->sample_entries += self->entry_count;
    self->used_bytes = self->entry_count = self->drained = 0;
    self->due = TM_WATERMARK_MAX;
    self->draining = false;
    judge(self);
}

static int append_row(struct preaggregate *self, const struct tm_row *row, struct tm_error *err)
{
    int rc = tm__operator_output_open(&self->output, self->base.ctx, self->schema);
    if (rc == 0)
        rc = tm_batch_append_row(self->output.batch, row);
    return rc == 0 ? 0 : out_of_memory(self, err);
}

// Hands over what has gone into the output. False: nothing has.
static bool take_output(struct preaggregate *self, struct tm_element *out)
{
    struct tm_batch *batch = self->output.batch;
    if (batch == NULL || batch->row_count == 0)
        return false;
    batch->split = TM_NO_SPLIT;
    batch->read_ns = self->read_ns;
    *out = (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch};
    self->output.batch = NULL;
    if (self->entry_count == 0)
        self->read_ns = 0;
    return true;
}

// Entries go out until a batch is full, MORE, or none is left, DONE.
static int drain(struct preaggregate *self, struct tm_element *out, struct tm_error *err)
{
    while (self->drained < self->used_bytes) {
        struct entry *entry = (struct entry *)(void *)(self->arena + self->drained);
        struct tm_row *row = row_of(entry);
        if (entry->rows > 1) {
            row->size_bytes += self->partial.tail_bytes;
            row->kind = TM_ROW_PARTIAL;
        }
        int rc = append_row(self, row, err);
        if (rc != 0)
            return rc;
        self->slots[entry->slot] = (struct slot){0};
        self->drained += entry->size_bytes;
        if (tm_batch_is_full(self->output.batch) && self->drained < self->used_bytes) {
            (void)take_output(self, out);
            return TM_STEP_MORE;
        }
    }
    clear_table(self);
    return take_output(self, out) ? TM_STEP_MORE : TM_STEP_DONE;
}

static int begin_drain(struct preaggregate *self, struct tm_element *out, struct tm_error *err)
{
    self->draining = true;
    return drain(self, out, err);
}

// --- rows ----------------------------------------------------------------------------------------

static void note_read(struct preaggregate *self, const struct tm_batch *batch)
{
    if (batch->read_ns != 0 && (self->read_ns == 0 || batch->read_ns < self->read_ns))
        self->read_ns = batch->read_ns;
}

// One row. DONE: it is where it belongs; MORE: the table has to go out first, or *out has a batch
// and the row is done with.
static inline int take_row(struct preaggregate *self, const struct tm_row *row,
                           struct tm_element *out, struct tm_error *err)
{
    enum finding finding = TOO_LARGE;
    struct entry *entry;
    if (TM_LIKELY(has_slice(self, row))) {
        struct tm_key key;
        int rc = tm_key_of_row(&self->reader, row, &self->scratch, &key);
        if (rc != 0)
            return out_of_memory(self, err);
        if (TM_LIKELY(tm__operator_partial_fits(&self->partial, row)))
            finding = find_entry(self, row, &key, &entry);
        else if (self->entry_count != 0) // behind those of its key
            finding = NO_ROOM;
    }
    if (TM_LIKELY(finding == FOUND)) {
        entry->rows++;
        self->rows[self->pending] = row;
        self->tails[self->pending++] = tail_of(entry);
        if (self->pending == TM__OPERATOR_BLOCK)
            add_pending(self);
        return TM_STEP_DONE;
    }
    if (finding == NO_ROOM)
        return TM_STEP_MORE;
    int rc = append_row(self, row, err);
    if (rc == 0 && tm_batch_is_full(self->output.batch))
        (void)take_output(self, out);
    return rc != 0 ? rc : out->kind == TM_ELEMENT_NONE ? TM_STEP_DONE : TM_STEP_MORE;
}

static int take_batch(struct preaggregate *self, struct tm_element *in, struct tm_element *out,
                      struct tm_error *err)
{
    const struct tm_batch *batch = in->batch;
    const uint8_t *end = batch->data + batch->size_bytes;
    note_read(self, batch);
    for (const uint8_t *at = batch->data + self->resume; at < end;) {
        const struct tm_row *row = (const struct tm_row *)(const void *)at;
        int rc = take_row(self, row, out, err);
        if (rc == TM_STEP_DONE || out->kind != TM_ELEMENT_NONE)
            at += row->size_bytes;
        if (TM_LIKELY(rc == TM_STEP_DONE))
            continue;
        self->resume = (size_t)(at - batch->data);
        add_pending(self);
        if (rc < 0 || out->kind != TM_ELEMENT_NONE)
            return rc;
        rc = begin_drain(self, out, err);
        return rc == TM_STEP_DONE ? TM_STEP_MORE : rc;
    }
    add_pending(self);
    self->resume = 0;
    tm_batch_release(in->batch);
    (void)take_output(self, out);
    return TM_STEP_DONE;
}

static int step_batch(struct preaggregate *self, struct tm_element *in, struct tm_element *out,
                      struct tm_error *err)
{
    bool pass = self->partial.aggregates == NULL || self->pass_rows > 0;
    if (TM_LIKELY(!pass || self->resume != 0))
        return take_batch(self, in, out, err);
    if (self->entry_count != 0)
        return begin_drain(self, out, err); // there is one, so it is MORE
    self->pass_rows -= in->batch->row_count;
    *out = *in;
    return TM_STEP_DONE;
}

static int64_t latency_ns(const struct tm_operator *op)
{
    return op->ctx->plan->graph->latency_ms * 1000000;
}

// --- the operator --------------------------------------------------------------------------------

static int preaggregate_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                             struct tm_error *err)
{
    struct preaggregate *self = self_of(op);
    if (self->draining) {
        int rc = drain(self, out, err);
        if (rc != TM_STEP_DONE)
            return rc;
    }
    if (in->kind == TM_ELEMENT_BATCH)
        return step_batch(self, in, out, err);
    if (in->kind == TM_ELEMENT_STATUS && in->status == TM_CHANNEL_IDLE)
        self->hold_ns = latency_ns(op);
    bool stays = in->kind == TM_ELEMENT_WATERMARK && in->watermark < self->due;
    if (self->entry_count != 0 && !stays)
        return begin_drain(self, out, err);
    if (in->kind == TM_ELEMENT_WATERMARK && in->watermark > self->watermark) {
        self->watermark = in->watermark;
        if (self->slice_due <= self->watermark)
            self->slice_width = 0;
    }
    *out = *in;
    return TM_STEP_DONE;
}

static int preaggregate_rest(struct tm_operator *op, struct tm_element *out, struct tm_error *err)
{
    struct preaggregate *self = self_of(op);
    return self->entry_count == 0 ? TM_STEP_DONE : begin_drain(self, out, err);
}

static int64_t preaggregate_deadline_ns(const struct tm_operator *op)
{
    const struct preaggregate *self = (const struct preaggregate *)op;
    return self->entry_count == 0 ? INT64_MAX : self->since_ns + self->hold_ns;
}

static void preaggregate_free(struct tm_operator *op)
{
    struct preaggregate *self = self_of(op);
    tm__operator_output_fini(&self->output);
    tm__operator_partial_fini(&self->partial);
    tm__operator_aggregates_fini(&self->aggregates);
    tm_buf_fini(&self->scratch);
    tm_mem_free(self->mem, self->arena, ARENA_BYTES);
    tm_mem_free(self->mem, self->slots, SLOTS * sizeof *self->slots);
    tm_mem_free(self->mem, self, sizeof *self);
}

// No snapshot: what is held goes before a barrier, as before everything that is no row.
static uint32_t preaggregate_partial(const struct tm_operator *op, struct tm_wire_partial *wire)
{
    return tm__operator_partial_says(&((const struct preaggregate *)op)->partial, wire);
}

// --- what can be seen ----------------------------------------------------------------------------

static const struct tm_node *unsent_for(const struct tm_operator *op)
{
    return ((const struct preaggregate *)op)->window;
}

static struct tm_key key_of(const struct entry *entry)
{
    return (struct tm_key){.bytes = (const uint8_t *)entry + entry->key_offset,
                           .length = entry->key_bytes};
}

static bool has_key(const struct entry *entry, const struct tm_key *key)
{
    const struct tm_key own = key_of(entry);
    return own.length == key->length && memcmp(own.bytes, key->bytes, own.length) == 0;
}

// The next entry that has not gone out, from `*at` on; of `key`, if there is one. NULL: none.
static struct entry *next_entry(const struct preaggregate *self, uint32_t *at, uint32_t end,
                                const struct tm_key *key)
{
    while (*at < end) {
        struct entry *entry = (struct entry *)(void *)(self->arena + *at);
        *at += entry->size_bytes;
        if (key == NULL || has_key(entry, key))
            return entry;
    }
    return NULL;
}

// Each once, with its first entry.
static int preaggregate_keys(struct tm_operator *op,
                             bool (*each)(void *arg, const struct tm_key *key), void *arg)
{
    const struct preaggregate *self = self_of(op);
    for (uint32_t at = self->drained; at < self->used_bytes;) {
        uint32_t begin = at, before = self->drained;
        const struct tm_key key = key_of(next_entry(self, &at, self->used_bytes, NULL));
        if (next_entry(self, &before, begin, &key) == NULL && !each(arg, &key))
            return 0;
    }
    return 0;
}

struct seeing {
    const struct preaggregate *self;
    struct tm_operator window; // as the window's operator, for its rows
    struct tm__operator_result result;
    const struct tm_key *key;
    const struct tm_inspector *inspector;
    struct tm_buf row, value;
};

// The entry as the row that it goes out as, merged into nothing.
static int merge_entry(struct seeing *s, struct entry *entry)
{
    const struct tm__operator_partial *partial = &s->self->partial;
    const struct tm__operator_aggregate *culprit;
    uint32_t size = entry->row_bytes + partial->tail_bytes;
    if (tm_buf_reserve(&s->row, size) != 0 ||
        tm_buf_reserve(&s->value, s->self->aggregates.value_bytes) != 0)
        return TM_E_MEMORY;
    memcpy(s->row.data, row_of(entry), size);
    memset(s->value.data, 0, s->self->aggregates.value_bytes);
    struct tm_row *row = (struct tm_row *)(void *)s->row.data;
    row->size_bytes = size;
    row->kind = TM_ROW_PARTIAL;
    return tm__operator_partial_merge(partial, s->value.data, row, &culprit);
}

static int see_entry(struct seeing *s, struct entry *entry)
{
    const struct preaggregate *self = s->self;
    int64_t rows = entry->rows, end = entry->slice + self->slice_ms;
    uint8_t part = self->slice_ms == self->size ? TM_INSPECTED_WHOLE : TM_INSPECTED_SLICE;
    const struct tm_inspected_window window = {true, entry->slice, end, part};
    const struct tm_slot count = {(const uint8_t *)&rows, (const uint8_t *)&rows};
    int rc = merge_entry(s, entry);
    s->inspector->window(s->inspector->arg, &window);
    if (s->inspector->value != NULL)
        s->inspector->value(s->inspector->arg, "rows", tm_type_of_kind(TM_TYPE_INT), count);
    const struct tm__operator_result_row row = {.key = s->key,
                                                .value = s->value.data,
                                                .start = entry->slice,
                                                .end = end,
                                                .time = end - 1,
                                                .has_time = true};
    if (rc == 0)
        rc = tm__operator_see_result(&s->result, &s->window, &row, s->inspector);
    return rc == TM_E_OVERFLOW ? 0 : rc; // which the window tells
}

static int preaggregate_contents(struct tm_operator *op, const struct tm_key *key,
                                 const struct tm_inspector *inspector)
{
    const struct preaggregate *self = self_of(op);
    struct seeing s = {.self = self, .window = *op, .key = key, .inspector = inspector};
    uint32_t at = self->drained;
    struct entry *entry = next_entry(self, &at, self->used_bytes, key);
    if (entry == NULL)
        return 0;
    s.window.node = self->window;
    tm_buf_init(&s.row, self->mem);
    tm_buf_init(&s.value, self->mem);
    struct tm_error ignored = {0};
    int rc = tm__operator_result_init(&s.result, &s.window, &self->reader, &self->aggregates,
                                      tm_node_schema(self->window), true, &ignored);
    for (; rc == 0 && entry != NULL; entry = next_entry(self, &at, self->used_bytes, key))
        rc = see_entry(&s, entry);
    tm__operator_result_fini(&s.result);
    tm_buf_fini(&s.row);
    tm_buf_fini(&s.value);
    return rc;
}

static const struct tm_inspect preaggregate_inspect = {
    .contents = preaggregate_contents, .keys = preaggregate_keys, .unsent_for = unsent_for};

// --- its table -----------------------------------------------------------------------------------

static const struct tm_operator_ops preaggregate_ops = {
    .inspect = &preaggregate_inspect,
    .partial = preaggregate_partial,
    .open = preaggregate_open,
    .step = preaggregate_step,
    .tick = preaggregate_rest,
    .deadline_ns = preaggregate_deadline_ns,
    .rest = preaggregate_rest,
    .free = preaggregate_free,
};

int tm_operator_preaggregate_new(struct tm_task_context *ctx, const struct tm_node *window,
                                 struct tm_operator **op, struct tm_error *err)
{
    struct preaggregate *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", window->name);
    self->base = (struct tm_operator){.ops = &preaggregate_ops, .ctx = ctx, .node = window};
    self->mem = ctx->mem;
    self->window = window;
    self->size = window->size_ms;
    self->slide = window->slide_ms;
    self->offset = window->offset_ms;
    self->grows = window->window == TM_WINDOW_CUMULATE;
    self->period = self->grows ? self->size : self->slide;
    self->slice_ms =
        self->slide >= self->size ? self->size : tm__operator_gcd(self->size, self->slide);
    self->watermark = TM_WATERMARK_MIN;
    self->due = TM_WATERMARK_MAX;
    self->pass_next = PASS_ROWS_MIN;
    // Where rows settle the types first, nothing says whether this subtask was idle before.
    self->hold_ns = latency_ns(&self->base);
    if (self->hold_ns < HOLD_NS && tm_node_schema(window) != NULL)
        self->hold_ns = HOLD_NS;
    tm_buf_init(&self->scratch, ctx->mem);
    *op = &self->base;
    return 0;
}
