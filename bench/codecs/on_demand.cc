// JSON by simdjson's on-demand interface, a stream of documents: what its documentation recommends
// for JSON Lines.
#include "bench/codecs/codecs.h"

#include <algorithm>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <simdjson.h>
#pragma GCC diagnostic pop

namespace
{

ref_event events[REF_EVENTS_MAX];

// Strings lie in the parser's memory, which the next batch of documents uses again.
bool text(std::string_view s, char *&arena, const char *&at, uint32_t &length, bool keep)
{
    at = s.data();
    length = static_cast<uint32_t>(s.size());
    if (keep) {
        at = arena;
        arena = std::copy(s.begin(), s.end(), arena);
    }
    return true;
}

bool read(simdjson::ondemand::document_reference document, ref_event &e, char *&arena, bool keep)
{
    simdjson::ondemand::object object;
    std::string_view user, country, note;
    return !document.get_object().get(object) && !object["user_id"].get_string().get(user) &&
           !object["amount"].get_double().get(e.amount) &&
           !object["country"].get_string().get(country) && !object["ts"].get_int64().get(e.ts_ms) &&
           !object["note"].get_string().get(note) &&
           text(user, arena, e.user, e.user_length, keep) &&
           text(country, arena, e.country, e.country_length, keep) &&
           text(note, arena, e.note, e.note_length, keep);
}

} // namespace

size_t codec_json_on_demand(const char *p, size_t length, char *arena, bool keep,
                            void (*block)(const struct ref_event *events, size_t count))
{
    static simdjson::ondemand::parser parser;
    simdjson::ondemand::document_stream stream;
#ifdef SIMDJSON_THREADS_ENABLED
    parser.threaded = false; // what is measured is one thread's time
#endif
    if (parser.iterate_many(p, length, REF_BLOCK_BYTES).get(stream))
        ref_die("no memory for", "the parser");
    size_t rows = 0, count = 0;
    for (auto document : stream) {
        if (document.error() || !read(document.value(), events[count++], arena, keep))
            ref_die("read", "JSON");
        if (count == REF_EVENTS_MAX || keep) {
            block(events, count);
            rows += count;
            count = 0;
        }
    }
    block(events, count);
    return rows + count;
}
