// Entries that go to a state of another max parallelism or another layout: what they hold is the
// same, field by field, and what cannot become something else is refused with both names.
#include "core/checkpoint/convert.h"
#include "tests/unit/state/world.h"

enum { KEYS = 300, NAMESPACES = 3 };

// A field that is always there, and one of items.
#define FIELD(name_, type_, kind_, offset_, bytes_)                                       \
    {                                                                                     \
        .name = (name_), .type = (type_), .kind = TM_LAYOUT_##kind_, .offset = (offset_), \
        .bytes = (bytes_), .present_bit = UINT32_MAX                                      \
    }
#define INSIDE(name_, type_, kind_, offset_, bytes_, in_head_)                            \
    {                                                                                     \
        .name = (name_), .type = (type_), .kind = TM_LAYOUT_##kind_, .offset = (offset_), \
        .bytes = (bytes_), .present_bit = UINT32_MAX, .inside = 1, .in_head = (in_head_)  \
    }

static const struct tm_layout_field world_fields[] = {
    FIELD("number", "int", BYTES, offsetof(struct world_value, number), 8),
    FIELD("text", "string", BLOB, offsetof(struct world_value, text), 8),
    FIELD("map", "map(int,string)", MAP, offsetof(struct world_value, map), 24),
    FIELD("list", "list(string)", LIST, offsetof(struct world_value, list), 24),
};
static const struct tm_layout world_layout = {sizeof(struct world_value), 4, world_fields};

static struct tm_state *new_state(uint32_t max_parallelism, uint32_t first, uint32_t last,
                                  uint32_t value_bytes)
{
    struct tm_state_args args = {&mem, max_parallelism, first, last, value_bytes};
    struct tm_state *state;
    ck_assert_int_eq(tm_state_new(&args, &state, NULL), 0);
    return state;
}

static struct tm_convert *new_convert(const struct tm_layout *from, const struct tm_layout *to)
{
    struct tm_error err = {0};
    struct tm_convert *convert;
    int rc = tm_convert_new(&mem, from, to, &convert, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    return convert;
}

// As a restore does: each old key group by itself, through its image.
static void convert_groups(const struct tm_convert *convert, struct tm_state *from,
                           struct tm_state *const *to, uint32_t to_count)
{
    uint32_t max_parallelism, first, last;
    tm_state_key_groups(from, &max_parallelism, &first, &last);
    struct tm_snapshot *snapshot = tm_state_freeze_pages(from);
    for (uint32_t group = first; group <= last; group++) {
        struct tm_error err = {0};
        struct tm_buf image;
        tm_buf_init(&image, &mem);
        ck_assert_int_eq(tm_image_write(snapshot, NULL, group, &image), 0);
        struct tm_state *old =
            new_state(max_parallelism, group, group, tm_snapshot_value_bytes(snapshot));
        ck_assert_int_eq(tm_image_apply(old, group, image.data, image.size_bytes, &err), 0);
        ck_assert_int_eq(tm_image_finish(old, group, &err), 0);
        tm_buf_fini(&image);
        for (uint32_t i = 0; i < to_count; i++) {
            int rc = tm_convert_state(convert, NULL, old, to[i], &err);
            ck_assert_msg(rc == 0, "%s", err.message);
        }
        tm_state_free(old);
    }
    tm_snapshot_free(snapshot);
}

static void change(struct tm_state *a, struct tm_state *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct world_change c = world_draw(KEYS, NAMESPACES);
        world_apply(a, &c);
        if (b != NULL)
            world_apply(b, &c);
    }
}

