// Times and zones: edges of the range, files of zones that are broken, local times that do not
// exist.
#include <math.h>

#include "tests/unit/text/support.h"

static double parsed(const char *s, const char *form)
{
    ck_assert_int_eq(tm_instant_parse(text, NULL, S(s), S(form)), 0);
    return text->number;
}

// A zone of version 2 with one change at `at` from offset 0 to one hour, then the footer's rule.
static uint32_t make_file(uint8_t *out, int64_t at, const char *footer)
{
    static const char head[] = "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" // magic, version, 15 unused
                               "\0\0\0\0\0\0\0\0\0\0\0\0";           // three counts of 0
    uint8_t *p = out;
    for (int part = 0; part < 2; part++) {
        memcpy(p, head, 32);
        uint32_t transitions = part == 0 ? 0 : 1, types = part == 0 ? 1 : 2, chars = 8;
        const uint32_t counts[] = {transitions, types, chars};
        p += 32;
        for (int i = 0; i < 3; i++, p += 4) {
            memset(p, 0, 4);
            p[3] = (uint8_t)counts[i];
        }
        if (part == 1) {
            for (int i = 0; i < 8; i++)
                *p++ = (uint8_t)((uint64_t)at >> (56 - 8 * i));
            *p++ = 1;
        }
        for (uint32_t i = 0; i < types; i++) {
            const uint8_t type[6] = {
                0, 0, i == 0 ? 0 : 0x0E, i == 0 ? 0 : 0x10, 0, (uint8_t)(4 * i)};
            memcpy(p, type, 6);
            p += 6;
        }
        memcpy(p, "OLD\0NEW\0", 8);
        p += 8;
    }
    *p++ = '\n';
    memcpy(p, footer, strlen(footer));
    p += strlen(footer);
    *p++ = '\n';
    return (uint32_t)(p - out);
}

START_TEST(a_zone_follows_its_file_and_then_its_rule)
{
    uint8_t file[256];
    uint32_t size = make_file(file, 1000000, "NEW-1SUM,M3.5.0,M10.5.0/3");
    struct tm_zone *zone = tm_zone_new(text, (const char *)file, size);

    ck_assert_ptr_nonnull(zone);
    ck_assert_int_eq(tm_zone_offset(zone, 999999999.0), 0);
    ck_assert_int_eq(tm_zone_offset(zone, 1000000000.0), 3600);
    ck_assert_int_eq(tm_zone_offset(zone, parsed("2026-07-01", "%F")), 7200);
    ck_assert_int_eq(tm_zone_offset(zone, parsed("2026-03-29 00:59:59", "%F %T")), 3600);
    ck_assert_int_eq(tm_zone_offset(zone, parsed("2026-03-29 01:00:00", "%F %T")), 7200);
    ck_assert_int_eq(tm_zone_offset(zone, parsed("2026-10-25 01:00:00", "%F %T")), 3600);
    // 02:30 does not exist on that day: counted on from before the change.
    ck_assert_int_eq(tm_instant_parse(text, zone, S("2026-03-29 02:30"), S("%F %R")), 0);
    ck_assert_double_eq(text->number, parsed("2026-03-29 01:30", "%F %R"));
    // 02:30 comes twice: the first is meant.
    ck_assert_int_eq(tm_instant_parse(text, zone, S("2026-10-25 02:30"), S("%F %R")), 0);
    ck_assert_double_eq(text->number, parsed("2026-10-25 00:30", "%F %R"));
    GIVES("SUM +0200", tm_instant_format(text, zone, parsed("2026-07-01", "%F"), S("%Z %z")), "");
}
END_TEST

START_TEST(broken_files_are_refused)
{
    uint8_t file[256];
    uint32_t size = make_file(file, 1000000, "NEW-1SUM,M3.5.0,M10.5.0/3");
    int64_t before = atomic_load(&mem.used_bytes);

    for (uint32_t len = 0; len < size; len++) {
        char *cut = exact((const char *)file, len);
        ck_assert_ptr_null(tm_zone_new(text, cut, len));
        free(cut);
    }
    static const char *const footers[] = {
        "NEW",     "NEW-1SUM", "NEW-1SUM,M13.1.0,M1.1.0",   "N-1S,J0,J366",
        "NEW-200", "<x>-1<y",  "NEW-1SUM,M3.5.0,M10.5.0/3,"};
    for (size_t i = 0; i < sizeof footers / sizeof footers[0]; i++) {
        size = make_file(file, 0, footers[i]);
        ck_assert_msg(tm_zone_new(text, (const char *)file, size) == NULL, "%s", footers[i]);
    }
    ck_assert_int_eq(atomic_load(&mem.used_bytes), before);
}
END_TEST

