// Messages between the coordinator and the workers: allocation only; core/loop/mailbox.h carries
// them.
#include "core/task/control.h"

#include <string.h>

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
    tm_mem_free(event->mem, event, sizeof *event + event->length + 1);
}
