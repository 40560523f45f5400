// What is known of the values in one place of the records: how many there were of each shape, and
// what their parts are.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum tm__shape {
    TM__SHAPE_BOOL,
    TM__SHAPE_INT,    // up to 2^53
    TM__SHAPE_LONG,   // beyond, an int64
    TM__SHAPE_UINT,   // beyond, an uint64
    TM__SHAPE_HUGE,   // whole, beyond, at most 38 digits
    TM__SHAPE_VAST,   // whole, of more digits
    TM__SHAPE_DOUBLE, // any other number
    TM__SHAPE_STRING,
    TM__SHAPE_TIME, // an ISO 8601 text, or msgpack's extension
    TM__SHAPE_BINARY,
    TM__SHAPE_LIST,
    TM__SHAPE_MAP,
    TM__SHAPE_OTHER, // what no type but any holds
    TM__SHAPES,
};

struct tm__infer_entry;

struct tm__infer_node {
    uint32_t counts[TM__SHAPES];
    struct tm__infer_node *item; // of lists; or NULL
    struct tm__infer_entry *first, *last;
    uint32_t children;
    uint64_t keys; // of all maps together
};

struct tm__infer_entry {           // a key of a map
    struct tm__infer_entry *next;  // of the same map, in the order of their appearance
    struct tm__infer_entry *chain; // in the table of keys
    const struct tm__infer_node *parent;
    const char *name;
    uint32_t length;
    struct tm__infer_node node;
};

struct tm_infer_texts;
// Of a field of CSV that is not null.
enum tm__shape tm__infer_text_shape(const struct tm_infer_texts *texts, const char *p,
                                    uint32_t len);
bool tm__infer_is_time(const char *p, uint32_t len);
