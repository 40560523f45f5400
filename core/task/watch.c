// The memory that a job and its watcher share: names, and rows that are known.
#include "core/task/watch.h"

#include <stdio.h>

#include "core/base/hash.h"
#include "core/graph/graph.h"

void tm_watch_job(struct tm_watch *watch, const struct tm_graph *graph, uint32_t workers)
{
    for (uint32_t n = 0; n < graph->node_count && n < TM_NODES_MAX; n++) {
        const struct tm_node *node = &graph->nodes[n];
        struct tm_watch_node *told = &watch->nodes[n];
        snprintf(told->name, sizeof told->name, "%s", node->name);
        snprintf(told->last_name, sizeof told->last_name, "%s", node->name);
        snprintf(told->verb, sizeof told->verb, "%s", node->verb);
        snprintf(told->where, sizeof told->where, "%.*s", (int)strcspn(node->where, "\n"),
                 node->where);
    }
    for (uint32_t w = 0; w < workers && w < TM_PARALLELISM_MAX; w++) {
        atomic_store_explicit(&watch->slots[w].row_length, 0, memory_order_relaxed);
        tm_watch_end(&watch->slots[w]);
    }
    // Partner: the watcher's acquire.
    atomic_store_explicit(&watch->worker_count, workers, memory_order_release);
}

void tm_watch_run(struct tm_watch *watch, uint32_t first, const char *last_name)
{
    struct tm_watch_node *told = &watch->nodes[first];
    snprintf(told->last_name, sizeof told->last_name, "%s", last_name);
}

int tm_watch_suspects(const struct tm_watch *watch, uint32_t node)
{
    for (uint32_t i = 0; i < watch->culprit_count; i++)
        if (watch->culprits[i].node == node)
            return 1;
    return 0;
}

const struct tm_watch_culprit *tm_watch_find(const struct tm_watch *watch, uint32_t node,
                                             const void *row, uint32_t length)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < watch->culprit_count; i++) {
        const struct tm_watch_culprit *culprit = &watch->culprits[i];
        if (culprit->node != node || culprit->length != length)
            continue;
        hash = hash != 0 ? hash : tm_hash_bytes(row, length);
        if (culprit->hash == hash)
            return culprit;
    }
    return NULL;
}
