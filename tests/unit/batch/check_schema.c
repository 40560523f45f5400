// Schemas: layout, what is refused, fingerprints, references.
#include "core/base/limits.h"
#include "tests/unit/batch/support.h"

static struct tm_mem mem;

static struct tm_schema *made(const struct tm_field_def *defs, uint32_t count, int32_t time_field)
{
    struct tm_schema *schema = NULL;
    ck_assert_int_eq(tm_schema_new(&mem, defs, count, time_field, &schema, NULL), 0);
    return schema;
}

START_TEST(slots_follow_each_other_behind_the_bitmap)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    struct tm_field_def defs[] = {{"a", support_type("int"), 0},
                                  {"d", support_type("decimal(10,2)"), 0},
                                  {"s", support_type("string"), TM_FIELD_REQUIRED}};
    struct tm_schema *s = made(defs, 3, -1);
    ck_assert_uint_eq(s->null_words, 1);
    ck_assert_uint_eq(s->fields[0].offset, 16);
    ck_assert_uint_eq(s->fields[1].offset, 24);
    ck_assert_uint_eq(s->fields[2].offset, 40);
    ck_assert_uint_eq(s->fixed_bytes, 48);
    ck_assert(s->has_references);
    ck_assert_uint_eq(s->fields[2].flags, TM_FIELD_REQUIRED);
    tm_schema_unref(s);
    s = made(defs, 2, -1);
    ck_assert(!s->has_references);
    tm_schema_unref(s);
    ck_assert_int_eq(mem.used_bytes, 0);
}
END_TEST

START_TEST(the_65th_column_adds_a_word_of_null_bits)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    char names[65][8];
    struct tm_field_def defs[65];
    for (int i = 0; i < 65; i++) {
        snprintf(names[i], sizeof names[i], "c%d", i);
        defs[i] = (struct tm_field_def){names[i], support_type("int"), 0};
    }
    struct tm_schema *s = made(defs, 64, -1);
    ck_assert_uint_eq(s->null_words, 1);
    tm_schema_unref(s);
    s = made(defs, 65, -1);
    ck_assert_uint_eq(s->null_words, 2);
    ck_assert_uint_eq(s->fields[0].offset, 24);
    tm_schema_unref(s);
}
END_TEST

static void refused(const struct tm_field_def *defs, uint32_t count, int32_t time_field,
                    const char *word)
{
    struct tm_schema *schema = NULL;
    struct tm_error err = {0};
    ck_assert_int_eq(tm_schema_new(&mem, defs, count, time_field, &schema, &err), TM_E_SCHEMA);
    ck_assert_msg(strstr(err.message, word) != NULL, "\"%s\" lacks \"%s\"", err.message, word);
    ck_assert_int_eq(mem.used_bytes, 0);
}

START_TEST(wrong_definitions_are_refused_with_the_reason)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    char name[300];
    memset(name, 'x', sizeof name);
    name[299] = '\0';
    struct tm_type type = support_type("int");
    refused((struct tm_field_def[]){{"a", type, 0}, {"b", type, 0}, {"a", type, 0}}, 3, -1,
            "\"a\"");
    refused(NULL, 0, -1, "at least one");
    refused((struct tm_field_def[]){{"", type, 0}}, 1, -1, "empty");
    refused((struct tm_field_def[]){{name, type, 0}}, 1, -1, "255");
    refused((struct tm_field_def[]){{"\xff", type, 0}}, 1, -1, "UTF-8");
    refused((struct tm_field_def[]){{"a", {TM_TYPE_UNKNOWN, 0, 0, 0}, 0}}, 1, -1, "\"a\"");
    refused((struct tm_field_def[]){{"a", {TM_TYPE_MAP, 0, 0, 0}, 0}}, 1, -1, "map");
    refused((struct tm_field_def[]){{"a", {200, 0, 0, 0}, 0}}, 1, -1, "\"a\"");
    refused((struct tm_field_def[]){{"a", {TM_TYPE_DECIMAL, 39, 0, 0}, 0}}, 1, -1, "decimal");
    refused((struct tm_field_def[]){{"a", {TM_TYPE_DECIMAL, 3, 4, 0}, 0}}, 1, -1, "decimal");
    refused((struct tm_field_def[]){{"a", {TM_TYPE_INT, 3, 0, 0}, 0}}, 1, -1, "impossible");
    refused((struct tm_field_def[]){{"a", type, 128}}, 1, -1, "flags");
    refused((struct tm_field_def[]){{"a", type, 0}}, 1, 0, "not a timestamp");
    refused((struct tm_field_def[]){{"a", type, 0}}, 1, 1, "outside");
    refused((struct tm_field_def[]){{"a", type, 0}}, 1, -2, "outside");
}
END_TEST

START_TEST(at_most_1024_columns)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    static char names[TM_FIELDS_MAX + 1][8];
    static struct tm_field_def defs[TM_FIELDS_MAX + 1];
    for (int i = 0; i <= TM_FIELDS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "c%d", i);
        defs[i] = (struct tm_field_def){names[i], support_type("int"), 0};
    }
    struct tm_schema *s = made(defs, TM_FIELDS_MAX, -1);
    ck_assert_int_eq(tm_schema_find(s, "c1023", 5), 1023);
    tm_schema_unref(s);
    refused(defs, TM_FIELDS_MAX + 1, -1, "1024");
}
END_TEST

