// What match.c, match_names.c, match_connectors.c and match_held.c share.
#pragma once

#include "core/cli/match.h"

// "source", "sink", else the verb.
const char *tm__match_kind(const struct tm_node *node);
// Text that lives as long as the match; "" where memory fails, which is remembered.
const char *tm__match_print(struct tm_match *m, const char *format, ...) TM_PRINTF(2, 3);
// Texts that are NULL are empty.
void tm__match_add(struct tm_match *m, const struct tm_match_entry *entry);
bool tm__match_has(const struct tm_match *m, const char *operator_name, const char *state);

// What the checkpoint has for the output of this operator, a sink, that nobody goes on with; "":
// nothing.
const char *tm__match_held(struct tm_match *m, const struct tm_manifest_operator *op);

// Names of today for what the checkpoint has: renamed_from, and names of places.
int tm__match_rename(struct tm_match *m, struct tm_error *err) TM_WARN_UNUSED;
// The types that rows had settled, in the engine's graph and in m->settled.
int tm__match_settle(struct tm_match *m, struct tm_error *err) TM_WARN_UNUSED;
