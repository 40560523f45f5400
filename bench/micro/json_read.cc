// The JSON decoder against a hand-written loop over simdjson's on-demand API, on the same lines,
// interleaved in one process: user_id, amount, country, ts and note (with an escape), about 140
// bytes a line.
//
//   cmake --build BUILD --target micro_json && BUILD/bench/micro/micro_json [ROUNDS]   (a Release
//   build)
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <simdjson.h>

#include "bench/micro/json_read_engine.h"

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

double now()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

} // namespace

int main(int argc, char **argv)
{
    size_t rounds = argc > 1 ? strtoul(argv[1], nullptr, 10) : 15, lines = 20000;
    std::string text = make_lines(lines);
    text.reserve(text.size() + 64);
    simdjson::ondemand::parser parser;
    std::vector<record> records(1024);
    std::vector<double> reference, ours;
    struct bench_engine *engine = bench_engine_new();
    for (size_t i = 0; i < rounds * 4; i++) {
        double a = now();
        if (on_demand(text, parser, records) != lines)
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
    printf("line %.0f bytes; on-demand loop %.1f ns a line (best %.1f), engine into rows %.1f "
           "(best %.1f): ratio %.2f\n",
           static_cast<double>(text.size()) / static_cast<double>(lines), r, reference[0], o,
           ours[0], o / r);
    double encode = bench_engine_encode(engine, text.data(), text.size(), rounds);
    printf("encoding the same rows: %.1f ns a row\n", encode);
    bench_engine_free(engine);
    return 0;
}
