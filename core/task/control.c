// Messages between the coordinator and the workers: allocation only; core/loop/mailbox.h carries
// them.
#include "core/task/control.h"

#include <stdatomic.h>
#include <string.h>

#include "core/task/told.h"

struct tm_command *tm_command_new(struct tm_mem *mem, enum tm_command_kind kind, const char *text,
                                  size_t length)
{
    struct tm_command *command = tm_mem_zalloc(mem, sizeof *command + length + 1);
    if (command == NULL)
        return NULL;
    command->mem = mem;
    command->kind = kind;
    command->length = length;
    if (length != 0)
        memcpy(command->text, text, length);
    return command;
}

struct tm_event *tm_event_new(struct tm_mem *mem, enum tm_event_kind kind, uint32_t worker,
                              const char *text, size_t length)
{
    struct tm_event *event = tm_mem_zalloc(mem, sizeof *event + length + 1);
    if (event == NULL)
        return NULL;
    event->mem = mem;
    event->kind = kind;
    event->worker = worker;
    event->length = length;
    if (length != 0)
        memcpy(event->text, text, length);
    return event;
}

void tm_command_free(struct tm_command *command)
{
    tm_mem_free(command->mem, command, sizeof *command + command->length + 1);
}

void tm_event_free(struct tm_event *event)
{
    tm_part_unref(event->part);
    tm_told_free(event->told, event->graph);
    tm_mem_free(event->mem, event, sizeof *event + event->length + 1);
}

struct tm_part *tm_part_new(struct tm_mem *mem, struct tm_written *written)
{
    struct tm_part *part = tm_mem_zalloc(mem, sizeof *part);
    if (part == NULL)
        return NULL;
    atomic_init(&part->holders, 1);
    part->mem = mem;
    part->written = written;
    return part;
}

struct tm_part *tm_part_ref(struct tm_part *part)
{
    atomic_fetch_add_explicit(&part->holders, 1, memory_order_relaxed);
    return part;
}

void tm_part_unref(struct tm_part *part)
{
    // The last holder sees what the others did with it: acquire and release partner here.
    if (part == NULL || atomic_fetch_sub_explicit(&part->holders, 1, memory_order_acq_rel) != 1)
        return;
    tm_written_free(part->written);
    tm_mem_free(part->mem, part, sizeof *part);
}
