// Values from type to type: what follows by the rules of types, and what is refused.
#include "core/checkpoint/value.h"

#include "core/batch/nest.h"
#include "core/batch/nested.h"
#include "tests/unit/batch/support.h"

static struct tm_mem mem;
static struct tm_error err;

static void begin(void)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    tm_error_clear(&err);
}

static void end(void)
{
    ck_assert_int_eq(mem.used_bytes, 0);
}

static int change_of(const char *from, const char *to)
{
    struct tm_value_change *change;
    tm_error_clear(&err);
    int rc = tm_value_change_new(&mem, from, to, &change, &err);
    tm_value_change_free(change);
    return rc;
}

START_TEST(wider_types_are_taken_on_all_levels)
{
    static const char *const pairs[][2] = {
        {"int", "double"},
        {"int", "int64"},
        {"string", "bytes"},
        {"decimal(10,2)", "decimal(12,2)"},
        {"list(int)", "list(double)"},
        {"map(string,int)", "map(string,int64)"},
        {"struct(a int,b string)", "struct(b string,c int)"},
        {"struct(a int!)", "struct(a int)"},
        {"list(struct(a list(int)))", "list(struct(b int,a list(double)))"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        ck_assert_msg(change_of(pairs[i][0], pairs[i][1]) == 0, "%s to %s: %s", pairs[i][0],
                      pairs[i][1], err.message);
}
END_TEST

START_TEST(others_are_refused_with_the_part_that_cannot_be)
{
    static const char *const pairs[][3] = {
        {"int", "string", "int"},
        {"double", "int", "double"},
        {"bytes", "string", "bytes"},
        {"decimal(12,2)", "decimal(10,2)", "decimal"},
        {"decimal(12,2)", "decimal(12,3)", "decimal"},
        {"list(double)", "list(int)", "double"},
        {"map(string,int)", "map(int,int)", "map"},
        {"struct(a struct(b int))", "struct(a struct(b string))", "a.b"},
        {"struct(a int)", "struct(a int!)", "a is required, and may be null"},
        {"struct(a int)", "struct(a int,b int!)", "b is required, and it is not there"},
        {"list(int)", "map(string,int)", "list"},
        {"int#0123", "string", "int#0123"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        ck_assert_int_eq(change_of(pairs[i][0], pairs[i][1]), TM_E_STATE_TYPE);
        ck_assert_msg(strstr(err.message, pairs[i][2]) != NULL, "%s", err.message);
    }
}
END_TEST

START_TEST(a_number_becomes_wider)
{
    struct tm_value_change *change;
    const int64_t number = -(1LL << 53);
    const void *made;
    uint32_t length;
    ck_assert_int_eq(tm_value_change_new(&mem, "int", "double", &change, &err), 0);
    ck_assert_int_eq(tm_value_change_apply(change, &number, sizeof number, &made, &length, &err),
                     0);
    double real;
    ck_assert_uint_eq(length, sizeof real);
    memcpy(&real, made, sizeof real);
    ck_assert(real == -9007199254740992.0);
    tm_value_change_free(change);
    ck_assert_int_eq(tm_value_change_new(&mem, "int", "int64", &change, &err), 0);
    ck_assert_ptr_null(change); // the same bytes
}
END_TEST

// The bytes of the only column of a row with one nested value, made by `fill`.
struct made {
    struct tm_schema *schema;
    struct tm_batch_pool *pool;
    struct tm_batch *batch;
    struct tm_type type;
};

static const uint8_t *make_items(struct made *m, const char *type, uint32_t count, uint32_t *length)
{
    struct tm_builder builder;
    struct tm_nest nest;
    ck_assert_int_eq(tm_type_parse(&mem, type, &m->type, &err), 0);
    const struct tm_field_def def = {.name = "value", .type = m->type};
    ck_assert_int_eq(tm_schema_new(&mem, &def, 1, -1, &m->schema, &err), 0);
    m->pool = tm_batch_pool_new(&mem);
    m->batch = tm_batch_acquire(m->pool, m->schema);
    tm_nest_init(&nest, &mem);
    ck_assert_int_eq(tm_builder_begin(&builder, m->batch), 0);
    tm_nest_begin(&nest, &builder);
    ck_assert_int_eq(tm_nest_open(&nest, m->type), 0);
    for (uint32_t i = 0; i < count; i++) { // list(struct(a int,b string)), every third null
        if (i % 3 == 2) {
            ck_assert_int_eq(tm_nest_put_null(&nest, 0), 0);
            continue;
        }
        ck_assert_int_eq(tm_nest_open(&nest, m->type.of->fields[0].type), 0);
        ck_assert_int_eq(tm_nest_put_word(&nest, 0, i), 0);
        ck_assert_int_eq(tm_nest_put_bytes(&nest, 1, "text", 1 + i % 4), 0);
        ck_assert_int_eq(tm_nest_close(&nest, 0), 0);
    }
    ck_assert_int_eq(tm_nest_close(&nest, 0), 0);
    ck_assert_int_eq(tm_builder_end(&builder), 0);
    tm_nest_fini(&nest);
    return tm_slot_bytes(tm_slot_of_row(tm_batch_first(m->batch), m->schema->fields[0].offset),
                         length);
}

static void drop(struct made *m)
{
    tm_batch_release(m->batch);
    tm_batch_pool_free(m->pool);
    tm_schema_unref(m->schema);
    tm_type_fini(&m->type);
}

START_TEST(structs_in_a_list_keep_what_both_have)
{
    struct tm_value_change *change;
    struct made m;
    uint32_t length, made_length;
    const void *made;
    const uint8_t *bytes = make_items(&m, "list(struct(a int,b string))", 100, &length);
    ck_assert_int_eq(tm_value_change_new(&mem, "list(struct(a int,b string))",
                                         "list(struct(b bytes,fresh string,a double))", &change,
                                         &err),
                     0);
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(tm_value_change_apply(change, bytes, length, &made, &made_length, &err),
                         0);
        struct tm_type type;
        ck_assert_int_eq(tm_type_parse(&mem, "struct(b bytes,fresh string,a double)", &type, &err),
                         0);
        const struct tm_list *list = made;
        ck_assert_uint_eq(list->count, 100);
        for (uint32_t i = 0; i < 100; i++) {
            ck_assert(tm_list_is_null(list, i) == (i % 3 == 2));
            if (i % 3 == 2)
                continue;
            const struct tm_row *row = tm_slot_struct(tm_list_item(list, type, i));
            uint32_t text;
            ck_assert(tm_row_is_null(row, 1));
            ck_assert(tm_slot_double(tm_slot_of_row(row, type.of->fields[2].offset)) == (double)i);
            const uint8_t *p = tm_slot_bytes(tm_slot_of_row(row, type.of->fields[0].offset), &text);
            ck_assert_uint_eq(text, 1 + i % 4);
            ck_assert_int_eq(memcmp(p, "text", text), 0);
        }
        tm_type_fini(&type);
    }
    tm_value_change_free(change);
    drop(&m);
}
END_TEST

START_TEST(bytes_that_are_no_such_value_are_damaged)
{
    struct tm_value_change *change;
    struct made m;
    uint32_t length, made_length;
    const void *made;
    const uint8_t *bytes = make_items(&m, "list(struct(a int,b string))", 5, &length);
    ck_assert_int_eq(tm_value_change_new(&mem, "list(struct(a int,b string))",
                                         "list(struct(a double))", &change, &err),
                     0);
    uint8_t copy[4096];
    ck_assert_uint_le(length, sizeof copy);
    for (uint32_t i = 0; i < length; i++) {
        memcpy(copy, bytes, length);
        copy[i] ^= 0xff;
        int rc = tm_value_change_apply(change, copy, length, &made, &made_length, &err);
        ck_assert(rc == 0 || rc == TM_E_CHECKPOINT); // a number may be another one
    }
    ck_assert_int_eq(tm_value_change_apply(change, bytes, length - 8, &made, &made_length, &err),
                     TM_E_CHECKPOINT);
    tm_value_change_free(change);
    drop(&m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint_value");
    TCase *tc = tcase_create("value");
    tcase_add_checked_fixture(tc, begin, end);
    tcase_add_test(tc, wider_types_are_taken_on_all_levels);
    tcase_add_test(tc, others_are_refused_with_the_part_that_cannot_be);
    tcase_add_test(tc, a_number_becomes_wider);
    tcase_add_test(tc, structs_in_a_list_keep_what_both_have);
    tcase_add_test(tc, bytes_that_are_no_such_value_are_damaged);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
