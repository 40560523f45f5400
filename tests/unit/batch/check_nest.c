// Nested values: written, checked, sent and shown, for random types and values.
#include "core/batch/any.h"
#include "core/batch/dump.h"
#include "core/batch/nest.h"
#include "core/batch/nested.h"
#include "core/batch/wire.h"
#include "tests/unit/batch/support.h"

struct world {
    struct tm_mem mem;
    struct tm_batch_pool *pool;
    struct tm_nest nest;
    struct tm_buf buf;
};

static void world_init(struct world *w)
{
    tm_mem_init(&w->mem, &support_fx, NULL, 0);
    w->pool = tm_batch_pool_new(&w->mem);
    tm_nest_init(&w->nest, &w->mem);
    tm_buf_init(&w->buf, &w->mem);
}

static void world_fini(struct world *w)
{
    tm_nest_fini(&w->nest);
    tm_buf_fini(&w->buf);
    tm_batch_pool_free(w->pool);
    ck_assert_int_eq(w->mem.used_bytes, 0);
}

// A batch of one column "v" of this type.
static struct tm_batch *batch_of(struct world *w, const char *text)
{
    struct tm_field_def def = {"v", {0}, 0};
    struct tm_schema *schema = NULL;
    struct tm_error err = {0};
    ck_assert_msg(tm_type_parse(&w->mem, text, &def.type, &err) == 0, "%s: %s", text, err.message);
    ck_assert_int_eq(tm_schema_new(&w->mem, &def, 1, -1, &schema, NULL), 0);
    tm_type_fini(&def.type);
    struct tm_batch *batch = tm_batch_acquire(w->pool, schema);
    tm_schema_unref(schema);
    return batch;
}

static struct tm_type type_of(const struct tm_batch *batch)
{
    return batch->schema->fields[0].type;
}

static void text_is(struct world *w, const struct tm_batch *batch, const char *text)
{
    w->buf.size_bytes = 0;
    ck_assert_int_eq(tm_dump_row(&w->buf, batch->schema, tm_batch_first(batch)), 0);
    ck_assert_int_eq(tm_buf_append(&w->buf, "", 1), 0);
    ck_assert_str_eq((const char *)w->buf.data, text);
}

static void check(const struct tm_batch *batch)
{
    struct tm_error err = {0};
    ck_assert_msg(tm_wire_check_rows(batch->schema, NULL, batch->data, batch->size_bytes,
                                     batch->row_count, &err) == 0,
                  "%s", err.message);
}

#define OK(call) ck_assert_int_eq((call), 0)

START_TEST(a_struct_of_lists_and_maps_reads_back)
{
    struct world w;
    world_init(&w);
    struct tm_batch *batch =
        batch_of(&w, "struct(name string,tags list(string),prices map(string,double),no int)");
    struct tm_builder b;
    OK(tm_builder_begin(&b, batch));
    tm_nest_begin(&w.nest, &b);
    OK(tm_nest_open(&w.nest, type_of(batch)));
    OK(tm_nest_put_bytes(&w.nest, 0, "Ada", 3));
    OK(tm_nest_open(&w.nest, type_of(batch).of->fields[1].type));
    OK(tm_nest_put_bytes(&w.nest, 0, "x", 1));
    OK(tm_nest_put_null(&w.nest, 0));
    OK(tm_nest_put_bytes(&w.nest, 0, "", 0));
    OK(tm_nest_close(&w.nest, 1));
    OK(tm_nest_open(&w.nest, type_of(batch).of->fields[2].type));
    static const char *const keys[] = {"pear", "fig", "apple", "fig"};
    for (int i = 0; i < 4; i++) {
        double price = i + 0.5;
        uint64_t bits;
        memcpy(&bits, &price, sizeof bits);
        OK(tm_nest_put_bytes(&w.nest, 0, keys[i], (uint32_t)strlen(keys[i])));
        if (i == 0)
            OK(tm_nest_put_null(&w.nest, 1));
        else
            OK(tm_nest_put_word(&w.nest, 1, bits));
    }
    OK(tm_nest_close(&w.nest, 2));
    OK(tm_nest_close(&w.nest, 0));
    OK(tm_builder_end(&b));
    check(batch);
    text_is(&w, batch,
            "{v = {name = \"Ada\", tags = {\"x\", null, \"\"}, prices = {[\"apple\"] = 2.5, "
            "[\"fig\"] = 3.5, [\"pear\"] = null}, no = null}}");
    const struct tm_row *row = tm_batch_first(batch);
    const struct tm_row *v = tm_slot_struct(tm_slot_of_row(row, batch->schema->fields[0].offset));
    const struct tm_map *map = tm_slot_map(tm_slot_of_row(v, type_of(batch).of->fields[2].offset));
    ck_assert_int_eq(tm_map_find_text(map, "fig", 3), 1);
    ck_assert_int_eq(tm_map_find_text(map, "pear", 4), 2);
    ck_assert_int_eq(tm_map_find_text(map, "pea", 3), -1);
    ck_assert_int_eq(tm_map_find_text(map, "zoo", 3), -1);
    tm_batch_release(batch);
    world_fini(&w);
}
END_TEST

