// What divides the fields of CSV where a comma does not: for messages to whoever has a
// spreadsheet's file and said nothing of its dialect. Nothing is read differently for it.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Of a text that begins with a header: the ';', tab or '|' that stands in its first line, most
// often, where no comma does. What is in quotes does not count. 0: there is none.
char tm_csv_guess_delimiter(const uint8_t *p, size_t len);
// As it is written in a job: `";"`, `"\t"`.
const char *tm_csv_show_delimiter(char delimiter);
