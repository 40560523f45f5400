// The log's lines. A message may carry bytes of users' records, so control characters and broken
// UTF-8 never reach the terminal or the JSON as they are.
#include "core/base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

enum {
    LINE_MAX_BYTES = 32 * 1024, // holds an error whose every byte is escaped
    MESSAGE_MAX_BYTES = 4096,
    STDERR = 2,
};

struct line {
    size_t size;
    char text[LINE_MAX_BYTES];
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *const level_colors[] = {"\033[31m", "\033[33m", "\033[36m", "\033[90m"};

static void put(struct line *line, const char *s, size_t len)
{
    size_t room = LINE_MAX_BYTES - 8 - line->size; // the end of the line always fits
    if (len > room)
        len = room;
    memcpy(line->text + line->size, s, len);
    line->size += len;
}

static void puts_(struct line *line, const char *s)
{
    put(line, s, strlen(s));
}

// Length of the UTF-8 sequence at s, 0 where it is broken.
static size_t character(const char *s)
{
    for (size_t n = 1; n <= 4 && (n == 1 || s[n - 1] != '\0'); n++)
        if (tm_text_is_utf8(s, n))
            return n;
    return 0;
}

static void put_json(struct line *line, const char *s)
{
    puts_(line, "\"");
    while (*s != '\0') {
        unsigned char c = (unsigned char)*s;
        char escape[8];
        size_t n = character(s);
        if (c == '"' || c == '\\') {
            snprintf(escape, sizeof(escape), "\\%c", c);
            puts_(line, escape);
        } else if (c == '\n') {
            puts_(line, "\\n");
        } else if (c < 0x20 || c == 0x7F) {
            snprintf(escape, sizeof(escape), "\\u%04x", c);
            puts_(line, escape);
        } else if (n == 0) {
            puts_(line, "\\ufffd");
        } else {
            put(line, s, n);
        }
        s += n != 0 ? n : 1;
    }
    puts_(line, "\"");
}

// For people. A line break becomes a break with `indent`, or \n where there is none.
static void put_text(struct line *line, const char *s, const char *indent)
{
    while (*s != '\0') {
        unsigned char c = (unsigned char)*s;
        char escape[8];
        size_t n = character(s);
        // U+0080 to U+009F are control characters too, two bytes long
        bool control = c < 0x20 || c == 0x7F || (c == 0xC2 && n == 2 && (unsigned char)s[1] < 0xA0);
        if (c == '\n' && indent != NULL) {
            puts_(line, "\n");
            puts_(line, indent);
        } else if (c == '\n') {
            puts_(line, "\\n");
        } else if (c == '\t') {
            puts_(line, "\t");
        } else if (n == 0 || control) {
            for (size_t i = 0; i < (n != 0 ? n : 1); i++) {
                snprintf(escape, sizeof(escape), "\\x%02x", (unsigned char)s[i]);
                puts_(line, escape);
            }
        } else {
            put(line, s, n);
        }
        s += n != 0 ? n : 1;
    }
}

// ISO 8601 in UTC. The C library's conversion would read the time zone from the file system.
static void put_time(struct line *line, int64_t ms)
{
    int64_t days = ms / 86400000, in_day = ms % 86400000;
    if (in_day < 0) {
        in_day += 86400000;
        days--;
    }
    // Years start in March here, so that the leap day is the last of its year.
    int64_t day = days + 719468; // since 0000-03-01
    int64_t era = (day >= 0 ? day : day - 146096) / 146097;
    int64_t day_of_era = day - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    char text[96];
    snprintf(text, sizeof(text),
             "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64 ":%02" PRId64
             ".%03" PRId64 "Z",
             year, month, day_of_year - (153 * shifted + 2) / 5 + 1, in_day / 3600000,
             in_day / 60000 % 60, in_day / 1000 % 60, in_day % 1000);
    puts_(line, text);
}

static void put_level(struct line *line, const struct tm_log *log, enum tm_log_level level)
{
    if (log->color)
        puts_(line, level_colors[level]);
    puts_(line, level_names[level]);
    if (log->color)
        puts_(line, "\033[0m");
}

static void start_json(struct line *line, const struct tm_log *log, enum tm_log_level level)
{
    puts_(line, "{\"time\":\"");
    put_time(line, tm_fx_wall_ms(log->fx));
    puts_(line, "\",\"level\":\"");
    puts_(line, level_names[level]);
    puts_(line, "\"");
}

static void put_member(struct line *line, const char *name, const char *value)
{
    puts_(line, ",\"");
    puts_(line, name);
    puts_(line, "\":");
    put_json(line, value);
}

static void finish(const struct tm_log *log, struct line *line, const char *end)
{
    memcpy(line->text + line->size, end, strlen(end)); // put() keeps room for it
    line->size += strlen(end);
    // A log that cannot be written has nowhere to say so.
    (void)log->fx->files->write_all(log->fx->ctx, STDERR, line->text, line->size, NULL, NULL);
}

void tm_log_write(const struct tm_log *log, enum tm_log_level level, const char *fmt, ...)
{
    if (level > log->level)
        return;
    char message[MESSAGE_MAX_BYTES];
    struct line line;
    line.size = 0;
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(message, sizeof(message), fmt, args) < 0)
        message[0] = '\0';
    va_end(args);
    if (log->json) {
        start_json(&line, log, level);
        put_member(&line, "message", message);
        finish(log, &line, "}\n");
    } else {
        put_time(&line, tm_fx_wall_ms(log->fx));
        puts_(&line, " ");
        put_level(&line, log, level);
        puts_(&line, strlen(level_names[level]) < 5 ? "  " : " ");
        put_text(&line, message, NULL);
        finish(log, &line, "\n");
    }
}

void tm_log_error(const struct tm_log *log, const struct tm_error *err)
{
    char code[8];
    struct line line;
    line.size = 0;
    tm_error_code_text(err->code, code);
    if (log->json) {
        start_json(&line, log, TM_LOG_ERROR);
        put_member(&line, "code", code);
        put_member(&line, "name", tm_error_name(err->code));
        put_member(&line, "message", err->message);
        if (err->where[0] != '\0') { // its first line; the others are for people
            char place[TM_ERROR_WHERE_MAX];
            snprintf(place, sizeof(place), "%.*s", (int)strcspn(err->where, "\n"), err->where);
            put_member(&line, "where", place);
        }
        if (err->hint[0] != '\0')
            put_member(&line, "hint", err->hint);
        finish(log, &line, "}\n");
        return;
    }
    // No time here: this is what a person reads when a command ends.
    put_level(&line, log, TM_LOG_ERROR);
    puts_(&line, " ");
    puts_(&line, code);
    puts_(&line, ": ");
    put_text(&line, err->message, "  ");
    if (err->where[0] != '\0') {
        puts_(&line, "\n  at ");
        put_text(&line, err->where, "     ");
    }
    if (err->hint[0] != '\0') {
        puts_(&line, "\n  hint: ");
        put_text(&line, err->hint, "        ");
    }
    finish(log, &line, "\n");
}
