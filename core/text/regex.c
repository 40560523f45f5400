// Regular expressions on PCRE2 with its compiler to machine code: compiled once, and one match in a
// text. A match has a limit of steps, so that no text can hold up a worker for long.
//
// Texts are UTF-8 and are looked at first, since PCRE2's compiled code trusts them. Most are plain
// ASCII: for those a second form of the pattern matches bytes, which is half as fast again where a
// pattern has classes like [^,] or \S.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/text/regex.h"

#include <pcre2.h>

#include "core/text/utf8.h"

enum { BLOCK_HEADER = 16, MESSAGE_BYTES = 256 };

struct tm__regex_world {
    pcre2_general_context *general;
    pcre2_compile_context *compile;
    pcre2_match_context *match;
    pcre2_jit_stack *stack; // NULL: nothing is compiled
    struct tm_regex *all;
    uint32_t count; // of them
    uint32_t steps; // the limit that `match` has
    int32_t code;   // of the last tm_regex_new
};

struct tm_regex {
    struct tm_text *t;
    struct tm_regex *next, **link; // of all: what the collector has not freed goes with the state
    pcre2_code *code;
    pcre2_code *ascii; // for texts that are ASCII; NULL: `code` serves them too
    pcre2_match_data *data;
    uint32_t groups;
    uint32_t flags;
    const uint8_t *names; // PCRE2's table: number (2 bytes), name, NUL
    uint32_t name_count, name_bytes;
    bool compiled; // to machine code
};

// --- PCRE2's memory, from the account of the state

static void *allocate(size_t size, void *mem)
{
    size_t *block = tm_mem_alloc(mem, size + BLOCK_HEADER);

    if (block == NULL)
        return NULL;
    *block = size + BLOCK_HEADER;
    return (uint8_t *)block + BLOCK_HEADER;
}

static void release(void *p, void *mem)
{
    if (p == NULL)
        return;
    size_t *block = (size_t *)(void *)((uint8_t *)p - BLOCK_HEADER);
    tm_mem_free(mem, block, *block);
}

static void free_world(struct tm__text *own, struct tm__regex_world *world)
{
    pcre2_jit_stack_free(world->stack);
    pcre2_match_context_free(world->match);
    pcre2_compile_context_free(world->compile);
    pcre2_general_context_free(world->general);
    tm_mem_free(own->mem, world, sizeof *world);
}

static struct tm__regex_world *world_of(struct tm_text *t)
{
    struct tm__text *own = tm__text_of(t);

    if (own->regexes != NULL)
        return own->regexes;
    struct tm__regex_world *world = tm_mem_zalloc(own->mem, sizeof *world);
    if (world == NULL)
        return NULL;
    world->general = pcre2_general_context_create(allocate, release, own->mem);
    if (world->general != NULL) {
        world->compile = pcre2_compile_context_create(world->general);
        world->match = pcre2_match_context_create(world->general);
        if (!own->interprets)
            world->stack = pcre2_jit_stack_create(TM_REGEX_STACK_FIRST_BYTES, TM_REGEX_STACK_BYTES,
                                                  world->general);
    }
    if (world->compile == NULL || world->match == NULL) {
        free_world(own, world);
        return NULL;
    }
    pcre2_set_newline(world->compile, PCRE2_NEWLINE_LF);
    pcre2_set_max_pattern_length(world->compile, TM_REGEX_PATTERN_BYTES);
    // The next two bind where patterns are interpreted; compiled code is bound by its stack.
    pcre2_set_depth_limit(world->match, TM_REGEX_STEPS);
    pcre2_set_heap_limit(world->match, TM_REGEX_STACK_BYTES / 1024);
    pcre2_jit_stack_assign(world->match, NULL, world->stack);
    own->regexes = world;
    return world;
}

void tm__regex_world_free(struct tm_text *t)
{
    struct tm__text *own = tm__text_of(t);

    if (own->regexes == NULL)
        return;
    while (own->regexes->all != NULL)
        tm_regex_free(own->regexes->all);
    free_world(own, own->regexes);
    own->regexes = NULL;
}

// --- compiling

static uint32_t options_of(int32_t flags, bool characters)
{
    uint32_t options = PCRE2_NEVER_BACKSLASH_C;

    // A pattern may begin with (*UTF): bytes would then be taken for characters that they are not.
    options |= characters ? PCRE2_UTF : PCRE2_NEVER_UTF;
    if ((flags & TM_REGEX_CASELESS) != 0)
        options |= PCRE2_CASELESS;
    if ((flags & TM_REGEX_MULTILINE) != 0)
        options |= PCRE2_MULTILINE;
    if ((flags & TM_REGEX_DOTALL) != 0)
        options |= PCRE2_DOTALL;
    if ((flags & TM_REGEX_EXTENDED) != 0)
        options |= PCRE2_EXTENDED;
    if ((flags & TM_REGEX_UNICODE) != 0)
        options |= PCRE2_UCP;
    return options;
}

