// Finding a connector by its name.
#include "core/task/connector.h"

#include <string.h>

const struct tm_connector *tm_connector_find(const struct tm_connector *const *connectors,
                                             const char *name)
{
    for (; *connectors != NULL; connectors++)
        if (strcmp((*connectors)->name, name) == 0)
            return *connectors;
    return NULL;
}
