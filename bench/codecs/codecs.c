// What a row costs to decode and to encode, the engine's code and the reference in turns, for each
// format:
//   codecs FILE.jsonl [--rows N] [--rounds N]
// FILE has payments (reference/generate.c). Before anything is measured, both sides decode the same
// bytes and write them again, which must give these bytes. Prints a JSON object a round.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench/codecs/codecs.h"
#include "bench/codecs/engine.h"

// EVENT_BYTES_MAX: of a record in any format, with room. AT_ONCE: events encoded before the buffer
// is looked at.
enum { ROWS_MAX = 1000000, EVENT_BYTES_MAX = 512, AT_ONCE = 64 };

static const struct bench_column payment[] = {{"user_id", "string"},
                                              {"amount", "double"},
                                              {"country", "string"},
                                              {"ts", "timestamp"},
                                              {"note", "string"}};
static const struct bench_column line[] = {{"line", "string"}};

static struct ref_event *events;
static size_t event_count, rows_max = 20000;

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static _Noreturn void fail(const struct codec *c, const char *what)
{
    fprintf(stderr, "codecs: %s: %s\n", c->format, what);
    exit(1);
}

static void *allocated(size_t bytes)
{
    void *p = calloc(1, bytes);
    if (p == NULL)
        ref_die("no memory for", "codecs");
    return p;
}

// --- the reference

static void keep(const struct ref_event *more, size_t count)
{
    for (size_t i = 0; i < count && event_count < rows_max; i++)
        events[event_count++] = more[i];
}

static void drop(const struct ref_event *more, size_t count)
{
    // what was decoded is wanted
    __asm__ volatile("" : : "r"(more), "r"(count) : "memory");
}

// All events; to `out`, or to a buffer that is used again and again (NULL).
static size_t reference_encode(const struct codec *c, char *out)
{
    static char buffer[256 * 1024 + AT_ONCE * EVENT_BYTES_MAX];
    size_t total = 0, used = 0;
    for (size_t i = 0; i < event_count; i += AT_ONCE) {
        size_t count = event_count - i < AT_ONCE ? event_count - i : AT_ONCE;
        char *at = out != NULL ? out + total : buffer + used;
        size_t bytes = (size_t)(c->encode(at, events + i, count) - at);
        total += bytes;
        used = used + bytes >= 256 * 1024 ? 0 : used + bytes;
    }
    return total;
}

// --- both

// The decoded rows, written again, are the bytes they came from; on either side.
static void check_equal(const struct codec *c, struct bench_engine *engine, const char *text,
                        size_t length, char *arena)
{
    const struct codec *writer = c;
    while (writer->encode == NULL) // a second decoder of a format
        writer--;
    char *out = allocated(length + AT_ONCE * EVENT_BYTES_MAX);
    size_t rows = event_count;
    event_count = 0;
    if (c->decode(text, length, arena, true, keep) != rows || event_count != rows ||
        reference_encode(writer, out) != length || memcmp(out, text, length) != 0)
        fail(c, "the reference does not write what it has read");
    memset(out, 0, length);
    if (bench_engine_load(engine, text, length) != rows ||
        bench_engine_encode(engine, out) != length || memcmp(out, text, length) != 0)
        fail(c, "the engine does not write what the reference does");
    free(out);
}

static void report(const struct codec *c, const char *direction, const char *reference,
                   int64_t round, double engine_ns, double reference_ns)
{
    printf(
        "{\"format\":\"%s\",\"direction\":\"%s\",\"reference\":\"%s\",\"goal\":%s,\"round\":%lld,"
        "\"engine_ns\":%.3f,\"reference_ns\":%.3f}\n",
        c->format, direction, reference, c->goal ? "true" : "false", (long long)round,
        engine_ns / (double)event_count, reference_ns / (double)event_count);
    fflush(stdout);
}

static void measure(const struct codec *c, struct bench_engine *engine, const char *text,
                    size_t length, char *arena, int64_t rounds)
{
    for (int64_t r = -1; r < rounds; r++) { // the first one warms up
        double a = cpu_ns();
        if (bench_engine_decode(engine, text, length) != event_count)
            fail(c, "the engine lost rows");
        double b = cpu_ns();
        if (c->decode(text, length, arena, false, drop) != event_count)
            fail(c, "the reference lost rows");
        double d = cpu_ns();
        if (r >= 0)
            report(c, "decode", c->decoder, r, b - a, d - b);
    }
    for (int64_t r = -1; r < rounds && c->encode != NULL; r++) {
        double a = cpu_ns();
        if (bench_engine_encode(engine, NULL) != length)
            fail(c, "the engine wrote less");
        double b = cpu_ns();
        if (reference_encode(c, NULL) != length)
            fail(c, "the reference wrote less");
        double d = cpu_ns();
        if (r >= 0)
            report(c, "encode", c->encoder, r, b - a, d - b);
    }
}

static void run(const struct codec *c, int64_t rounds)
{
    bool text_only = strcmp(c->format, "text") == 0;
    const struct codec *writer = c;
    while (writer->encode == NULL)
        writer--;
    size_t room = event_count * EVENT_BYTES_MAX + REF_PADDING_BYTES;
    char *text = allocated(room), *arena = allocated(room);
    size_t length = reference_encode(writer, text);
    struct ref_event *original = allocated(event_count * sizeof *original);
    memcpy(original, events, event_count * sizeof *original);
    struct bench_engine *engine =
        bench_engine_new(c->format, text_only ? line : payment, text_only ? 1 : 5);
    check_equal(c, engine, text, length, arena);
    measure(c, engine, text, length, allocated(room), rounds);
    bench_engine_free(engine);
    memcpy(events, original, event_count * sizeof *original); // for the next format
    free(original);
}

static int64_t number(const char *text)
{
    char *end;
    long long v = strtoll(text, &end, 10);
    if (*end != '\0' || v < 1 || v > ROWS_MAX) {
        fprintf(stderr, "codecs: wrong number %s\n", text);
        exit(2);
    }
    return v;
}

// The first rows of the file, as events that stay.
static void load(const char *path)
{
    struct ref_reader reader;
    uint64_t bad = 0;
    events = allocated(rows_max * sizeof *events);
    if (!ref_reader_open(&reader, path))
        ref_die("open", path);
    struct ref_decoder *decoder = ref_decoder_new();
    struct ref_event *block = allocated(REF_EVENTS_MAX * sizeof *block);
    for (size_t length; event_count < rows_max && (length = ref_reader_next(&reader)) > 0;) {
        char *text = allocated(length + REF_PADDING_BYTES), *arena = allocated(length);
        memcpy(text, reader.block, length);
        keep(block, ref_decode(decoder, text, length, REF_ALL, arena, block, &bad));
    }
    if (event_count == 0 || bad > 0)
        ref_die("read payments from", path);
    free(block);
    ref_decoder_free(decoder);
    ref_reader_close(&reader);
}

int main(int argc, char **argv)
{
    int64_t rounds = 9;
    if (argc < 2 || argc % 2 != 0) {
        fprintf(stderr, "usage: codecs FILE.jsonl [--rows N] [--rounds N]\n");
        return 2;
    }
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rows") == 0)
            rows_max = (size_t)number(argv[i + 1]);
        else if (strcmp(argv[i], "--rounds") == 0)
            rounds = number(argv[i + 1]);
    }
    load(argv[1]);
    for (const struct codec *c = codecs; c->format != NULL; c++)
        run(c, rounds);
    return 0;
}