START_TEST(keys_that_are_numbers_are_ordered_by_value)
{
    struct world w;
    world_init(&w);
    struct tm_batch *batch = batch_of(&w, "map(int64,bool)");
    struct tm_builder b;
    OK(tm_builder_begin(&b, batch));
    tm_nest_begin(&w.nest, &b);
    OK(tm_nest_open(&w.nest, type_of(batch)));
    for (int64_t i = 0; i < 100; i++) {
        OK(tm_nest_put_word(&w.nest, 0, (uint64_t)(i * 37 % 100 - 50)));
        OK(tm_nest_put_word(&w.nest, 1, (uint64_t)(i & 1)));
    }
    OK(tm_nest_close(&w.nest, 0));
    OK(tm_builder_end(&b));
    check(batch);
    const struct tm_map *map =
        tm_slot_map(tm_slot_of_row(tm_batch_first(batch), batch->schema->fields[0].offset));
    ck_assert_uint_eq(map->count, 100);
    for (uint32_t i = 0; i < 100; i++)
        ck_assert_int_eq(tm_slot_int(tm_map_key(map, i)), (int64_t)i - 50);
    ck_assert_int_eq(tm_map_find_number(map, -50), 0);
    ck_assert_int_eq(tm_map_find_number(map, 49), 99);
    ck_assert_int_eq(tm_map_find_number(map, 50), -1);
    tm_batch_release(batch);
    world_fini(&w);
}
END_TEST

// --- random types and values -------------------------------------------------------------------

static void random_type(struct support_random *r, char *text, int depth)
{
    static const char *const scalars[] = {"bool",   "int",   "int64",     "double", "decimal(20,2)",
                                          "string", "bytes", "timestamp", "any"};
    size_t n = strlen(text);
    switch (depth == 0 ? 9 : support_below(r, 5)) {
    case 0:
        strcpy(text + n, "list(");
        random_type(r, text, depth - 1);
        strcat(text, ")");
        break;
    case 1:
        strcpy(text + n, support_below(r, 2) == 0 ? "map(string," : "map(int,");
        random_type(r, text, depth - 1);
        strcat(text, ")");
        break;
    case 2:
    case 3: {
        uint64_t fields = 1 + support_below(r, 4);
        strcpy(text + n, "struct(");
        for (uint64_t i = 0; i < fields; i++) {
            sprintf(text + strlen(text), "%sf%d ", i == 0 ? "" : ",", (int)i);
            random_type(r, text, depth - 1);
        }
        strcat(text, ")");
        break;
    }
    default:
        strcpy(text + n, scalars[support_below(r, 9)]);
    }
}

