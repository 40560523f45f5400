// Prometheus' text format, written.
#include "core/cluster/prometheus.h"

#include <math.h>
#include <stdio.h>

#include "core/base/text.h"

static void put(struct tm_prometheus *p, const char *text, size_t length)
{
    if (p->rc == 0)
        p->rc = tm_buf_append(p->out, text, length);
}

static void put_text(struct tm_prometheus *p, const char *text)
{
    put(p, text, strlen(text));
}

// Backslashes and line ends, and within quotes these; bytes that are no UTF-8 become U+FFFD.
static void put_escaped(struct tm_prometheus *p, const char *text, bool quoted)
{
    while (*text != '\0') {
        size_t n = 1;
        if (*text == '\\' || *text == '\n' || (*text == '"' && quoted)) {
            const char escaped[2] = {'\\', *text == '\n' ? 'n' : *text};
            put(p, escaped, 2);
        } else {
            while (n < 4 && text[n] != '\0' && !tm_text_is_utf8(text, n))
                n++;
            bool whole = tm_text_is_utf8(text, n);
            n = whole ? n : 1;
            put(p, whole ? text : "\xef\xbf\xbd", whole ? n : 3);
        }
        text += n;
    }
}

void tm_prometheus_family(struct tm_prometheus *p, const char *name, const char *type,
                          const char *help)
{
    put_text(p, "# HELP ");
    put_text(p, name);
    put_text(p, " ");
    put_escaped(p, help, false);
    put_text(p, "\n# TYPE ");
    put_text(p, name);
    put_text(p, " ");
    put_text(p, type);
    put_text(p, "\n");
}

static void put_value(struct tm_prometheus *p, double value)
{
    char text[40];
    if (isnan(value))
        snprintf(text, sizeof text, "NaN");
    else if (isinf(value))
        snprintf(text, sizeof text, value > 0 ? "+Inf" : "-Inf");
    else if (value == floor(value) && fabs(value) < 0x1p53)
        snprintf(text, sizeof text, "%lld", (long long)value);
    else
        snprintf(text, sizeof text, "%.17g", value);
    put_text(p, text);
}

void tm_prometheus_sample(struct tm_prometheus *p, const char *name, const char *suffix,
                          const struct tm_prometheus_label *labels, uint32_t label_count,
                          double value)
{
    put_text(p, name);
    put_text(p, suffix);
    for (uint32_t i = 0; i < label_count; i++) {
        put_text(p, i == 0 ? "{" : ",");
        put_text(p, labels[i].name);
        put_text(p, "=\"");
        put_escaped(p, labels[i].value, true);
        put_text(p, "\"");
    }
    put_text(p, label_count != 0 ? "} " : " ");
    put_value(p, value);
    put_text(p, "\n");
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

const char *tm_prometheus_name(const char *prefix, const char *name, const char *suffix,
                               char text[TM_PROMETHEUS_NAME_MAX])
{
    size_t room = TM_PROMETHEUS_NAME_MAX - strlen(suffix) - 1;
    int n = snprintf(text, room, "%s%s", prefix, name);
    size_t used = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
    size_t end = strlen(suffix);
    for (size_t i = 0; i < used; i++)
        if (!is_plain(text[i]) || (i == 0 && text[0] <= '9'))
            text[i] = '_';
    if (used < end || memcmp(text + used - end, suffix, end) != 0)
        memcpy(text + used, suffix, end + 1);
    return text;
}