START_TEST(entries_are_the_same_at_any_max_parallelism)
{
    seed_from("max parallelism");
    static const uint32_t steps[] = {5, 64, 3, 128, 1, 9};
    struct tm_convert *convert = new_convert(&world_layout, &world_layout);
    struct tm_state *state = world_state(steps[0]);
    for (uint32_t i = 1; i < sizeof steps / sizeof *steps; i++) {
        change(state, NULL, 2500);
        struct tm_state *made = world_state(steps[i]);
        convert_groups(convert, state, &made, 1);
        world_equal(state, made);
        change(state, made, 2500);
        world_equal(state, made);
        tm_state_free(state);
        state = made;
    }
    tm_state_free(state);
    tm_convert_free(convert);
}
END_TEST

START_TEST(each_subtask_gets_the_entries_of_its_key_groups)
{
    seed_from("subtasks");
    struct tm_convert *convert = new_convert(&world_layout, &world_layout);
    struct tm_state *state = world_state(6);
    change(state, NULL, 3000);
    struct tm_state *parts[2] = {new_state(40, 0, 12, world_layout.value_bytes),
                                 new_state(40, 13, 39, world_layout.value_bytes)};
    convert_groups(convert, state, parts, 2);
    ck_assert_uint_eq(world_count(parts[0]) + world_count(parts[1]), world_count(state));
    ck_assert_uint_ne(world_count(parts[0]), 0);
    ck_assert_uint_ne(world_count(parts[1]), 0);
    for (int i = 0; i < 2; i++)
        tm_state_free(parts[i]);
    tm_state_free(state);
    tm_convert_free(convert);
}
END_TEST

// --- other layouts -------------------------------------------------------------------------------

struct other {
    uint64_t bits;
    struct tm_state_list list;
    double number;
    uint64_t fresh;
    struct tm_state_map map;
};

START_TEST(fields_are_matched_by_name_and_widened)
{
    seed_from("layouts");
    struct tm_layout_field fields[] = {
        FIELD("list", "list(string)", LIST, offsetof(struct other, list), 24),
        FIELD("number", "double", BYTES, offsetof(struct other, number), 8),
        FIELD("fresh", "int", BYTES, offsetof(struct other, fresh), 8),
        FIELD("map", "map(int,string)", MAP, offsetof(struct other, map), 24),
    };
    fields[1].present_bit = 3;
    fields[2].present_bit = 4;
    const struct tm_layout layout = {sizeof(struct other), 4, fields};
    ck_assert(!tm_layout_equal(&layout, &world_layout));
    ck_assert(tm_layout_equal(&layout, &layout));
    struct tm_convert *convert = new_convert(&world_layout, &layout);
    struct tm_state *state = world_state(4);
    change(state, NULL, 3000);
    struct tm_state *made = new_state(11, 0, 10, sizeof(struct other));
    convert_groups(convert, state, &made, 1);
    tm_convert_free(convert);
    ck_assert_uint_eq(world_count(state), world_count(made));
    uint64_t seen = 0;
    for (struct tm_namespace *ns = tm_state_namespace_first(made); ns != NULL;
         ns = tm_state_namespace_next(ns)) {
        struct tm_namespace *old = tm_state_namespace_find(state, tm_state_namespace_id(ns));
        for (uint32_t group = 0; group < 11; group++) {
            struct tm_state_cursor cursor;
            struct tm_key key;
            const void *value;
            tm_state_iterate(made, ns, group, &cursor);
            for (; tm_state_next(&cursor, &key, &value); seen++) {
                const struct other *other = value;
                const struct world_value *was = tm_state_find(state, old, &key);
                ck_assert(other->bits == 8 && other->fresh == 0);
                ck_assert(other->number == (double)was->number);
                ck_assert_uint_eq(other->list.count, was->list.count);
                ck_assert_uint_eq(other->map.count, was->map.count);
            }
        }
    }
    ck_assert_uint_eq(seen, world_count(state));
    tm_state_free(made);
    tm_state_free(state);
}
END_TEST

