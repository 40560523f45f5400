// tm.stdin { ... } and tm.lines(): standard input as a source. tm.print(): standard output as a
// sink.
#pragma once

#include "core/task/connector.h"

extern const struct tm_connector tm_connector_stdin, tm_connector_print;

// A print sink whose options have `watch` keeps the rows that are there (watch.c), as a table to be
// drawn, where there is a key, or a changelog, and a terminal. `shared` is what the sink's subtasks
// share. NULL: it is not watched.
#define TM_PRINT_WATCH "watch"
struct tm_watch;
struct tm_watch *tm_print_watch(void *shared);
// Adds the table to `out`: a heading and the rows updated last, in lines of at most `columns`
// columns of the terminal, at most `rows` of them; *lines: how many there are. Any thread, while
// the job lives.
int tm_watch_draw(struct tm_watch *watch, uint32_t columns, uint32_t rows, struct tm_buf *out,
                  uint32_t *lines) TM_WARN_UNUSED;