static pcre2_code *compile(struct tm__regex_world *world, const char *pattern, size_t len,
                           uint32_t options, int *error, size_t *offset, bool *compiled)
{
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, len, options, error, offset, world->compile);

    size_t size = 0; // stays 0 for a pattern that begins with (*NO_JIT)
    if (code != NULL && world->stack != NULL && pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0)
        (void)pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &size);
    *compiled = size > 0;
    return code;
}

static void say_why(struct tm_text *t, int error, size_t offset)
{
    uint8_t *out = tm__text_room(t, MESSAGE_BYTES);

    if (out == NULL)
        return;
    int len = pcre2_get_error_message(error, out, MESSAGE_BYTES);
    (void)tm__text_done(t, out);
    t->to = len < 0 ? 0 : len;
    t->from = (int32_t)offset;
}

static bool complete(struct tm_regex *regex, struct tm__regex_world *world, const char *pattern,
                     size_t len, int32_t flags)
{
    bool compiled;
    int error;
    size_t offset;

    regex->data = pcre2_match_data_create_from_pattern(regex->code, world->general);
    if (regex->data == NULL)
        return false;
    (void)pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &regex->groups);
    (void)pcre2_pattern_info(regex->code, PCRE2_INFO_NAMETABLE, &regex->names);
    (void)pcre2_pattern_info(regex->code, PCRE2_INFO_NAMECOUNT, &regex->name_count);
    (void)pcre2_pattern_info(regex->code, PCRE2_INFO_NAMEENTRYSIZE, &regex->name_bytes);
    if ((flags & TM_REGEX_BYTES) == 0 && regex->compiled &&
        tm__ascii_length((const uint8_t *)pattern, len) == len) {
        // What needs UTF-8 (\x{100}) is refused: then there is one form.
        regex->ascii =
            compile(world, pattern, len, options_of(flags, false), &error, &offset, &compiled);
        if (!compiled) {
            pcre2_code_free(regex->ascii);
            regex->ascii = NULL;
        }
    }
    return true;
}

struct tm_regex *tm_regex_new(struct tm_text *t, const char *pattern, uint32_t len, int32_t flags)
{
    struct tm__regex_world *world = world_of(t);
    int error;
    size_t offset;

    if (world == NULL)
        return NULL;
    world->code = TM_E_LIMIT;
    if (world->count == TM_REGEX_MAX)
        return NULL;
    world->code = TM_E_MEMORY;
    struct tm_regex *regex = tm_mem_zalloc(tm__text_of(t)->mem, sizeof *regex);
    if (regex == NULL)
        return NULL;
    regex->t = t;
    regex->flags = (uint32_t)flags;
    regex->next = world->all;
    regex->link = &world->all;
    if (regex->next != NULL)
        regex->next->link = &regex->next;
    world->all = regex;
    world->count++;
    regex->code = compile(world, pattern, len, options_of(flags, (flags & TM_REGEX_BYTES) == 0),
                          &error, &offset, &regex->compiled);
    if (regex->code == NULL) {
        if (error != PCRE2_ERROR_HEAP_FAILED) {
            world->code = TM_E_ARGUMENT;
            say_why(t, error, offset);
        }
    } else if (complete(regex, world, pattern, len, flags)) {
        return regex;
    }
    tm_regex_free(regex);
    return NULL;
}

void tm_regex_free(struct tm_regex *regex)
{
    struct tm__text *own = tm__text_of(regex->t);

    *regex->link = regex->next;
    if (regex->next != NULL)
        regex->next->link = regex->link;
    own->regexes->count--;
    pcre2_match_data_free(regex->data);
    pcre2_code_free(regex->ascii);
    pcre2_code_free(regex->code);
    tm_mem_free(own->mem, regex, sizeof *regex);
}

int32_t tm_regex_code(const struct tm_text *t)
{
    const struct tm__text *own = (const struct tm__text *)t;
    return own->regexes == NULL ? TM_E_MEMORY : own->regexes->code;
}

int32_t tm_regex_captures(const struct tm_regex *regex)
{
    return (int32_t)regex->groups;
}

const char *tm_regex_name(const struct tm_regex *regex, int32_t group)
{
    for (uint32_t i = 0; i < regex->name_count; i++) {
        const uint8_t *entry = regex->names + (size_t)i * regex->name_bytes;
        if ((entry[0] << 8 | entry[1]) == group)
            return (const char *)entry + 2;
    }
    return NULL;
}

int32_t tm__regex_group(const struct tm_regex *regex, const char *name, size_t len)
{
    for (uint32_t i = 0; i < regex->name_count; i++) {
        const uint8_t *entry = regex->names + (size_t)i * regex->name_bytes;
        if (strlen((const char *)entry + 2) == len && memcmp(entry + 2, name, len) == 0)
            return entry[0] << 8 | entry[1];
    }
    return -1;
}

