// The quotes of a CSV file that rows are appended to. Where it was cut inside quotes, by a crash of
// whoever wrote it or a full disk, all rows that follow would be one field of its last record; and
// whether a byte stands inside quotes is known only from all bytes in front of it.
#include "connectors/file/ending.h"

#include <string.h>

#include "core/format/csv_scan.h"

enum {
    BLOCK_BYTES = 256 * 1024,
    SLACK = 64, // as the scan needs it
};

// Bytes in front of the first record: a mark, and lines that are skipped.
static size_t front_of(const struct tm_csv_scan *scan, const uint8_t *p, size_t len)
{
    struct tm_csv_scan lines = *scan;
    lines.header = false; // its quotes count
    int64_t skipped = tm_csv_scan_head(&lines, p, len);
    if (skipped > 0)
        return (size_t)skipped;
    return len >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

int tm__file_ending_check(const struct tm_fx *fx, struct tm_mem *mem, int fd,
                          const struct tm_options *format_options, struct tm_error *err)
{
    struct tm_csv_scan scan;
    struct tm_csv_scan_effect effect;
    int rc = tm_csv_scan_init(&scan, mem, format_options, err);
    if (rc != 0 || scan.quote == 0)
        return rc;
    uint8_t *block = tm_mem_alloc(mem, BLOCK_BYTES + SLACK);
    if (block == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a block of the file");
    tm_csv_scan_effect_init(&effect);
    int64_t got = fx->files->seek(fx->ctx, fd, 0, err);
    for (bool first = true; got >= 0; first = false) {
        got = fx->files->read(fx->ctx, fd, block, BLOCK_BYTES, err);
        if (got <= 0)
            break;
        size_t front = first ? front_of(&scan, block, (size_t)got) : 0;
        tm_csv_scan_run(&scan, &effect, block + front, (size_t)got - front);
    }
    tm_mem_free(mem, block, BLOCK_BYTES + SLACK);
    if (got < 0)
        return (int)got;
    if (!tm_csv_scan_is_inside(effect.to[TM_CSV_SCAN_RECORD]))
        return 0;
    rc = tm_error_set(err, TM_E_SCHEMA,
                      "the file ends inside quotes: rows that are appended would be part of its "
                      "last field");
    tm_error_hint(err,
                  "it was cut short, or a quote is missing: mend or remove its last record, or "
                  "write to another file");
    return rc;
}