static int convert_one(const char *from_type, enum tm_layout_kind from_kind, uint32_t from_bytes,
                       const char *to_type, enum tm_layout_kind to_kind, uint32_t to_bytes,
                       struct tm_error *err)
{
    struct tm_layout_field from = FIELD("total", "", BYTES, 0, from_bytes);
    struct tm_layout_field to = FIELD("total", "", BYTES, 0, to_bytes);
    from.kind = from_kind;
    to.kind = to_kind;
    strcpy(from.type, from_type);
    strcpy(to.type, to_type);
    const struct tm_layout a = {64, 1, &from}, b = {64, 1, &to};
    struct tm_convert *convert;
    int rc = tm_convert_new(&mem, &a, &b, &convert, err);
    tm_convert_free(convert);
    return rc;
}

START_TEST(types_that_do_not_fit_are_refused_by_name)
{
    enum tm_layout_kind bytes = TM_LAYOUT_BYTES, blob = TM_LAYOUT_BLOB, map = TM_LAYOUT_MAP;
    struct tm_error err = {0};
    ck_assert_int_eq(convert_one("int", bytes, 8, "int64", bytes, 8, &err), 0);
    ck_assert_int_eq(convert_one("int", bytes, 8, "double", bytes, 8, &err), 0);
    const char *decimal = "decimal(10,2)";
    int wider = convert_one(decimal, bytes, 16, "decimal(12,2)", bytes, 16, &err);
    int finer = convert_one(decimal, bytes, 16, "decimal(12,3)", bytes, 16, &err);
    int narrower = convert_one(decimal, bytes, 16, "decimal(9,2)", bytes, 16, &err);
    ck_assert_int_eq(wider, 0);
    ck_assert_int_eq(finer, TM_E_STATE_TYPE);
    ck_assert_int_eq(narrower, TM_E_STATE_TYPE);
    ck_assert_int_eq(convert_one("int64", bytes, 8, "int", bytes, 8, &err), TM_E_STATE_TYPE);
    ck_assert_ptr_nonnull(strstr(err.message, "total is of type int64 in the checkpoint"));
    ck_assert_ptr_nonnull(strstr(err.message, "int now"));
    ck_assert_int_eq(convert_one("string", blob, 8, "string", map, 24, &err), TM_E_STATE_TYPE);
    ck_assert_int_eq(convert_one("string", blob, 4, "string", blob, 8, &err), TM_E_CHECKPOINT);
    ck_assert_int_eq(convert_one("string", bytes, 65, "string", bytes, 8, &err), TM_E_CHECKPOINT);
    ck_assert_int_eq(convert_one("a", bytes, 16, "a", bytes, 8, &err), TM_E_STATE_TYPE);
}
END_TEST

// --- items ---------------------------------------------------------------------------------------

// A record whose blob has a head with a text of its own, then items with a number and a text each.
struct head {
    uint64_t count;
    struct tm_blob text;
};
struct item {
    uint64_t number;
    struct tm_blob text;
};
struct wide_item {
    struct tm_blob text;
    uint64_t fresh, number;
};

static void set_text(struct tm_state *state, struct tm_namespace *ns, uint32_t group,
                     struct tm_blob *blob, uint64_t number)
{
    uint32_t length = 1 + (uint32_t)(number * 37 % 600);
    ck_assert_int_eq(tm_state_blob_set(state, ns, group, blob, world_bytes(number, length), length),
                     0);
}

static void check_text(struct tm_state *state, uint32_t group, const struct tm_blob *blob,
                       uint64_t number)
{
    uint32_t length = 1 + (uint32_t)(number * 37 % 600);
    ck_assert_uint_eq(blob->length, length);
    ck_assert_int_eq(
        memcmp(tm_state_blob_get(state, group, blob), world_bytes(number, length), length), 0);
}