START_TEST(anything_that_differs_changes_the_fingerprint)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    struct tm_type ts = support_type("timestamp"), in = support_type("int");
    struct tm_schema *s[8] = {
        made((struct tm_field_def[]){{"a", ts, 0}, {"b", in, 0}}, 2, -1),
        made((struct tm_field_def[]){{"a", ts, 0}, {"b", in, 0}}, 2, 0),
        made((struct tm_field_def[]){{"b", in, 0}, {"a", ts, 0}}, 2, -1),
        made((struct tm_field_def[]){{"a", ts, 0}, {"c", in, 0}}, 2, -1),
        made((struct tm_field_def[]){{"a", ts, 0}, {"b", ts, 0}}, 2, -1),
        made((struct tm_field_def[]){{"a", ts, 0}, {"b", in, TM_FIELD_HIDDEN}}, 2, -1),
        made((struct tm_field_def[]){{"a", ts, 0}}, 1, -1),
        made((struct tm_field_def[]){{"a", ts, 0}, {"b", in, TM_FIELD_REQUIRED}}, 2, -1)};
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < 8; k++) {
            ck_assert_int_eq(s[i]->fingerprint == s[k]->fingerprint, i == k);
            ck_assert_int_eq(tm_schema_equal(s[i], s[k]), i == k);
        }
    }
    struct tm_schema *again = made((struct tm_field_def[]){{"a", ts, 0}, {"b", in, 0}}, 2, -1);
    ck_assert(tm_schema_equal(s[0], again));
    ck_assert_uint_eq(s[0]->fingerprint, again->fingerprint);
    // stored in checkpoints and sent: this number may never change
    ck_assert_uint_eq(s[0]->fingerprint, 11365859170638273492u);
    tm_schema_unref(again);
    for (int i = 0; i < 8; i++)
        tm_schema_unref(s[i]);
    ck_assert_int_eq(mem.used_bytes, 0);
}
END_TEST

START_TEST(a_changelog_is_another_schema_than_plain_rows)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    struct tm_schema *plain = support_schema(&mem), *changes = support_schema(&mem);
    ck_assert(tm_schema_equal(plain, changes));
    tm_schema_set_changelog(changes);
    ck_assert(changes->changelog && !plain->changelog);
    ck_assert(!tm_schema_equal(plain, changes));
    ck_assert_uint_ne(plain->fingerprint, changes->fingerprint);
    ck_assert(tm_schema_same_rows(plain, changes));
    tm_schema_unref(plain);
    tm_schema_unref(changes);
    ck_assert_int_eq(mem.used_bytes, 0);
}
END_TEST

START_TEST(schemas_that_differ_in_flags_and_names_alone_have_the_same_rows)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    struct tm_type ts = support_type("timestamp"), in = support_type("int");
    struct tm_schema *s[5] = {
        made((struct tm_field_def[]){{"a", ts, 0}, {"b", in, 0}}, 2, -1),
        made((struct tm_field_def[]){{"a", ts, TM_FIELD_REQUIRED}, {"b", in, 0}}, 2, 0),
        made((struct tm_field_def[]){{"c", ts, 0}, {"b", in, TM_FIELD_HIDDEN}}, 2, -1),
        made((struct tm_field_def[]){{"b", in, 0}, {"a", ts, 0}}, 2, -1),
        made((struct tm_field_def[]){{"a", ts, 0}}, 1, -1)};
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 5; k++)
            ck_assert_int_eq(tm_schema_same_rows(s[i], s[k]), i == k || (i < 3 && k < 3));
    for (int i = 0; i < 5; i++)
        tm_schema_unref(s[i]);
    ck_assert_int_eq(mem.used_bytes, 0);
}
END_TEST

START_TEST(a_column_is_found_by_its_whole_name)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    struct tm_schema *s = support_schema(&mem);
    ck_assert_int_eq(tm_schema_find(s, "name", 4), 5);
    ck_assert_int_eq(tm_schema_find(s, "name", 3), -1);
    ck_assert_int_eq(tm_schema_find(s, "names", 5), -1);
    ck_assert_int_eq(tm_schema_find(s, "n\0me", 4), -1);
    ck_assert_int_eq(tm_schema_find(s, "", 0), -1);
    ck_assert_ptr_eq(tm_schema_ref(s), s);
    tm_schema_unref(s);
    ck_assert_int_eq(tm_schema_find(s, "at", 2), 7);
    tm_schema_unref(s);
    tm_schema_unref(NULL);
    ck_assert_int_eq(mem.used_bytes, 0);
}
END_TEST

SUPPORT_MAIN("schema", slots_follow_each_other_behind_the_bitmap,
             the_65th_column_adds_a_word_of_null_bits,
             wrong_definitions_are_refused_with_the_reason, at_most_1024_columns,
             anything_that_differs_changes_the_fingerprint,
             a_changelog_is_another_schema_than_plain_rows,
             schemas_that_differ_in_flags_and_names_alone_have_the_same_rows,
             a_column_is_found_by_its_whole_name)
