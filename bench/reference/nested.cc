// Nested JSON to nested JSON: fields out of structs, a sum over a list of structs, a list passed
// through. The same as bench/jobs/nested.lua. simdjson's first stage and a walker made for these
// orders, as in decode.cc: every field is read and checked, as the engine does, whether it is
// written or not.
//   nested FILE... > OUT
#include <cstdio>

#include "bench/reference/json.h"

namespace
{

enum { TAGS_MAX = 64 };

struct text {
    const char *s;
    uint32_t length;
};

struct order {
    int64_t id, ts, pieces;
    double total;
    text customer, name, city, zip, country, tags[TAGS_MAX];
    uint32_t tag_count;
};

ref_writer out;
char arena[REF_BLOCK_BYTES + REF_PADDING_BYTES];

// Over structural characters: `at` stands on the next one.
struct walker {
    const simdjson_parser &parser;
    const char *start;
    const uint32_t *at, *end;
    char *arena;

    inline char next()
    {
        return at < end ? start[*at++] : '\0';
    }

    inline bool string(text &t)
    {
        if (end - at < 2)
            return false;
        const char *p = start + at[0];
        at++;
        return parse_string(parser, p, start + at[0], arena, t.s, t.length);
    }

    inline bool integer(int64_t &value)
    {
        return at < end && parse_int(start + *at++, &value);
    }

    inline bool number(double &value)
    {
        return at < end && parse_double(start + *at++, &value);
    }

    // Whatever stands there.
    bool skip()
    {
        char c = next();
        for (int depth = c == '{' || c == '['; depth > 0;) {
            c = next();
            if (c == '\0')
                return false;
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        }
        return c != '\0' && c != ',' && c != ':';
    }

    // An object whose values `field(key)` reads.
    template <class Field> inline bool object(Field field)
    {
        if (next() != '{')
            return false;
        if (at < end && start[*at] == '}') {
            at++;
            return true;
        }
        for (;;) {
            if (end - at < 4 || start[at[0]] != '"' || start[at[1]] != ':')
                return false;
            const char *key = start + at[0] + 1;
            at += 2;
            if (!field(key))
                return false;
            char after = next();
            if (after == '}')
                return true;
            if (after != ',')
                return false;
        }
    }

    template <class Element> inline bool list(Element element)
    {
        if (next() != '[')
            return false;
        if (at < end && start[*at] == ']') {
            at++;
            return true;
        }
        for (;;) {
            if (!element())
                return false;
            char after = next();
            if (after == ']')
                return true;
            if (after != ',')
                return false;
        }
    }

    inline bool address(order &o)
    {
        return object([&](const char *key) {
            if (is_key(key, "city\""))
                return string(o.city);
            if (is_key(key, "zip\""))
                return string(o.zip);
            if (is_key(key, "country\""))
                return string(o.country);
            return skip();
        });
    }

    inline bool item(order &o)
    {
        text sku = {nullptr, 0};
        int64_t quantity = 0;
        double price = 0;
        bool good = object([&](const char *key) {
            if (is_key(key, "sku\""))
                return string(sku);
            if (is_key(key, "qty\""))
                return integer(quantity);
            if (is_key(key, "price\""))
                return number(price);
            return skip();
        });
        o.pieces += quantity;
        o.total += static_cast<double>(quantity) * price;
        return good;
    }

    inline bool record(order &o)
    {
        o.id = o.ts = o.pieces = 0;
        o.total = 0;
        o.tag_count = 0;
        o.customer = o.name = o.city = o.zip = o.country = {"", 0};
        bool good = object([&](const char *key) {
            if (is_key(key, "id\""))
                return integer(o.id);
            if (is_key(key, "ts\""))
                return integer(o.ts);
            if (is_key(key, "customer\""))
                return object([&](const char *inner) {
                    if (is_key(inner, "id\""))
                        return string(o.customer);
                    if (is_key(inner, "name\""))
                        return string(o.name);
                    if (is_key(inner, "address\""))
                        return address(o);
                    return skip();
                });
            if (is_key(key, "items\""))
                return list([&] { return item(o); });
            if (is_key(key, "tags\""))
                return list(
                    [&] { return o.tag_count < TAGS_MAX && string(o.tags[o.tag_count++]); });
            return skip();
        });
        return good && start[at[-1] + 1] == '\n';
    }
};

void write_order(const order &o)
{
    char *p = out.bytes + out.length;
    p = ref_put_int(REF_PUT(p, "{\"id\":"), o.id);
    p = ref_put_timestamp(REF_PUT(p, ",\"ts\":\""), o.ts);
    p = ref_put_double(REF_PUT(p, "\",\"total\":"), o.total);
    p = ref_put_int(REF_PUT(p, ",\"pieces\":"), o.pieces);
    p = ref_put_string(REF_PUT(p, ",\"customer\":{\"id\":\""), o.customer.s, o.customer.length);
    p = ref_put_string(REF_PUT(p, "\",\"place\":{\"city\":\""), o.city.s, o.city.length);
    p = ref_put_string(REF_PUT(p, "\",\"country\":\""), o.country.s, o.country.length);
    p = REF_PUT(p, "\"}},\"tags\":[");
    for (uint32_t i = 0; i < o.tag_count; i++) {
        p = i > 0 ? REF_PUT(p, ",\"") : REF_PUT(p, "\"");
        p = ref_put_string(p, o.tags[i].s, o.tags[i].length);
        *p++ = '"';
    }
    p = REF_PUT(p, "]}\n");
    out.length = static_cast<size_t>(p - out.bytes);
    ref_writer_check(&out);
}

} // namespace

int main(int argc, char **argv)
{
    std::unique_ptr<simdjson_parser> parser;
    uint64_t bad = 0, rows = 0;
    if (simdjson::get_active_implementation()->create_dom_parser_implementation(
            REF_BLOCK_BYTES, 16, parser) != simdjson::SUCCESS)
        ref_die("no memory for", "the decoder");
    for (int f = 1; f < argc; f++) {
        ref_reader reader;
        if (!ref_reader_open(&reader, argv[f]))
            ref_die("open", argv[f]);
        for (size_t length; (length = ref_reader_next(&reader)) > 0;) {
            rows += each_block(*parser, reader.block, length, &bad,
                               [&](const char *text, size_t bytes, size_t row) {
                                   return each_record(
                                       *parser, text, bytes, row, &bad,
                                       [&](const uint32_t *&at, const uint32_t *end, size_t) {
                                           walker w{*parser, text, at, end, arena};
                                           order o;
                                           bool good = w.record(o);
                                           at = w.at;
                                           if (good)
                                               write_order(o);
                                           return good;
                                       });
                               });
        }
        ref_reader_close(&reader);
    }
    ref_writer_flush(&out);
    fprintf(stderr, "rows %llu bad %llu\n", static_cast<unsigned long long>(rows),
            static_cast<unsigned long long>(bad));
    return bad == 0 ? 0 : 1;
}
