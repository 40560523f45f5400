// What the tests of core/batch share: memory that is counted, a seeded random source, a schema with
// every type and rows of it.
#pragma once

#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/batch/builder.h"
#include "tests/memory.h"

static const struct tm_fx support_fx = {.memory = &plain_memory};

struct support_random {
    uint64_t state;
};

static inline uint64_t support_next(struct support_random *r)
{
    // xorshift64*: any nonzero state
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * 2685821657736338717u;
}

static inline uint64_t support_below(struct support_random *r, uint64_t n)
{
    return support_next(r) % n;
}

// TM_SEED=n repeats a run. The seed is printed, so that a failure can be repeated.
static inline struct support_random support_seed(const char *test)
{
    const char *text = getenv("TM_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 20260101;
    printf("%s: TM_SEED=%llu\n", test, (unsigned long long)seed);
    return (struct support_random){seed != 0 ? seed : 1};
}

// The type that `text` names. What it holds of nested types (`of`) is the caller's.
static inline struct tm_type support_type(const char *text)
{
    static struct tm_mem mem; // lives as long as the types
    struct tm_type type;
    if (mem.fx == NULL)
        tm_mem_init(&mem, &support_fx, NULL, 0);
    ck_assert_int_eq(tm_type_parse(&mem, text, &type, NULL), 0);
    return type;
}

// One column of each type: flag i64 n x amount name raw at.
static inline struct tm_schema *support_schema(struct tm_mem *mem)
{
    static const char *const columns[][2] = {{"flag", "bool"},
                                             {"i64", "int64"},
                                             {"n", "int"},
                                             {"x", "double"},
                                             {"amount", "decimal(20,2)"},
                                             {"name", "string"},
                                             {"raw", "bytes"},
                                             {"at", "timestamp"}};
    struct tm_field_def defs[8];
    for (int i = 0; i < 8; i++)
        defs[i] = (struct tm_field_def){columns[i][0], support_type(columns[i][1]), 0};
    struct tm_schema *schema = NULL;
    ck_assert_int_eq(tm_schema_new(mem, defs, 8, 7, &schema, NULL), 0);
    return schema;
}

// A random valid row of support_schema; a fifth of the values is null.
static inline void support_row(struct support_random *r, struct tm_batch *batch)
{
    static const char *const words[] = {"",
                                        "a",
                                        "tide",
                                        "m\xc3\xbchle",
                                        "\xe2\x82\xac 12.50",
                                        "a longer text that does not fit into a single word"};
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    for (uint32_t i = 0; i < batch->schema->field_count; i++) {
        if (support_below(r, 5) == 0)
            continue;
        uint64_t v = support_next(r);
        switch (batch->schema->fields[i].type.kind) {
        case TM_TYPE_BOOL:
            tm_builder_put_int(&b, i, (int64_t)(v & 1));
            break;
        case TM_TYPE_INT:
            tm_builder_put_int(&b, i, (int64_t)(v % (1ull << 54)) - TM_INT_MAX);
            break;
        case TM_TYPE_DOUBLE:
            tm_builder_put_double(&b, i, (double)(int64_t)v / 1e6);
            break;
        case TM_TYPE_DECIMAL:
            tm_builder_put_decimal(&b, i, (__int128)(int64_t)v * 9);
            break;
        case TM_TYPE_STRING: {
            const char *s = words[v % 6];
            ck_assert_int_eq(tm_builder_put_bytes(&b, i, s, (uint32_t)strlen(s)), 0);
            break;
        }
        case TM_TYPE_BYTES: {
            uint8_t bytes[100];
            uint32_t len = (uint32_t)(v % sizeof bytes);
            for (uint32_t k = 0; k < len; k++)
                bytes[k] = (uint8_t)support_next(r);
            ck_assert_int_eq(tm_builder_put_bytes(&b, i, bytes, len), 0);
            break;
        }
        default:
            tm_builder_put_int(&b, i, (int64_t)v);
        }
    }
    ck_assert_int_eq(tm_builder_end(&b), 0);
}

// A program of one suite with one case. Each test file lists its tests once.
static inline int support_run(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 120);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}

#define SUPPORT_MAIN(name, ...)                                          \
    int main(void)                                                       \
    {                                                                    \
        const TTest *const tests[] = {__VA_ARGS__};                      \
        return support_run(name, tests, sizeof tests / sizeof tests[0]); \
    }
