// JSON records that are not lines: the items of one array, or values that go over several lines
// each. Where a record ends is found by its brackets.
#pragma once

#include "core/format/json_value.h"

enum tm__json_layout { TM__LAYOUT_GUESS, TM__LAYOUT_LINES, TM__LAYOUT_ARRAY, TM__LAYOUT_PRETTY };

enum tm__frame { TM__FRAME_WHOLE, TM__FRAME_MORE, TM__FRAME_BROKEN };

// The end of the value that begins at p, which is no white space, in *behind. MORE: [p, end) does
// not hold all of it. BROKEN: its brackets do not match, or a line ends in a string of it.
enum tm__frame tm__json_frame_end(const uint8_t *p, const uint8_t *end, const uint8_t **behind);
// Which layout the text begins with; GUESS: more of it is needed to tell.
enum tm__json_layout tm__json_guess_layout(const uint8_t *p, const uint8_t *end, bool at_end,
                                           size_t max_record);
// Go on in [p, p + *len): *len is how much of it belongs to the record. True: it ends there, by its
// brackets, or, where these do not match (`broken`), because another one begins as below.
bool tm__json_scan_run(struct tm__json_scan *scan, const uint8_t *p, size_t *len);
// Where the next record may begin behind one that is broken, at p, in a column of its line of at
// most `column`: the first line that begins with an opening brace no further in. NULL: none.
const uint8_t *tm__json_next_frame(const uint8_t *p, const uint8_t *end, size_t column);
