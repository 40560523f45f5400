// Fuzz target of types as text: any text is refused with a message, or is a type whose text, in its
// one spelling, is that type again and stays the same. A text of several lines is a schema, "name
// type" each: refused with a message, or found again by its names and the same on the wire.
#include <stdlib.h>
#include <string.h>

#include "core/batch/wire.h"
#include "tests/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tm_fx fx = {.memory = &plain_memory};

static void check(bool ok)
{
    if (!ok)
        abort();
}

// The text of the type, NUL-terminated.
static void put(struct tm_buf *out, struct tm_type type)
{
    check(tm_type_put_text(out, type) == 0 && tm_buf_append(out, "", 1) == 0);
}

static void fuzz_type(struct tm_mem *mem, const char *given)
{
    struct tm_error err = {.code = 0};
    struct tm_type type, again;
    struct tm_buf text, twice;
    char shown[TM_TYPE_TEXT];
    if (tm_type_parse(mem, given, &type, &err) != 0) {
        check(err.message[0] != 0);
        return;
    }
    tm_buf_init(&text, mem);
    tm_buf_init(&twice, mem);
    put(&text, type);
    check(strlen(tm_type_text(type, shown)) < TM_TYPE_TEXT);
    // What was long by its blanks alone may have become short, never the other way round.
    check(tm_type_parse(mem, (const char *)text.data, &again, &err) == 0);
    check(tm_type_equal(type, again));
    put(&twice, again);
    check(strcmp((const char *)text.data, (const char *)twice.data) == 0);
    tm_type_fini(&type);
    tm_type_fini(&again);
    tm_buf_fini(&text);
    tm_buf_fini(&twice);
}

static void check_schema(struct tm_mem *mem, struct tm_schema *schema)
{
    struct tm_schema *again = NULL;
    struct tm_buf out;
    size_t used;
    tm_buf_init(&out, mem);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const char *name = schema->fields[i].name;
        check(tm_schema_find(schema, name, strlen(name)) == (int32_t)i);
    }
    check(tm_wire_put_schema(&out, schema) == 0);
    check(tm_wire_get_schema(mem, out.data, out.size_bytes, &used, &again, NULL) == 0);
    check(used == out.size_bytes && tm_schema_equal(schema, again));
    tm_schema_unref(again);
    tm_buf_fini(&out);
}

// Changes the text: ends of names and types become zero bytes.
static void fuzz_schema(struct tm_mem *mem, char *given)
{
    enum { FIELDS = 40 };
    struct tm_field_def defs[FIELDS] = {{.name = NULL}};
    struct tm_error err = {.code = 0};
    struct tm_schema *schema = NULL;
    uint32_t count = 0;
    for (char *line = given, *next; line != NULL && count < FIELDS; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = 0;
        char *type = strchr(line, ' ');
        if (type == NULL)
            continue;
        *type++ = 0;
        defs[count] = (struct tm_field_def){.name = line, .flags = count % 4};
        count += tm_type_parse(mem, type, &defs[count].type, &err) == 0;
    }
    const int32_t time_field = count == 0 ? -1 : (int32_t)(strlen(given) % (count + 1)) - 1;
    if (tm_schema_new(mem, defs, count, time_field, &schema, &err) == 0)
        check_schema(mem, schema);
    else
        check(err.code != 0 && err.message[0] != 0);
    tm_schema_unref(schema);
    for (uint32_t i = 0; i < count; i++)
        tm_type_fini(&defs[i].type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tm_mem mem;
    char *given = malloc(size + 1);
    memcpy(given, data, size);
    given[size] = 0;
    tm_mem_init(&mem, &fx, NULL, 0);
    if (strchr(given, '\n') != NULL)
        fuzz_schema(&mem, given);
    else
        fuzz_type(&mem, given);
    free(given);
    check(mem.used_bytes == 0);
    return 0;
}