static void fill_items(struct tm_state *state)
{
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    for (uint64_t k = 0; k < KEYS; k++) {
        struct tm_key key = {tm_hash_bytes(&k, sizeof k), &k, sizeof k};
        uint32_t group = tm_state_key_group(state, key.hash), count = (uint32_t)(k % 7);
        struct tm_blob *blob = tm_state_upsert(state, ns, &key, NULL);
        if (k % 11 == 0)
            continue;
        uint32_t bytes = (uint32_t)(sizeof(struct head) + count * sizeof(struct item));
        struct head *head = tm_state_blob_zalloc(state, ns, group, blob, bytes);
        struct item *items = (struct item *)(head + 1);
        head->count = count;
        set_text(state, ns, group, &head->text, k);
        for (uint32_t i = 0; i < count; i++) {
            items[i].number = k * 100 + i;
            set_text(state, ns, group, &items[i].text, items[i].number);
        }
    }
}

static void check_items(struct tm_state *made)
{
    struct tm_namespace *ns = tm_state_namespace_find(made, 0);
    for (uint64_t k = 0; k < KEYS; k++) {
        struct tm_key key = {tm_hash_bytes(&k, sizeof k), &k, sizeof k};
        uint32_t group = tm_state_key_group(made, key.hash);
        const struct tm_blob *blob = (const struct tm_blob *)tm_state_find(made, ns, &key) + 1;
        const struct head *head = tm_state_blob_get(made, group, blob);
        if (k % 11 == 0) {
            ck_assert_uint_eq(blob->length, 0);
            continue;
        }
        const struct wide_item *items = (const struct wide_item *)(head + 1);
        ck_assert_uint_eq(blob->length, sizeof *head + head->count * sizeof *items);
        ck_assert_uint_eq(head->count, k % 7);
        check_text(made, group, &head->text, k);
        for (uint32_t i = 0; i < head->count; i++) {
            ck_assert(items[i].number == k * 100 + i && items[i].fresh == 0);
            check_text(made, group, &items[i].text, items[i].number);
        }
    }
}

START_TEST(items_in_blobs_take_what_they_refer_to_along)
{
    struct tm_layout_field old_fields[] = {
        FIELD("items", "", ITEMS, 0, 8),
        INSIDE("count", "int", BYTES, 0, 8, true),
        INSIDE("text", "string", BLOB, 8, 8, true),
        INSIDE("item number", "int", BYTES, 0, 8, false),
        INSIDE("item text", "string", BLOB, 8, 8, false),
    };
    struct tm_layout_field new_fields[] = {
        FIELD("items", "", ITEMS, 8, 8),
        INSIDE("item text", "string", BLOB, 0, 8, false),
        INSIDE("item number", "int64", BYTES, 16, 8, false),
        INSIDE("count", "int", BYTES, 0, 8, true),
        INSIDE("text", "string", BLOB, 8, 8, true),
    };
    old_fields[0].value_bytes = sizeof(struct item);
    new_fields[0].value_bytes = sizeof(struct wide_item);
    old_fields[0].head_bytes = new_fields[0].head_bytes = sizeof(struct head);
    const struct tm_layout from = {8, 5, old_fields}, to = {16, 5, new_fields};
    struct tm_state *state = new_state(3, 0, 2, from.value_bytes);
    struct tm_state *made = new_state(16, 0, 15, to.value_bytes);
    struct tm_convert *convert = new_convert(&from, &to);
    fill_items(state);
    convert_groups(convert, state, &made, 1);
    tm_convert_free(convert);
    tm_state_free(state);
    check_items(made);
    tm_state_free(made);
}
END_TEST

// --- what refers to nothing ----------------------------------------------------------------------

