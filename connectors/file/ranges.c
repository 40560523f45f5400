// Cutting files. Where lines are records, the next line end behind each border is looked for, and
// that is all. In CSV a line end may stand inside quotes: every piece is scanned once, by several
// threads, for what it does to the state of the quotes, and what was found is put together in the
// order of the pieces; the cut is the first record's beginning behind the border.
#include "connectors/file/ranges.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/format/csv_scan.h"

enum {
    BLOCK_BYTES = 256 * 1024,
    HEAD_BYTES_MAX = 1024 * 1024, // of a header that is looked for
    SLACK = 64,                   // as decoders need it
    THREADS_MAX = 16,
};

struct file {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    const char *path;
    int fd;
    uint8_t *block;
};

static int open_file(struct file *file, const struct tm_fx *fx, struct tm_mem *mem,
                     const char *path, struct tm_error *err)
{
    *file = (struct file){.fx = fx, .mem = mem, .path = path, .fd = -1};
    file->block = tm_mem_alloc(mem, BLOCK_BYTES);
    if (file->block == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for splitting %s", path);
    file->fd = fx->files->open(fx->ctx, path, TM_FILE_READ, err);
    return file->fd < 0 ? file->fd : 0;
}

static void close_file(struct file *file)
{
    if (file->fd >= 0)
        (void)file->fx->files->close(file->fx->ctx, file->fd, NULL);
    tm_mem_free(file->mem, file->block, file->block == NULL ? 0 : BLOCK_BYTES);
}

static int add(struct tm_file_ranges *ranges, int64_t begin)
{
    if (ranges->count != 0 && begin <= ranges->begins[ranges->count - 1])
        return 0; // a record as long as a piece
    if (ranges->count == ranges->capacity) {
        uint32_t capacity = ranges->capacity == 0 ? 16 : ranges->capacity * 2;
        int64_t *begins =
            tm_mem_realloc(ranges->mem, ranges->begins, ranges->capacity * sizeof *begins,
                           capacity * sizeof *begins);
        if (begins == NULL)
            return TM_E_MEMORY;
        ranges->begins = begins;
        ranges->capacity = capacity;
    }
    ranges->begins[ranges->count++] = begin;
    return 0;
}

// --- lines ---------------------------------------------------------------------------------------

// The first line that begins at or behind `at`; the file's end, if none does.
static int64_t next_line(struct file *file, int64_t at, struct tm_error *err)
{
    const struct tm_fx *fx = file->fx;
    int64_t position = at - 1; // a line end in front of it will do
    int rc = fx->files->seek(fx->ctx, file->fd, position, err);
    if (rc != 0)
        return rc;
    for (;;) {
        int64_t got = fx->files->read(fx->ctx, file->fd, file->block, BLOCK_BYTES, err);
        if (got < 0)
            return got;
        const uint8_t *end = memchr(file->block, '\n', (size_t)got);
        if (end != NULL)
            return position + (end - file->block) + 1;
        position += got;
        if (got == 0)
            return position;
    }
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Is it one object a line, by the looks of its first? An array, or objects over many lines, are
// not.
static int is_by_lines(struct file *file, bool *by_lines, struct tm_error *err)
{
    const struct tm_fx *fx = file->fx;
    int64_t got = fx->files->read(fx->ctx, file->fd, file->block, BLOCK_BYTES, err);
    if (got < 0)
        return (int)got;
    const uint8_t *p = file->block, *end = p + got;
    *by_lines = false;
    if (got >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
        p += 3;
    while (p < end && is_space(*p))
        p++;
    if (p == end)
        return 0;
    const uint8_t *line = memchr(p, '\n', (size_t)(end - p)), *last = line == NULL ? end : line;
    while (last > p && is_space(last[-1]))
        last--;
    *by_lines = *p != '[' && (line == NULL || *p != '{' || last[-1] == '}');
    return 0;
}

static int cut_lines(struct tm_file_ranges *ranges, struct file *file, bool json, int64_t size,
                     int64_t split, struct tm_error *err)
{
    bool by_lines = true;
    int rc = json ? is_by_lines(file, &by_lines, err) : 0;
    for (int64_t at = split; rc == 0 && by_lines && at < size; at += split) {
        int64_t begin = next_line(file, at, err);
        if (begin < 0)
            return (int)begin;
        rc = begin < size ? add(ranges, begin) : 0;
    }
    return rc;
}

// --- CSV -----------------------------------------------------------------------------------------

struct scan {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    const char *path;
    struct tm_csv_scan csv;
    int64_t head, size, split;
    uint32_t count; // pieces: [i * split, (i + 1) * split), the first behind the head
    struct tm_csv_scan_effect *effects;
    _Atomic uint32_t next; // piece to scan; whoever adds one has it
    _Atomic int code;      // set once, by whoever fails first
    _Atomic int claimed;   // `err` is being filled
    struct tm_error err;
};

static void fail(struct scan *scan, int code, const struct tm_error *err)
{
    int free = 0;
    if (atomic_compare_exchange_strong_explicit(&scan->claimed, &free, 1, memory_order_relaxed,
                                                memory_order_relaxed))
        scan->err = *err; // read after the threads were joined
    atomic_store_explicit(&scan->code, code, memory_order_relaxed);
}

static int64_t piece_begin(const struct scan *scan, uint32_t i)
{
    int64_t begin = (int64_t)i * scan->split;
    return i == 0 ? scan->head : begin;
}

static int scan_piece(struct scan *scan, struct file *file, uint32_t i, struct tm_error *err)
{
    const struct tm_fx *fx = scan->fx;
    int64_t at = piece_begin(scan, i), end = piece_begin(scan, i + 1);
    int rc = fx->files->seek(fx->ctx, file->fd, at, err);
    tm_csv_scan_effect_init(&scan->effects[i]);
    while (rc == 0 && at < end && atomic_load_explicit(&scan->code, memory_order_relaxed) == 0) {
        size_t want = end - at < BLOCK_BYTES ? (size_t)(end - at) : BLOCK_BYTES;
        int64_t got = fx->files->read(fx->ctx, file->fd, file->block, want, err);
        if (got < 0)
            return (int)got;
        if (got == 0) // it has become shorter since
            return 0;
        tm_csv_scan_run(&scan->csv, &scan->effects[i], file->block, (size_t)got);
        at += got;
    }
    return rc;
}

static void scan_pieces(void *arg)
{
    struct scan *scan = arg;
    struct file file;
    struct tm_error err = {0};
    int rc = open_file(&file, scan->fx, scan->mem, scan->path, &err);
    while (rc == 0) {
        uint32_t i = atomic_fetch_add_explicit(&scan->next, 1, memory_order_relaxed);
        if (i >= scan->count)
            break;
        rc = scan_piece(scan, &file, i, &err);
    }
    close_file(&file);
    if (rc != 0)
        fail(scan, rc, &err);
}

// All pieces, by several threads; this one is one of them.
static int scan_all(struct scan *scan, uint32_t threads, struct tm_error *err)
{
    const struct tm_fx *fx = scan->fx;
    struct tm_thread *started[THREADS_MAX];
    uint32_t count = 0, most = threads < scan->count ? threads : scan->count;
    while (count + 1 < most && count < THREADS_MAX &&
           fx->threads->thread_start(fx->ctx, "tm-split", scan_pieces, scan, &started[count],
                                     NULL) == 0)
        count++; // fewer will do
    scan_pieces(scan);
    while (count != 0)
        fx->threads->thread_join(fx->ctx, started[--count]);
    if (scan->code != 0 && err != NULL)
        *err = scan->err;
    return scan->code;
}

// The first record that begins at or behind `at`, where the state is `state`.
static int64_t next_record(struct scan *scan, struct file *file, int64_t at, uint8_t state,
                           struct tm_error *err)
{
    const struct tm_fx *fx = scan->fx;
    int rc = fx->files->seek(fx->ctx, file->fd, at, err);
    if (rc != 0)
        return rc;
    for (;;) {
        int64_t got = fx->files->read(fx->ctx, file->fd, file->block, BLOCK_BYTES, err);
        if (got < 0)
            return got;
        int64_t found = tm_csv_scan_find(&scan->csv, &state, file->block, (size_t)got);
        if (found >= 0 || got == 0)
            return at + (got == 0 ? 0 : found);
        at += got;
    }
}

// What stands in front of the first record, kept for the other ranges' decoders. False: it is too
// long, or all there is.
static int take_head(struct tm_file_ranges *ranges, struct scan *scan, struct file *file,
                     bool *found, struct tm_error *err)
{
    const struct tm_fx *fx = scan->fx;
    size_t want = scan->size < HEAD_BYTES_MAX ? (size_t)scan->size : HEAD_BYTES_MAX, there = 0;
    uint8_t *text = tm_mem_alloc(scan->mem, want);
    int64_t got = 1;
    if (text == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for splitting %s", scan->path);
    while (there < want && got > 0) {
        got = fx->files->read(fx->ctx, file->fd, text + there, want - there, err);
        there += got > 0 ? (size_t)got : 0;
    }
    int64_t head = got < 0 ? -1 : tm_csv_scan_head(&scan->csv, text, there);
    int rc = got < 0 ? (int)got : 0;
    *found = head >= 0;
    if (head > 0) {
        ranges->head = tm_mem_zalloc(scan->mem, (size_t)head + SLACK);
        if (ranges->head != NULL)
            memcpy(ranges->head, text, (size_t)head);
        ranges->head_bytes = ranges->head == NULL ? 0 : (size_t)head;
        if (ranges->head == NULL)
            rc = tm_error_set(err, TM_E_MEMORY, "out of memory for splitting %s", scan->path);
    }
    scan->head = head;
    tm_mem_free(scan->mem, text, want);
    return rc;
}

static int cut_scanned(struct tm_file_ranges *ranges, struct scan *scan, struct file *file,
                       struct tm_error *err)
{
    uint8_t state = TM_CSV_SCAN_RECORD;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < scan->count; i++) {
        state = scan->effects[i].to[state]; // behind piece i
        int64_t begin = next_record(scan, file, piece_begin(scan, i + 1), state, err);
        if (begin < 0)
            return (int)begin;
        rc = begin < scan->size ? add(ranges, begin) : 0;
    }
    return rc;
}

static int cut_csv(struct tm_file_ranges *ranges, struct scan *scan, struct file *file,
                   const struct tm_node *node, uint32_t threads, struct tm_error *err)
{
    bool found = false;
    int rc = tm_csv_scan_init(&scan->csv, scan->mem, &node->format_options, err);
    if (rc == 0)
        rc = take_head(ranges, scan, file, &found, err);
    if (rc != 0 || !found || scan->head >= scan->split)
        return rc;
    scan->count = (uint32_t)((scan->size - 1) / scan->split);
    scan->effects = tm_mem_zalloc(scan->mem, scan->count * sizeof *scan->effects);
    if (scan->effects == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for splitting %s", scan->path);
    rc = scan_all(scan, threads, err);
    if (rc == 0)
        rc = cut_scanned(ranges, scan, file, err);
    tm_mem_free(scan->mem, scan->effects, scan->count * sizeof *scan->effects);
    return rc;
}

// --- both ----------------------------------------------------------------------------------------

bool tm__file_ranges_can(const char *format)
{
    return strcmp(format, "json") == 0 || strcmp(format, "text") == 0 || strcmp(format, "csv") == 0;
}

int tm__file_ranges_find(struct tm_file_ranges *ranges, const struct tm_fx *fx, struct tm_mem *mem,
                         const struct tm_node *node, const char *path, int64_t size_bytes,
                         int64_t split_bytes, uint32_t threads, struct tm_error *err)
{
    struct file file;
    struct scan scan = {
        .fx = fx, .mem = mem, .path = path, .size = size_bytes, .split = split_bytes};
    *ranges = (struct tm_file_ranges){.mem = mem};
    if (size_bytes / split_bytes > TM_RANGES_MAX) {
        int rc = tm_error_set(err, TM_E_LIMIT, "split makes more than %d pieces of %s",
                              TM_RANGES_MAX, path);
        tm_error_hint(err, "larger pieces: split = \"%lldMB\"",
                      (long long)(size_bytes / TM_RANGES_MAX / 1024 / 1024 + 1));
        return rc;
    }
    if (add(ranges, 0) != 0)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for splitting %s", path);
    if (size_bytes <= split_bytes)
        return 0;
    int rc = open_file(&file, fx, mem, path, err);
    if (rc == 0 && strcmp(node->format, "csv") == 0)
        rc = cut_csv(ranges, &scan, &file, node, threads, err);
    else if (rc == 0)
        rc = cut_lines(ranges, &file, strcmp(node->format, "json") == 0, size_bytes, split_bytes,
                       err);
    close_file(&file);
    if (rc == TM_E_MEMORY)
        tm_error_set(err, rc, "out of memory for splitting %s", path);
    return rc;
}

void tm__file_ranges_fini(struct tm_file_ranges *ranges)
{
    tm_mem_free(ranges->mem, ranges->begins, ranges->capacity * sizeof *ranges->begins);
    tm_mem_free(ranges->mem, ranges->head, ranges->head == NULL ? 0 : ranges->head_bytes + SLACK);
}