START_TEST(changed_bytes_of_a_file_do_no_harm)
{
    uint64_t seed = take_seed("changed bytes of a file");
    for (int n = 0; n < 20000; n++) {
        uint8_t file[256];
        uint32_t size = make_file(file, 1000000, "NEW-1SUM,M3.5.0,M10.5.0/3");
        for (uint32_t k = 0; k < 3; k++)
            file[draw(&seed, size)] =
                (uint8_t)(draw(&seed, 2) == 0 ? draw(&seed, 256) : draw(&seed, 4));
        char *copy = exact((const char *)file, size);
        struct tm_zone *zone = tm_zone_new(text, copy, size);
        if (zone != NULL) {
            int32_t offset = tm_zone_offset(zone, (double)draw(&seed, UINT32_MAX) * 1000);
            ck_assert_int_le(abs(offset), 8 * 86400);
            ck_assert_int_ge(tm_instant_format_iso(text, zone, 1e12), 20);
        }
        free(copy);
        if (n % 100 == 0) {
            tm_text_free(text);
            text = tm_text_new(&mem);
        }
    }
}
END_TEST

START_TEST(offsets_are_zones)
{
    ck_assert_int_eq(tm_zone_parse_offset(text, S("-05:30")), 0);
    ck_assert_int_eq(text->to, -19800);
    GIVES("1969-12-31T18:30:00.000-05:30",
          tm_instant_format_iso(text, tm_zone_fixed(text, text->to), 0), "");
    static const char *const bad[] = {"", "+", "+1", "+24:00", "+12:60", "0100", "+01:0", "+010"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        GIVES_NONE(tm_zone_parse_offset(text, S(bad[i])));
}
END_TEST

START_TEST(times_end_where_the_range_ends)
{
    ck_assert(isnan(tm_instant_add(NULL, 8.64e15, 1, TM_PART_MS)));
    ck_assert(isnan(tm_instant_add(NULL, 0, 1e9, TM_PART_YEAR)));
    ck_assert_double_eq(tm_instant_add(NULL, 8.64e15, -1, TM_PART_MS), 8.64e15 - 1);
    ck_assert_int_eq(tm_instant_part(NULL, -8.64e15, TM_PART_YEAR), -271821);
    ck_assert_int_eq(tm_instant_part(NULL, 8.64e15, TM_PART_YEAR), 275760);
    GIVES_NONE(tm_instant_parse(text, NULL, S("9999999999999"), S("%s")));
    ck_assert(isnan(tm_instant_of(NULL, 2026, 2, 29, 0, 0, 0)));
}
END_TEST

START_TEST(forms_are_checked_whatever_the_text)
{
    ck_assert_int_eq(tm_instant_parse(text, NULL, S("x"), S("%Y-%Q")), TM_E_ARGUMENT);
    ck_assert_int_eq(text->from, 3);
    ck_assert_int_eq(tm_instant_format(text, NULL, 0, S("%Y%")), TM_E_ARGUMENT);
    ck_assert_int_eq(text->from, 2);
    ck_assert_int_eq(tm_instant_format(text, NULL, 0, S("%:Z")), TM_E_ARGUMENT);
}
END_TEST

START_TEST(durations_come_back)
{
    static const double lengths[] = {0,     1,       999,      1000,     1001,
                                     59999, 3600000, 86400000, 93784005, -61010};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        int32_t len = tm_instant_format_duration(text, lengths[i]);
        char *s = exact((const char *)text->out, (size_t)len);
        ck_assert_int_eq(tm_instant_duration(text, s, (uint32_t)len), 0);
        ck_assert_double_eq(text->number, lengths[i]);
        free(s);
    }
}
END_TEST

RUN("instant", a_zone_follows_its_file_and_then_its_rule, broken_files_are_refused,
    changed_bytes_of_a_file_do_no_harm, offsets_are_zones, times_end_where_the_range_ends,
    forms_are_checked_whatever_the_text, durations_come_back)
