// Spreading rows by key: each row's key group picks the consumer, and the row is copied into that
// consumer's part-filled batch. The row loop is the hash, a table look-up and a copy; everything
// else happens when a part fills, ages or must give way to a control element. Rows that carry the
// number of their consumer in a column go the same way without the hash.
#include "core/exchange/sender.h"

#include "core/base/limits.h"
#include "core/batch/key_group.h"

// The part-filled batch of one channel. While it is filled, its end is in `write`, and its counts
// are brought up to date when it is sent.
struct part {
    uint8_t *write;          // where the next row goes
    uint8_t *limit;          // rows must end here; = write when it has enough rows or no batch
    uint32_t rows_left;      // until TM_BATCH_ROWS
    uint32_t rows_left_seen; // at the last look at read_ns
    struct tm_batch *batch;  // NULL: none
    int64_t read_ns;         // oldest of its rows; INT64_MAX: not known
    int64_t deadline_ns;     // when it must go, full or not
};

struct tm_hash_sender {
    struct tm_mem *mem;
    struct tm_channel **channels; // the sender's
    struct tm_batch_pool *pool;
    uint32_t count, max_parallelism;
    int64_t latency_ns;
    struct tm_key_spec key;
    struct tm_key_reader reader;   // of `schema`
    struct tm_buf scratch;         // its, for keys of several columns
    struct tm_schema *schema;      // of the parts; a reference, NULL before the first batch
    uint16_t *owners;              // channel by key group
    bool by_column;                // the key is one int column: its value picks the channel
    struct part *parts;            // by channel
    int64_t deadline_ns;           // the least of the parts', INT64_MAX: none
    int64_t read_ns;               // of the batch being spread, INT64_MAX: not known
    const struct tm_batch *resume; // the batch that was blocked, or NULL
    size_t resume_offset;          // its first row not yet copied
};

int tm__exchange_hash_new(const struct tm_sender_args *args, struct tm_channel **channels,
                          struct tm_hash_sender **out)
{
    struct tm_hash_sender *hash = tm_mem_zalloc(args->mem, sizeof *hash);

    if (hash == NULL)
        return TM_E_MEMORY;
    hash->mem = args->mem;
    hash->channels = channels;
    hash->count = args->count;
    hash->max_parallelism = args->max_parallelism;
    hash->latency_ns = args->latency_ms * 1000000;
    hash->key = *args->key;
    hash->by_column = args->kind == TM_PARTITION_COLUMN;
    hash->deadline_ns = INT64_MAX;
    tm_buf_init(&hash->scratch, args->mem);
    hash->pool = tm_batch_pool_new(args->mem);
    hash->owners = tm_mem_alloc(args->mem, hash->max_parallelism * sizeof *hash->owners);
    hash->parts = tm_mem_zalloc(args->mem, hash->count * sizeof *hash->parts);
    if (hash->pool == NULL || hash->owners == NULL || hash->parts == NULL) {
        tm__exchange_hash_free(hash);
        return TM_E_MEMORY;
    }
    for (uint32_t group = 0; group < hash->max_parallelism; group++)
        hash->owners[group] =
            (uint16_t)tm_key_group_owner(group, hash->count, hash->max_parallelism);
    *out = hash;
    return 0;
}

void tm__exchange_hash_free(struct tm_hash_sender *hash)
{
    if (hash == NULL)
        return;
    for (uint32_t c = 0; hash->parts != NULL && c < hash->count; c++)
        if (hash->parts[c].batch != NULL)
            tm_batch_release(hash->parts[c].batch);
    tm_schema_unref(hash->schema);
    tm_buf_fini(&hash->scratch);
    if (hash->pool != NULL)
        tm_batch_pool_free(hash->pool);
    tm_mem_free(hash->mem, hash->owners, hash->max_parallelism * sizeof *hash->owners);
    tm_mem_free(hash->mem, hash->parts, hash->count * sizeof *hash->parts);
    tm_mem_free(hash->mem, hash, sizeof *hash);
}

int64_t tm__exchange_hash_deadline_ns(const struct tm_hash_sender *hash)
{
    return hash->deadline_ns;
}

static void find_deadline(struct tm_hash_sender *hash)
{
    int64_t least = INT64_MAX;

    for (uint32_t c = 0; c < hash->count; c++)
        if (hash->parts[c].batch != NULL && hash->parts[c].deadline_ns < least)
            least = hash->parts[c].deadline_ns;
    hash->deadline_ns = least;
}

