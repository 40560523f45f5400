// Five named groups of each line of a web server's access log, as JSON lines, by PCRE2's compiled
// code. The same as bench/jobs/regex.lua. A block is checked for UTF-8 as a whole; where it is
// plain ASCII a form of the pattern that matches bytes serves, which is faster.
//   regex FILE... > OUT
#define PCRE2_CODE_UNIT_WIDTH 8
#include "bench/reference/reference.h"

#include <errno.h>
#include <pcre2.h>
#include <stdio.h>

enum { GROUPS = 5, LINE_BYTES_MAX = 8 * 1024 };

static const char pattern[] = "^(?<host>\\S+) \\S+ \\S+ \\[(?<time>[^\\]]+)\\] \"(?<method>[A-Z]+) "
                              "(?<path>\\S+) [^\"]*\" (?<status>\\d+)";
static const char *const names[GROUPS] = {"{\"host\":\"", "\",\"time\":\"", "\",\"method\":\"",
                                          "\",\"path\":\"", "\",\"status\":\""};
static struct ref_writer out;
static pcre2_match_data *match;
static pcre2_match_context *context;

static pcre2_code *compile(uint32_t options)
{
    int error;
    size_t offset;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &error, &offset, NULL);
    if (code == NULL || pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) != 0)
        ref_die("compile", pattern);
    return code;
}

static bool is_ascii(const char *p, size_t length)
{
    uint64_t bits = 0, word;
    size_t at = 0;
    for (; at + sizeof word <= length; at += sizeof word) {
        memcpy(&word, p + at, sizeof word);
        bits |= word;
    }
    for (; at < length; at++)
        bits |= (uint64_t)(unsigned char)p[at] << 56;
    return (bits & UINT64_C(0x8080808080808080)) == 0;
}

static bool write_row(const pcre2_code *code, const char *line, size_t length)
{
    if (length > LINE_BYTES_MAX)
        return false;
    int groups = pcre2_jit_match(code, (PCRE2_SPTR)line, length, 0, 0, match, context);
    if (groups != GROUPS + 1)
        return false;
    const size_t *at = pcre2_get_ovector_pointer(match);
    char *p = out.bytes + out.length;
    for (int g = 0; g < GROUPS; g++) {
        p = ref_put_bytes(p, names[g], strlen(names[g]));
        p = ref_put_string(p, line + at[2 * g + 2], (uint32_t)(at[2 * g + 3] - at[2 * g + 2]));
    }
    p = REF_PUT(p, "\"}\n");
    out.length = (size_t)(p - out.bytes);
    ref_writer_check(&out);
    return true;
}

int main(int argc, char **argv)
{
    uint64_t bad = 0, rows = 0;
    pcre2_code *bytes = compile(0), *characters = compile(PCRE2_UTF);
    match = pcre2_match_data_create(GROUPS + 1, NULL);
    context = pcre2_match_context_create(NULL);
    if (match == NULL || context == NULL)
        ref_die("no memory for", "matches");
    for (int f = 1; f < argc; f++) {
        struct ref_reader reader;
        if (!ref_reader_open(&reader, argv[f]))
            ref_die("open", argv[f]);
        for (size_t length; (length = ref_reader_next(&reader)) > 0;) {
            const char *p = reader.block, *end = p + length;
            errno = EILSEQ;
            if (!is_ascii(p, length) && !ref_is_utf8(p, length))
                ref_die("read", argv[f]);
            const pcre2_code *code = is_ascii(p, length) ? bytes : characters;
            while (p < end) {
                const char *newline = memchr(p, '\n', (size_t)(end - p));
                const char *stop = newline != NULL ? newline : end;
                if (write_row(code, p, (size_t)(stop - p)))
                    rows++;
                else
                    bad++;
                p = stop + 1;
            }
        }
        ref_reader_close(&reader);
    }
    ref_writer_flush(&out);
    pcre2_match_data_free(match);
    pcre2_match_context_free(context);
    pcre2_code_free(bytes);
    pcre2_code_free(characters);
    fprintf(stderr, "rows %llu bad %llu\n", (unsigned long long)rows, (unsigned long long)bad);
    return bad == 0 ? 0 : 1;
}
