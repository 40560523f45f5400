// CSV in a few dialects: the first byte chooses one.
__attribute__((unused)) static const char *const pieces[] = {
    "a,b,c,d,t,i,y,z,a_key_longer_than_sixteen\n",
    "1,text,1.5,2.25,2024-01-01T00:00:00Z,5,AAEC,true,long\n",
    "a;b\n",
    "a,l,s,m,x,b\n",
    "1,[1],\"{\"\"a\"\":1}\",{},\"[1,\"\"x\"\"]\",q\n",
    "[1]",
    "{\"\"a\"\":2}",
    "1;2\n",
    "b,a\n",
    "x,1\n",
    "\"x\",2\n",
    "\"a \"\"quoted\"\" text that is longer than sixteen bytes\",3\n",
    ",",
    ";",
    "\t",
    "\"",
    "'",
    "\\",
    "\n",
    "\r\n",
    "\r",
    " ",
    "#",
    "1",
    "-7,5",
    "1e5",
    "nan",
    "true",
    "yes",
    "NA",
    "a",
    "b",
    "\"\"",
    "\xc3\xa9",
    "\xff",
    "\xef\xbb\xbf"};

#include "tests/fuzz/decoding.h"

// name, value, ...; NULL ends a dialect.
static const char *const dialects[][9] = {
    {NULL},
    {"delimiter", ";", "decimal", ",", "null", "\nNA", "ragged", "both", NULL},
    {"escape", "backslash", "bools", "any", NULL},
    {"quote", "", "delimiter", "\t", "header", "false", "ragged", "pad", NULL},
    {"quote", "'", "comment", "#", "skip_lines", "1", "trailing_delimiter", "true", NULL},
};
enum { DIALECTS = sizeof dialects / sizeof dialects[0] };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    static struct tm_options options[DIALECTS];
    struct result whole;
    if (!F.ready) {
        set_up();
        for (size_t d = 0; d < DIALECTS; d++) {
            tm_options_init(&options[d], &F.mem);
            for (size_t i = 0; dialects[d][i] != NULL; i += 2)
                check(tm_options_set_string(&options[d], dialects[d][i], dialects[d][i + 1]) == 0,
                      "no memory for options");
        }
    }
    if (len == 0)
        return 0;
    F.schema = p[0] >= 0x80 ? F.nested : F.flat;
    decode_both(&tm_format_csv, &options[p[0] % DIALECTS], p + 1, len - 1, &whole);
    tm_buf_fini(&whole.rows);
    return 0;
}
