// Payments out of JSON lines. simdjson's first stage finds the structural characters of a whole
// block of lines and checks UTF-8; a walker made for these flat records goes over them. (simdjson's
// on-demand interface does the same in 85 ns a record, against about 35 here.)
#include "bench/reference/json.h"

struct ref_decoder {
    std::unique_ptr<simdjson_parser> parser;
};

struct ref_decoder *ref_decoder_new(void)
{
    auto *decoder = new (std::nothrow) ref_decoder;
    if (decoder == nullptr ||
        simdjson::get_active_implementation()->create_dom_parser_implementation(
            REF_BLOCK_BYTES, 16, decoder->parser) != simdjson::SUCCESS)
        ref_die("no memory for", "the decoder");
    return decoder;
}

void ref_decoder_free(struct ref_decoder *decoder)
{
    delete decoder;
}

size_t ref_put_shortest(char *out, double value)
{
    return static_cast<size_t>(std::to_chars(out, out + 32, value).ptr - out);
}

namespace
{

template <unsigned WANT> struct walker {
    const simdjson_parser &parser;
    const char *text;
    char *arena;

    inline bool field(const char *key, const char *p, const char *next, struct ref_event &e,
                      unsigned &seen)
    {
        if (is_key(key, "user_id\"")) {
            seen |= REF_USER;
            return (WANT & REF_USER) ? parse_string(parser, p, next, arena, e.user, e.user_length)
                                     : *p == '"';
        }
        if (is_key(key, "amount\"")) {
            seen |= REF_AMOUNT;
            return (WANT & REF_AMOUNT) ? parse_double(p, &e.amount) : *p == '-' || is_digit(*p);
        }
        if (is_key(key, "country\"")) {
            seen |= REF_COUNTRY;
            return (WANT & REF_COUNTRY)
                       ? parse_string(parser, p, next, arena, e.country, e.country_length)
                       : *p == '"';
        }
        if (is_key(key, "ts\"")) {
            seen |= REF_TS;
            return (WANT & REF_TS) ? parse_int(p, &e.ts_ms) : *p == '-' || is_digit(*p);
        }
        if (is_key(key, "note\"")) {
            seen |= REF_NOTE;
            return (WANT & REF_NOTE) ? parse_string(parser, p, next, arena, e.note, e.note_length)
                                     : *p == '"';
        }
        return true;
    }

    // One object from structural character *at on; leaves *at behind it.
    inline bool object(const uint32_t *&at, const uint32_t *end, struct ref_event &e)
    {
        unsigned seen = 0;
        if (text[*at++] != '{')
            return false;
        for (;;) {
            if (end - at < 4 || text[at[0]] != '"' || text[at[1]] != ':')
                return false;
            const char *key = text + at[0] + 1, *value = text + at[2];
            at += 3;
            if (*value == '{' ||
                *value == '[') { // of a field that is not ours; what is ours is never nested
                int depth = 1;
                for (; depth > 0 && at < end; at++)
                    depth += (text[*at] == '{' || text[*at] == '[') -
                             (text[*at] == '}' || text[*at] == ']');
                if (at >= end)
                    return false;
            }
            if (!field(key, value, text + *at, e, seen))
                return false;
            char after = text[*at++];
            if (after == '}')
                return text[at[-1] + 1] == '\n' && (seen & WANT) == WANT;
            if (after != ',')
                return false;
        }
    }
};

template <unsigned WANT>
size_t decode(struct ref_decoder *decoder, const char *p, size_t length, char *arena,
              struct ref_event *events, uint64_t *bad)
{
    simdjson_parser &parser = *decoder->parser;
    walker<WANT> w{parser, p, arena};
    return each_block(parser, p, length, bad, [&](const char *text, size_t bytes, size_t row) {
        w.text = text;
        return each_record(parser, text, bytes, row, bad,
                           [&](const uint32_t *&at, const uint32_t *end, size_t i) {
                               return w.object(at, end, events[i]);
                           });
    });
}

} // namespace

bool ref_read_double(const char *p, size_t length, double *value)
{
    auto result = std::from_chars(p, p + length, *value);
    return result.ec == std::errc() && result.ptr == p + length;
}

bool ref_is_utf8(const char *p, size_t length)
{
    return simdjson::validate_utf8(p, length);
}

size_t ref_decode(struct ref_decoder *decoder, const char *p, size_t length, unsigned want,
                  char *arena, struct ref_event *events, uint64_t *bad)
{
    switch (want) {
    case REF_W1:
        return decode<REF_W1>(decoder, p, length, arena, events, bad);
    case REF_W3U:
        return decode<REF_W3U>(decoder, p, length, arena, events, bad);
    case REF_W3C:
        return decode<REF_W3C>(decoder, p, length, arena, events, bad);
    case REF_W2:
        return decode<REF_W2>(decoder, p, length, arena, events, bad);
    default:
        return decode<REF_ALL>(decoder, p, length, arena, events, bad);
    }
}