// Bytes of values, blobs and collections may be damaged in a way that pages do not show.
START_TEST(damaged_references_are_errors)
{
    seed_from("damaged references");
    struct tm_convert *convert = new_convert(&world_layout, &world_layout);
    struct tm_state *state = world_state(1);
    change(state, NULL, 400);
    struct tm_snapshot *snapshot = tm_state_freeze_pages(state);
    struct tm_buf image;
    tm_buf_init(&image, &mem);
    ck_assert_int_eq(tm_image_write(snapshot, NULL, 0, &image), 0);
    uint8_t *copy = malloc(image.size_bytes);
    uint32_t refused = 0, taken = 0;
    int rounds = getenv("TM_CORRUPTIONS") != NULL ? atoi(getenv("TM_CORRUPTIONS")) : 500;
    for (int round = 0; round < rounds; round++) {
        struct tm_error err = {0};
        memcpy(copy, image.data, image.size_bytes);
        for (uint64_t i = 0, count = 1 + draw(4); i < count; i++)
            copy[draw(image.size_bytes)] ^= (uint8_t)(1 + draw(255));
        struct tm_state *old = world_state(1), *made = world_state(8);
        int rc = tm_image_apply(old, 0, copy, image.size_bytes, &err);
        rc = rc != 0 ? rc : tm_image_finish(old, 0, &err);
        rc = rc != 0 ? rc : tm_convert_state(convert, NULL, old, made, &err);
        refused += rc != 0;
        taken += rc == 0;
        tm_state_free(old);
        tm_state_free(made);
    }
    printf("%u refused, %u are damaged in bytes alone\n", refused, taken);
    ck_assert_uint_ne(refused, 0);
    free(copy);
    tm_buf_fini(&image);
    tm_snapshot_free(snapshot);
    tm_state_free(state);
    tm_convert_free(convert);
}
END_TEST

// --- timers --------------------------------------------------------------------------------------

START_TEST(timers_are_the_same_at_any_max_parallelism)
{
    seed_from("timers");
    struct tm_timers_args args = {&mem, 5, 0, 4}, other = {&mem, 33, 0, 32};
    struct tm_timers *timers, *made;
    ck_assert_int_eq(tm_timers_new(&args, &timers, NULL), 0);
    ck_assert_int_eq(tm_timers_new(&other, &made, NULL), 0);
    for (int i = 0; i < 5000; i++) {
        uint64_t word = draw(700);
        struct tm_timer timer = {.time = (int64_t)draw(1000) - 500,
                                 .key = {tm_hash_bytes(&word, sizeof word), &word, sizeof word},
                                 .name = "timer",
                                 .name_length = (uint32_t)draw(6)};
        ck_assert_int_ge(tm_timers_add(timers, (enum tm_timer_domain)draw(2), &timer), 0);
    }
    ck_assert_int_eq(tm_convert_timers(timers, made, NULL), 0);
    for (enum tm_timer_domain d = 0; d < TM_TIMER_DOMAINS; d++) {
        struct tm_timer a, b;
        ck_assert_uint_eq(tm_timers_count(timers, d), tm_timers_count(made, d));
        while (tm_timers_first(timers, d, &a)) {
            ck_assert(tm_timers_first(made, d, &b));
            ck_assert(a.time == b.time && a.key.length == b.key.length &&
                      memcmp(a.key.bytes, b.key.bytes, a.key.length) == 0 &&
                      a.name_length == b.name_length && memcmp(a.name, b.name, a.name_length) == 0);
            ck_assert_int_eq(tm_timers_pop(timers, d), 1);
            ck_assert_int_eq(tm_timers_pop(made, d), 1);
        }
    }
    tm_timers_free(timers);
    tm_timers_free(made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("convert");
    TCase *test = tcase_create("convert");
    tcase_add_checked_fixture(test, setup, teardown);
    tcase_set_timeout(test, 300);
    tcase_add_test(test, entries_are_the_same_at_any_max_parallelism);
    tcase_add_test(test, each_subtask_gets_the_entries_of_its_key_groups);
    tcase_add_test(test, fields_are_matched_by_name_and_widened);
    tcase_add_test(test, types_that_do_not_fit_are_refused_by_name);
    tcase_add_test(test, items_in_blobs_take_what_they_refer_to_along);
    tcase_add_test(test, damaged_references_are_errors);
    tcase_add_test(test, timers_are_the_same_at_any_max_parallelism);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