static void random_value(struct support_random *r, struct tm_nest *n, struct tm_type type,
                         uint32_t field)
{
    static const char *const words[] = {"", "a", "tide", "m\xc3\xbchle",
                                        "a longer text that does not fit into a single word"};
    static const char *const anys[] = {"\xc0", "\x07", "\x93\x01\xa1x\xc3", "\x81\xa1k\x90"};
    static const uint32_t any_bytes[] = {1, 1, 5, 4};
    uint64_t v = support_next(r);
    switch (type.kind) {
    case TM_TYPE_LIST:
    case TM_TYPE_MAP:
    case TM_TYPE_STRUCT: {
        uint64_t count = type.kind == TM_TYPE_STRUCT ? type.of->field_count
                         : support_below(r, 10) == 0 ? 70
                                                     : support_below(r, 5);
        OK(tm_nest_open(n, type));
        for (uint32_t i = 0; i < count; i++) {
            uint32_t at = type.kind == TM_TYPE_STRUCT ? i : type.kind == TM_TYPE_MAP ? 1 : 0;
            if (type.kind == TM_TYPE_MAP)
                random_value(r, n, type.of->fields[0].type, 0);
            if (support_below(r, 5) != 0)
                random_value(r, n, type.of->fields[at].type, at);
            else if (type.kind != TM_TYPE_STRUCT)
                OK(tm_nest_put_null(n, at));
        }
        OK(tm_nest_close(n, field));
        break;
    }
    case TM_TYPE_BOOL:
        OK(tm_nest_put_word(n, field, v & 1));
        break;
    case TM_TYPE_INT:
        OK(tm_nest_put_word(n, field, (uint64_t)((int64_t)(v % (1ull << 54)) - TM_INT_MAX)));
        break;
    case TM_TYPE_DECIMAL:
        OK(tm_nest_put_decimal(n, field, (__int128)(int64_t)v * 9));
        break;
    case TM_TYPE_STRING:
    case TM_TYPE_BYTES: {
        const char *s = words[v % 5];
        if (v % 3 == 0) {
            uint8_t *to = tm_nest_reserve_bytes(n, 100);
            ck_assert_ptr_nonnull(to);
            memcpy(to, s, strlen(s));
            OK(tm_nest_commit_bytes(n, field, (uint32_t)strlen(s)));
        } else {
            OK(tm_nest_put_bytes(n, field, s, (uint32_t)strlen(s)));
        }
        break;
    }
    case TM_TYPE_ANY:
        OK(tm_nest_put_bytes(n, field, anys[v % 4], any_bytes[v % 4]));
        break;
    default:
        OK(tm_nest_put_word(n, field, v));
    }
}

START_TEST(random_nested_rows_pass_the_check_and_the_wire)
{
    struct support_random r = support_seed("random_nested_rows_pass_the_check_and_the_wire");
    struct world w;
    world_init(&w);
    for (int round = 0; round < 100; round++) {
        char text[20000] = "struct(x ";
        random_type(&r, text, 3);
        strcat(text, ")");
        struct tm_batch *batch = batch_of(&w, text);
        for (int i = 0; i < 20; i++) {
            struct tm_builder b;
            OK(tm_builder_begin(&b, batch));
            tm_nest_begin(&w.nest, &b);
            random_value(&r, &w.nest, type_of(batch), 0);
            OK(tm_builder_end(&b));
        }
        check(batch);
        // another row that holds the same value
        struct tm_batch *copy = batch_of(&w, text);
        TM_BATCH_EACH(batch, row)
        {
            struct tm_builder b;
            OK(tm_builder_begin(&b, copy));
            OK(tm_builder_copy(&b, 0, row, batch->schema, 0));
            OK(tm_builder_end(&b));
        }
        check(copy);
        ck_assert_uint_eq(copy->size_bytes, batch->size_bytes);
        ck_assert_mem_eq(copy->data, batch->data, batch->size_bytes);
        w.buf.size_bytes = 0;
        OK(tm_wire_put_schema(&w.buf, batch->schema));
        size_t used = 0;
        struct tm_schema *schema = NULL;
        OK(tm_wire_get_schema(&w.mem, w.buf.data, w.buf.size_bytes, &used, &schema, NULL));
        ck_assert(tm_schema_equal(schema, batch->schema));
        // every byte that is damaged is found or harmless, and nothing is read outside
        for (int i = 0; i < 200; i++) {
            size_t at = support_below(&r, copy->size_bytes);
            uint8_t was = copy->data[at];
            copy->data[at] ^= (uint8_t)(1 + support_below(&r, 255));
            struct tm_error err = {0};
            if (tm_wire_check_rows(schema, NULL, copy->data, copy->size_bytes, copy->row_count,
                                   &err) == 0) {
                w.buf.size_bytes = 0;
                OK(tm_dump_batch(&w.buf, copy, 1));
            }
            copy->data[at] = was;
        }
        tm_schema_unref(schema);
        tm_batch_release(copy);
        tm_batch_release(batch);
    }
    world_fini(&w);
}
END_TEST