// Does the part hold rows of the batch being spread that its read_ns does not know yet? Asked once
// per part and batch, which keeps it out of the row loop.
static void see_read_ns(const struct tm_hash_sender *hash, struct part *part)
{
    if (part->rows_left != part->rows_left_seen && hash->read_ns < part->read_ns)
        part->read_ns = hash->read_ns;
    part->rows_left_seen = part->rows_left;
}

bool tm__exchange_hash_flush_one(struct tm_hash_sender *hash, uint32_t channel)
{
    struct part *part = &hash->parts[channel];
    struct tm_batch *batch = part->batch;

    if (batch == NULL)
        return true;
    size_t size_bytes = (size_t)(part->write - batch->data);
    if (!tm_channel_can_send_batch(hash->channels[channel], size_bytes))
        return false;
    see_read_ns(hash, part);
    batch->size_bytes = size_bytes;
    batch->row_count = TM_BATCH_ROWS - part->rows_left;
    batch->read_ns = part->read_ns == INT64_MAX ? 0 : part->read_ns;
    batch->split = TM_NO_SPLIT;
    tm_channel_send(hash->channels[channel],
                    (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch});
    int64_t deadline_ns = part->deadline_ns;
    *part = (struct part){0};
    if (deadline_ns == hash->deadline_ns)
        find_deadline(hash);
    return true;
}

int tm__exchange_hash_flush(struct tm_hash_sender *hash, int64_t now_ns, bool all)
{
    bool blocked = false;

    if (!all && now_ns < hash->deadline_ns)
        return TM_SENT;
    for (uint32_t c = 0; c < hash->count; c++)
        if (hash->parts[c].batch != NULL && (all || hash->parts[c].deadline_ns <= now_ns))
            blocked |= !tm__exchange_hash_flush_one(hash, c); // the others go all the same
    return blocked ? TM_BLOCKED : TM_SENT;
}

// Rows of another schema do not go into the same batch.
static int use_schema(struct tm_hash_sender *hash, struct tm_schema *schema, int64_t now_ns)
{
    if (hash->schema == schema)
        return TM_SENT;
    if (hash->schema == NULL || !tm_schema_equal(hash->schema, schema)) {
        if (tm__exchange_hash_flush(hash, now_ns, true) == TM_BLOCKED)
            return TM_BLOCKED;
    }
    // Equal schemas have equal layouts, so parts that are begun may go on under either.
    struct tm_schema *before = hash->schema;
    hash->schema = tm_schema_ref(schema);
    tm_schema_unref(before);
    tm_key_reader_init(&hash->reader, schema, &hash->key);
    return TM_SENT;
}

// Room for a row of `size` bytes in the channel's part. A part that the row would make grow goes
// out first, so that batches keep their size in the pool; only a row that is larger than a whole
// batch makes one grow.
static int make_room(struct tm_hash_sender *hash, uint32_t channel, size_t size, int64_t now_ns)
{
    struct part *part = &hash->parts[channel];

    if (!tm__exchange_hash_flush_one(hash, channel))
        return TM_BLOCKED;
    struct tm_batch *batch = tm_batch_acquire(hash->pool, hash->schema);
    if (batch == NULL)
        return TM_E_MEMORY;
    int rc = tm_batch_reserve(batch, size);
    if (rc != 0) {
        tm_batch_release(batch);
        return rc;
    }
    *part = (struct part){
        .write = batch->data,
        .limit = batch->data + batch->capacity_bytes,
        .rows_left = TM_BATCH_ROWS,
        .rows_left_seen = TM_BATCH_ROWS,
        .batch = batch,
        .read_ns = INT64_MAX,
        .deadline_ns = now_ns + hash->latency_ns,
    };
    if (part->deadline_ns < hash->deadline_ns)
        hash->deadline_ns = part->deadline_ns;
    return 0;
}

// Rows are short and multiples of 8: copying in steps of 32 with a tail that may run over is
// several times cheaper than a call. Both batches have 64 bytes of slack for it, and the next row
// of the target overwrites what ran over.
static inline void copy_row(uint8_t *to, const uint8_t *from, size_t size)
{
    memcpy(to, from, 32);
    if (TM_LIKELY(size <= 256)) {
        for (size_t i = 32; i < size; i += 32)
            memcpy(to + i, from + i, 32);
    } else {
        memcpy(to, from, size);
    }
}

