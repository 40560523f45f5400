#include "core/format/csv_guess.h"

#include <stdbool.h>

enum { SEMICOLON, TAB, BAR, OTHERS };
static const char others[OTHERS] = {';', '\t', '|'};

char tm_csv_guess_delimiter(const uint8_t *p, size_t len)
{
    uint32_t counts[OTHERS] = {0};
    bool quoted = false;
    int most = SEMICOLON;
    for (size_t i = 0; i < len && (quoted || (p[i] != '\n' && p[i] != '\r')); i++) {
        if (p[i] == '"')
            quoted = !quoted;
        if (!quoted && p[i] == ',')
            return 0;
        for (int k = 0; !quoted && k < OTHERS; k++)
            counts[k] += (char)p[i] == others[k];
    }
    for (int k = TAB; k < OTHERS; k++)
        most = counts[k] > counts[most] ? k : most;
    return counts[most] == 0 ? '\0' : others[most];
}

const char *tm_csv_show_delimiter(char delimiter)
{
    return delimiter == '\t' ? "\"\\t\"" : delimiter == '|' ? "\"|\"" : "\";\"";
}
