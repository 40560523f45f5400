// The JSON decoder against a hand-written loop over simdjson's on-demand API, on the same lines,
// interleaved in one process: user_id, amount, country, ts and note (with an escape), about 140
// bytes a line; then of nested records: an order with a customer, an address in it, and items.
//
//   cmake --build BUILD --target micro_json && BUILD/bench/micro/micro_json [ROUNDS [WHICH]]   (a
//   Release build)
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include <simdjson.h>

#include "bench/codecs/engine.h"

namespace
{

struct record {
    const char *user_id, *country, *note;
    uint32_t user_id_length, country_length, note_length;
    double amount;
    int64_t ts;
};

std::string make_lines(size_t count)
{
    const char *countries[] = {"FR", "DE", "US", "GB", "IT"};
    std::string text;
    uint64_t seed = 42;
    for (size_t i = 0; i < count; i++) {
        char line[256];
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        snprintf(line, sizeof line,
                 "{\"user_id\":\"u%06u\",\"amount\":%.2f,\"country\":\"%s\",\"ts\":%lld,\"note\":"
                 "\"payment for order "
                 "\\\"%08x\\\" received\"}\n",
                 static_cast<unsigned>(seed >> 33) % 1000000,
                 static_cast<double>((seed >> 20) % 50000) / 100, countries[(seed >> 40) % 5],
                 1700000000000LL + static_cast<long long>(i), static_cast<unsigned>(seed >> 32));
        text += line;
    }
    return text;
}

// What a careful C++ programmer writes: one parser, fields asked for in the order that they have.
size_t on_demand(const std::string &text, simdjson::ondemand::parser &parser,
                 std::vector<record> &out)
{
    const char *p = text.data(), *end = p + text.size();
    size_t count = 0;
    while (p < end) {
        const char *line_end =
            static_cast<const char *>(memchr(p, '\n', static_cast<size_t>(end - p)));
        size_t len = static_cast<size_t>(line_end - p);
        simdjson::ondemand::document doc;
        simdjson::ondemand::object object;
        if (parser.iterate(p, len, static_cast<size_t>(end - p) + simdjson::SIMDJSON_PADDING)
                .get(doc) ||
            doc.get_object().get(object))
            abort();
        record &r = out[count & 1023];
        std::string_view user_id, country, note;
        if (object["user_id"].get_string().get(user_id) ||
            object["amount"].get_double().get(r.amount) ||
            object["country"].get_string().get(country) || object["ts"].get_int64().get(r.ts) ||
            object["note"].get_string().get(note))
            abort();
        r.user_id = user_id.data();
        r.user_id_length = static_cast<uint32_t>(user_id.size());
        r.country = country.data();
        r.country_length = static_cast<uint32_t>(country.size());
        r.note = note.data();
        r.note_length = static_cast<uint32_t>(note.size());
        count++;
        p = line_end + 1;
    }
    return count;
}

// --- nested: an order of three levels

const bench_column flat_columns[] = {{"user_id", "string"},
                                     {"amount", "double"},
                                     {"country", "string"},
                                     {"ts", "timestamp"},
                                     {"note", "string"}};
const bench_column nested_columns[] = {
    {"id", "int"},
    {"customer", "struct(name string,address struct(city string,zip string))"},
    {"items", "list(struct(sku string,qty int,price double))"},
    {"tags", "list(string)"},
    {"ts", "timestamp"}};
const bench_column any_columns[] = {
    {"id", "int"}, {"customer", "any"}, {"items", "any"}, {"tags", "any"}, {"ts", "timestamp"}};

std::string make_orders(size_t count)
{
    const char *cities[] = {"Paris", "Berlin", "New York", "Birmingham", "Rome"};
    std::string text;
    uint64_t seed = 42;
    for (size_t i = 0; i < count; i++) {
        char line[256];
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        snprintf(line, sizeof line,
                 "{\"id\":%zu,\"customer\":{\"name\":\"customer %u\",\"address\":{\"city\":"
                 "\"%s\",\"zip\":\"%05u\"}},\"items\":[",
                 i + 1000000, static_cast<unsigned>(seed >> 33) % 100000, cities[(seed >> 40) % 5],
                 static_cast<unsigned>(seed >> 35) % 100000);
        text += line;
        size_t items = 1 + (seed >> 50) % 4;
        for (size_t k = 0; k < items; k++) {
            snprintf(line, sizeof line, "%s{\"sku\":\"A%06u\",\"qty\":%u,\"price\":%.2f}",
                     k == 0 ? "" : ",", static_cast<unsigned>(seed >> (20 + k)) % 1000000,
                     static_cast<unsigned>(1 + (seed >> (30 + k)) % 9),
                     static_cast<double>((seed >> (10 + k)) % 50000) / 100);
            text += line;
        }
        snprintf(line, sizeof line, "],\"tags\":[\"new\",\"web\"],\"ts\":%lld}\n",
                 1700000000000LL + static_cast<long long>(i));
        text += line;
    }
    return text;
}

struct item {
    std::string_view sku;
    int64_t qty;
    double price;
};
struct order {
    int64_t id, ts;
    std::string_view name, city, zip, tags[8];
    item items[8];
    size_t item_count, tag_count;
};

size_t on_demand_orders(const std::string &text, simdjson::ondemand::parser &parser,
                        std::vector<order> &out)
{
    const char *p = text.data(), *end = p + text.size();
    size_t count = 0;
    while (p < end) {
        const char *line_end =
            static_cast<const char *>(memchr(p, '\n', static_cast<size_t>(end - p)));
        size_t len = static_cast<size_t>(line_end - p);
        simdjson::ondemand::document doc;
        simdjson::ondemand::object object, customer, address;
        simdjson::ondemand::array items, tags;
        order &o = out[count & 1023];
        o.item_count = o.tag_count = 0;
        if (parser.iterate(p, len, static_cast<size_t>(end - p) + simdjson::SIMDJSON_PADDING)
                .get(doc) ||
            doc.get_object().get(object) || object["id"].get_int64().get(o.id) ||
            object["customer"].get_object().get(customer) ||
            customer["name"].get_string().get(o.name) ||
            customer["address"].get_object().get(address) ||
            address["city"].get_string().get(o.city) || address["zip"].get_string().get(o.zip) ||
            object["items"].get_array().get(items))
            abort();
        for (auto element : items) {
            simdjson::ondemand::object fields;
            item &it = o.items[o.item_count++ & 7];
            if (element.get_object().get(fields) || fields["sku"].get_string().get(it.sku) ||
                fields["qty"].get_int64().get(it.qty) || fields["price"].get_double().get(it.price))
                abort();
        }
        if (object["tags"].get_array().get(tags))
            abort();
        for (auto element : tags) {
            if (element.get_string().get(o.tags[o.tag_count++ & 7]))
                abort();
        }
        if (object["ts"].get_int64().get(o.ts))
            abort();
        count++;
        p = line_end + 1;
    }
    return count;
}

// CPU time: others may be running.
double now()
{
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

template <class Reference>
void compare(const char *name, const std::string &text, size_t lines, size_t rounds,
             const bench_column *columns, uint32_t column_count, Reference reference_loop)
{
    std::vector<double> reference, ours;
    struct bench_engine *engine = bench_engine_new("json", columns, column_count);
    for (size_t i = 0; i < rounds * 4; i++) {
        double a = now();
        if (reference_loop() != lines)
            abort();
        double b = now();
        if (bench_engine_decode(engine, text.data(), text.size()) != lines)
            abort();
        double c = now();
        reference.push_back((b - a) / static_cast<double>(lines) * 1e9);
        ours.push_back((c - b) / static_cast<double>(lines) * 1e9);
    }
    std::sort(reference.begin(), reference.end());
    std::sort(ours.begin(), ours.end());
    double r = reference[reference.size() / 2], o = ours[ours.size() / 2];
    printf("%s, line %.0f bytes; on-demand loop %.1f ns a line (best %.1f), engine into rows %.1f "
           "(best %.1f): ratio %.2f\n",
           name, static_cast<double>(text.size()) / static_cast<double>(lines), r, reference[0], o,
           ours[0], o / r);
    bench_engine_load(engine, text.data(), text.size());
    std::vector<double> encoding;
    for (size_t i = 0; i < rounds; i++) {
        double start = now();
        bench_engine_encode(engine, nullptr);
        encoding.push_back((now() - start) / static_cast<double>(lines) * 1e9);
    }
    std::sort(encoding.begin(), encoding.end());
    double encode = encoding[encoding.size() / 2];
    printf("encoding the same rows: %.1f ns a row\n", encode);
    bench_engine_free(engine);
}

} // namespace

int main(int argc, char **argv)
{
    size_t rounds = argc > 1 ? strtoul(argv[1], nullptr, 10) : 15, lines = 20000;
    std::string which = argc > 2 ? argv[2] : "";
    std::string text = make_lines(lines), orders = make_orders(lines);
    text.reserve(text.size() + 64);
    orders.reserve(orders.size() + 64);
    simdjson::ondemand::parser parser;
    std::vector<record> records(1024);
    std::vector<order> rows(1024);
    if (which.empty() || which == "flat")
        compare("flat", text, lines, rounds, flat_columns, 5,
                [&] { return on_demand(text, parser, records); });
    if (which.empty() || which == "nested")
        compare("nested", orders, lines, rounds, nested_columns, 5,
                [&] { return on_demand_orders(orders, parser, rows); });
    if (which.empty() || which == "nested as any")
        compare("nested as any", orders, lines, rounds, any_columns, 5,
                [&] { return on_demand_orders(orders, parser, rows); });
    return 0;
}