// Towards minus infinity, so that neighbouring numbers go to neighbouring consumers on both sides
// of 0.
static inline uint32_t channel_of(int64_t value, uint32_t count)
{
    int64_t rest = value % (int64_t)count;
    return (uint32_t)(rest < 0 ? rest + (int64_t)count : rest);
}

// `by_column`: a constant where this is called.
static inline __attribute__((always_inline)) int spread_rows(struct tm_hash_sender *hash,
                                                             const struct tm_batch *batch,
                                                             int64_t now_ns, bool by_column)
{
    const uint8_t *at = batch->data + (hash->resume != NULL ? hash->resume_offset : 0);
    const uint8_t *end = batch->data + batch->size_bytes;
    const uint16_t *owners = hash->owners;
    uint32_t max_parallelism = hash->max_parallelism;
    struct part *parts = hash->parts;
    int rc;

    for (size_t size; at < end; at += size) {
        const struct tm_row *row = (const struct tm_row *)(const void *)at;
        struct tm_key key;
        uint32_t c;
        if (by_column) {
            c = channel_of(tm_row_int(row, hash->reader.offset), hash->count);
        } else {
            rc = tm_key_of_row(&hash->reader, row, &hash->scratch, &key);
            if (TM_UNLIKELY(rc != 0))
                return rc;
            c = owners[tm_hash_key_group(key.hash, max_parallelism)];
        }
        struct part *part = &parts[c];
        size = row->size_bytes;
        if (TM_UNLIKELY(size > (size_t)(part->limit - part->write))) {
            rc = make_room(hash, c, size, now_ns);
            if (rc != 0) {
                hash->resume = batch;
                hash->resume_offset = (size_t)(at - batch->data);
                return rc;
            }
        }
        copy_row(part->write, at, size);
        part->write += size;
        if (TM_UNLIKELY(--part->rows_left == 0))
            part->limit = part->write;
    }
    hash->resume = NULL;
    return TM_SENT;
}

// Once per batch: what is full goes out now if it can, so that it does not wait for its next row.
static void tend_parts(struct tm_hash_sender *hash)
{
    for (uint32_t c = 0; c < hash->count; c++) {
        struct part *part = &hash->parts[c];
        see_read_ns(hash, part);
        if (part->batch != NULL &&
            (part->rows_left == 0 || part->write - part->batch->data >= TM_BATCH_BYTES))
            (void)tm__exchange_hash_flush_one(hash, c);
    }
}

int tm__exchange_hash_send(struct tm_hash_sender *hash, const struct tm_batch *batch,
                           int64_t now_ns)
{
    TM_CHECK(hash->resume == NULL || hash->resume == batch);
    if (hash->resume == NULL) {
        int rc = use_schema(hash, batch->schema, now_ns);
        if (rc != TM_SENT)
            return rc;
    }
    hash->read_ns = batch->read_ns == 0 ? INT64_MAX : batch->read_ns;
    int rc = hash->by_column ? spread_rows(hash, batch, now_ns, true)
                             : spread_rows(hash, batch, now_ns, false);
    tend_parts(hash);
    return rc;
}

int tm__exchange_hash_each_part(const struct tm_hash_sender *hash, tm_sender_visit *visit,
                                void *arg)
{
    for (uint32_t c = 0; c < hash->count; c++) {
        const struct part *part = &hash->parts[c];
        if (part->batch == NULL || part->write == part->batch->data)
            continue;
        struct tm_batch batch = *part->batch;
        batch.size_bytes = (size_t)(part->write - batch.data);
        batch.row_count = TM_BATCH_ROWS - part->rows_left;
        batch.split = TM_NO_SPLIT;
        int rc = visit(arg, c, c, &(struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = &batch});
        if (rc != 0)
            return rc;
    }
    return 0;
}

void tm__exchange_hash_left(const struct tm_hash_sender *hash, const struct tm_batch *batch,
                            struct tm_batch *left)
{
    if (hash->resume == NULL)
        return;
    TM_CHECK(hash->resume == batch);
    const struct tm_row *row = tm_batch_first(batch);
    const struct tm_row *from =
        (const struct tm_row *)(const void *)(batch->data + hash->resume_offset);
    for (; row != from; row = tm_row_next(row))
        left->row_count--;
    left->data += hash->resume_offset;
    left->size_bytes -= hash->resume_offset;
}