struct tm_text *tm__regex_text(struct tm_regex *regex)
{
    return regex->t;
}

uint32_t tm__regex_groups(const struct tm_regex *regex)
{
    return regex->groups;
}

// --- matching

static void set_limit(struct tm__regex_world *world, size_t len)
{
    // A long text may take as many steps more as its length gives reason for; in steps of their
    // own, as most texts of a job are short and of different lengths.
    uint32_t bytes = (len < TM_ROW_BYTES_MAX ? (uint32_t)len : TM_ROW_BYTES_MAX) & ~UINT32_C(1023);
    uint32_t steps = TM_REGEX_STEPS + bytes * TM_REGEX_STEPS_PER_BYTE;

    if (TM_LIKELY(steps == world->steps))
        return;
    pcre2_set_match_limit(world->match, steps);
    world->steps = steps;
}

static int32_t code_of(int rc)
{
    switch (rc) {
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_RECURSELOOP:
    case PCRE2_ERROR_JIT_STACKLIMIT:
        return TM_E_LIMIT;
    case PCRE2_ERROR_NOMEMORY:
        return TM_E_MEMORY;
    default:
        return TM_E_INTERNAL;
    }
}

static int32_t look_at(struct tm__scan *scan)
{
    const uint8_t *p = (const uint8_t *)scan->s;
    size_t ascii = tm__ascii_length(p, scan->len);

    if (ascii == scan->len) {
        scan->subject = TM__SUBJECT_ASCII;
        return 0;
    }
    scan->subject = TM__SUBJECT_UTF8;
    if ((scan->regex->flags & TM_REGEX_BYTES) != 0)
        return 0;
    if (tm_text_bad_byte(scan->s, (uint32_t)scan->len) >= 0)
        return TM_E_BAD_UTF8;
    while (scan->at < scan->len && (p[scan->at] & 0xC0) == 0x80) // not within a character
        scan->at++;
    return 0;
}

int32_t tm__regex_next(struct tm__scan *scan)
{
    struct tm_regex *regex = scan->regex;
    struct tm__regex_world *world = tm__text_of(regex->t)->regexes;
    uint32_t options = scan->not_empty ? PCRE2_NOTEMPTY_ATSTART : 0;
    int32_t rc;

    if (scan->subject == TM__SUBJECT_NEW && (rc = look_at(scan)) != 0)
        return rc;
    set_limit(world, scan->len);
    if (TM_LIKELY(regex->compiled)) {
        const pcre2_code *code =
            scan->subject == TM__SUBJECT_ASCII && regex->ascii != NULL ? regex->ascii : regex->code;
        rc = pcre2_jit_match(code, (PCRE2_SPTR)scan->s, scan->len, scan->at, options, regex->data,
                             world->match);
    } else {
        rc = pcre2_match(regex->code, (PCRE2_SPTR)scan->s, scan->len, scan->at,
                         options | PCRE2_NO_UTF_CHECK, regex->data, world->match);
    }
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc < 0)
        return code_of(rc);
    size_t *ends = pcre2_get_ovector_pointer(regex->data);
    // \K in a group that a look-around calls can put the start anywhere.
    if (TM_UNLIKELY(ends[0] < scan->at))
        ends[0] = scan->at;
    if (TM_UNLIKELY(ends[0] > ends[1]))
        ends[0] = ends[1];
    if (TM_UNLIKELY(scan->not_empty && ends[1] == scan->at))
        return 0; // PCRE2 took it for a match with something in it
    scan->ends = ends;
    scan->ends_count = (uint32_t)rc;
    scan->at = ends[1];
    scan->not_empty = ends[0] == ends[1];
    return 1;
}

int32_t tm_regex_test(struct tm_regex *regex, const char *s, uint32_t len)
{
    struct tm__scan scan = {.regex = regex, .s = s, .len = len};
    return tm__regex_next(&scan);
}

int32_t tm_regex_find(struct tm_regex *regex, const char *s, uint32_t len, int32_t at,
                      int32_t known)
{
    struct tm__scan scan = {.regex = regex,
                            .s = s,
                            .len = len,
                            .at = (size_t)at,
                            .not_empty = (known & TM_REGEX_NOT_EMPTY) != 0,
                            .subject = known & 3};
    int32_t rc = tm__regex_next(&scan);

    regex->t->to = (int32_t)scan.subject;
    if (rc != 1)
        return rc;
    int32_t *spans = tm__text_spans(regex->t, 0, regex->groups + 1);
    if (spans == NULL)
        return TM_E_MEMORY;
    for (uint32_t i = 0; i < scan.ends_count; i++) {
        spans[2 * i] = (int32_t)scan.ends[2 * i]; // SIZE_MAX becomes -1
        spans[2 * i + 1] = (int32_t)scan.ends[2 * i + 1];
    }
    for (uint32_t i = scan.ends_count; i <= regex->groups; i++)
        spans[2 * i] = spans[2 * i + 1] = -1;
    return 1;
}