START_TEST(a_cancelled_value_leaves_no_trace_in_the_next_row)
{
    struct world w;
    world_init(&w);
    struct tm_batch *batch = batch_of(&w, "list(list(string))");
    struct tm_builder b;
    OK(tm_builder_begin(&b, batch));
    tm_nest_begin(&w.nest, &b);
    OK(tm_nest_open(&w.nest, type_of(batch)));
    OK(tm_nest_open(&w.nest, type_of(batch).of->fields[0].type));
    OK(tm_nest_put_bytes(&w.nest, 0, "abc", 3));
    tm_builder_cancel(&b);
    OK(tm_builder_begin(&b, batch));
    tm_nest_begin(&w.nest, &b);
    OK(tm_nest_open(&w.nest, type_of(batch)));
    OK(tm_nest_close(&w.nest, 0));
    OK(tm_builder_end(&b));
    check(batch);
    text_is(&w, batch, "{v = {}}");
    tm_batch_release(batch);
    world_fini(&w);
}
END_TEST

START_TEST(a_value_put_twice_keeps_the_last)
{
    struct world w;
    world_init(&w);
    struct tm_batch *batch = batch_of(&w, "list(int)");
    struct tm_builder b;
    OK(tm_builder_begin(&b, batch));
    tm_nest_begin(&w.nest, &b);
    for (uint64_t i = 1; i <= 2; i++) {
        OK(tm_nest_open(&w.nest, type_of(batch)));
        OK(tm_nest_put_word(&w.nest, 0, i));
        OK(tm_nest_close(&w.nest, 0));
    }
    OK(tm_builder_end(&b));
    check(batch);
    text_is(&w, batch, "{v = {2}}");
    tm_batch_release(batch);
    world_fini(&w);
}
END_TEST

START_TEST(msgpack_is_walked_and_what_is_none_is_refused)
{
    static const struct {
        const char *bytes;
        uint32_t len;
        bool valid;
    } cases[] = {
        {"\xc0", 1, true},
        {"", 0, false},
        {"\xc1", 1, false},
        {"\xc1\x00", 2, false},
        {"\xc1\x05-1.50", 7, true},
        {"\xc1\x06-1.50", 7, false},
        {"\xc1\x05+1.50", 7, false},
        {"\xc1\x03"
         "1e3",
         5, false},
        {"\xc1\x02x1", 4, false},
        {"\x92\xc1\x01"
         "7\xa1"
         "b",
         6, true},
        {"\xc1\x29-0.00000000000000000000000000000000000001", 43, true},
        {"\xc1\x28"
         "1000000000000000000000000000000000000000",
         42, false}, // 40 digits
        {"\x01\x02", 2, false},
        {"\xa3"
         "ab",
         3, false},
        {"\xa2\xff\xff", 3, false},
        {"\xc4\x02\xff\xff", 4, true},
        {"\xdd\xff\xff\xff\xff", 5, false},
        {"\x82\xa1"
         "a\x01\xa1"
         "b",
         6, false},
        {"\xd9\x01x", 3, true},
        {"\xcb\x3f\xf0\0\0\0\0\0\0", 9, true},
        {"\xd4\x01\x02", 3, true},
        {"\xc7\x02\x01\x02\x03", 5, true},
        {"\xc7\x02\x01\x02", 4, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(tm_any_is_valid((const uint8_t *)cases[i].bytes, cases[i].len) ==
                          cases[i].valid,
                      "case %zu", i);
    uint8_t deep[200];
    memset(deep, 0x91, sizeof deep);
    deep[128] = 0xc0;
    ck_assert(tm_any_is_valid(deep, 129));
    deep[128] = 0x91;
    deep[129] = 0xc0;
    ck_assert(!tm_any_is_valid(deep, 130));
    struct tm_any v =
        tm_any_read((const uint8_t *)"\xd1\xff\xfe", (const uint8_t *)"\xd1\xff\xfe" + 3);
    ck_assert_int_eq(v.kind, TM_ANY_INT);
    ck_assert_int_eq(v.integer, -2);
    static const uint8_t most[] = {0xcf, 255, 255, 255, 255, 255, 255, 255, 255};
    v = tm_any_read(most, most + 9);
    ck_assert_int_eq(v.kind, TM_ANY_UINT);
    ck_assert(v.integer == -1);
}
END_TEST

SUPPORT_MAIN("nest", a_struct_of_lists_and_maps_reads_back,
             keys_that_are_numbers_are_ordered_by_value,
             random_nested_rows_pass_the_check_and_the_wire,
             a_cancelled_value_leaves_no_trace_in_the_next_row, a_value_put_twice_keeps_the_last,
             msgpack_is_walked_and_what_is_none_is_refused)
