// How the values of a generated column are described: the options "field.<i>.*" of tm.generate,
// checked and bound to a column of the source's schema.
#pragma once

#include "connectors/generator/zipf.h"
#include "core/graph/graph.h"

enum tm__generator_kind {
    TM__GENERATOR_UNIFORM,
    TM__GENERATOR_CHOICE, // also constants: a choice of one
    TM__GENERATOR_PATTERN,
    TM__GENERATOR_TIMESTAMP,
    TM__GENERATOR_SEQUENCE,
    TM__GENERATOR_NORMAL,
    TM__GENERATOR_ZIPF,
    TM__GENERATOR_STRING,
    TM__GENERATOR_UUID,
};

enum {
    TM__GENERATOR_PATTERN_MAX = 255,       // bytes of a pattern
    TM__GENERATOR_PATTERN_DIGITS_MAX = 18, // places that get digits; 10^18 fits
    TM__GENERATOR_STRING_MAX = 4096,       // bytes of a string
    TM__GENERATOR_NORMAL_DIGITS = 15,      // a double holds them
};

// One value of a choice, in the form that the column's type stores.
struct tm__generator_choice {
    int64_t word; // bool, int, int64, timestamp; a double's bits
    __int128 unscaled;
    const char *text; // string, bytes: into `texts`
    uint32_t length;
    uint64_t below; // with weights: the draws that give it or one before it are below this
};

struct tm__generator_field {
    enum tm__generator_kind kind;
    uint32_t column;
    struct tm_type type;
    uint64_t key;   // of its random stream
    uint64_t nulls; // share of the rows without a value, scaled to 2^32
    // uniform; a string's length has min and range too
    int64_t min;
    uint64_t range; // values from min on; 0: all 2^64
    double min_double, max_double;
    __int128 min_decimal;
    unsigned __int128 range_decimal;
    // normal; min_double and max_double are its bounds
    double mean, stddev, unit; // unit: of a decimal's last place, as its power of ten
    // choice
    struct tm__generator_choice *choices;
    uint32_t choice_count;
    bool weighted;
    char *texts; // the option's text, cut into values
    size_t texts_bytes;
    // pattern: the text, and where digits go, first place first; a string's alphabet
    char pattern[TM__GENERATOR_PATTERN_MAX + 1];
    uint32_t pattern_length, digit_count;
    uint8_t digits[TM__GENERATOR_PATTERN_DIGITS_MAX];
    struct tm__generator_zipf zipf;
    // timestamp, sequence, zipf
    int64_t start, step;
    uint64_t disorder; // ms; values 0..disorder are taken off `late` of the rows
    uint64_t late;     // share of the rows, scaled to 2^32
    uint64_t rows;     // sequence: how many there are until its last value; 0: no end
};

// Options that a field can have, with their reference text: "field.<i>.min" is the entry "min".
extern const struct tm_option_def tm__generator_field_options[];

// Reads field `index` of the node's options and binds it to its column. 0; TM_E_NOT_FOUND: there is
// no such field; TM_E_OPTION, TM_E_UNKNOWN_FIELD, TM_E_TYPE, TM_E_MEMORY with the error filled.
int tm__generator_field_read(struct tm__generator_field *field, struct tm_mem *mem,
                             const struct tm_node *node, const struct tm_schema *schema,
                             uint32_t index, uint64_t seed, struct tm_error *err) TM_WARN_UNUSED;
void tm__generator_field_fini(struct tm__generator_field *field, struct tm_mem *mem);
