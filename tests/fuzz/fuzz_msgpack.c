// msgpack: a stream of maps. The first byte chooses the schema. (Made-up inputs are not text here:
// pieces are what records are made of, zero bytes left out.)
__attribute__((unused)) static const char *const pieces[] = {
    "\x81\xa1"
    "a\x05",
    "\x82\xa1"
    "a\x01\xa1"
    "b\xa3xyz",
    "\x83\xa1"
    "a\x01\xa1"
    "x\x92\x01\xc3\xa1"
    "b\xc0",
    "\xa1"
    "a",
    "\xa1"
    "b",
    "\xa1"
    "l\x93\x01\x02\xc0",
    "\xa1"
    "s\x82\xa1"
    "a\x01\xa1"
    "b\xa1q",
    "\xa1"
    "m\x81\xa1k\x92\xa1x\xa1y",
    "\xa1"
    "n\x82\x02\xcb\x3f\xf8\x01\x01\x01\x01\x01\x01\x01\x09",
    "\xa1"
    "d\xa4"
    "1.25",
    "\xa1"
    "t\xd6\xff\x65\x01\x01\x01",
    "\xa1"
    "t\xb4"
    "2024-01-01T00:00:00Z",
    "\xa1"
    "y\xc4\x03\x01\x02\x03",
    "\xa1"
    "z\xc3",
    "\xdc\x01\x01",
    "\xde\x01\x01",
    "\xdb\x7f\x7f\x7f\x7f",
    "\xc1",
    "\xc7\x0c\xff\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01",
    "\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    "\xd3\x80\x01\x01\x01\x01\x01\x01\x01",
    "\x91\x91\x91\x91",
    "\xc0",
    "\xff"};

#include "tests/fuzz/decoding.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct result whole;
    if (!F.ready)
        set_up();
    if (len == 0)
        return 0;
    F.schema = p[0] >= 0x80 ? F.nested : F.flat;
    decode_both(&tm_format_msgpack, NULL, p + 1, len - 1, &whole);
    tm_buf_fini(&whole.rows);
    return 0;
}
