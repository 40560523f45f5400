// Binding the aggregates of a node to its schemas: which accumulator each one gets, and where.
#include "core/base/limits.h"
#include "core/operator/aggregate.h"

struct choice {
    int action; // negative: the aggregate does not take the type
    uint32_t bytes;
    bool present, fails;
    struct tm_type result;
};

static struct choice no_choice(void)
{
    return (struct choice){.action = -1};
}

static struct tm_type plain(uint8_t kind)
{
    return (struct tm_type){.kind = kind};
}

static struct tm_type decimal(uint8_t scale)
{
    return (struct tm_type){TM_TYPE_DECIMAL, TM_DECIMAL_DIGITS, scale, 0};
}

static struct choice choose_sum(struct tm_type in)
{
    switch (in.kind) {
    case TM_TYPE_INT:
        return (struct choice){TM__SUM_INT, 8, true, true, plain(TM_TYPE_INT)};
    case TM_TYPE_INT64:
        return (struct choice){TM__SUM_INT64, 8, true, true, plain(TM_TYPE_INT64)};
    case TM_TYPE_DOUBLE:
        return (struct choice){TM__SUM_DOUBLE, 8, false, false, plain(TM_TYPE_DOUBLE)};
    case TM_TYPE_DECIMAL:
        return (struct choice){TM__SUM_DECIMAL, 16, true, true, decimal(in.scale)};
    default:
        return no_choice();
    }
}

static struct choice choose_avg(struct tm_type in)
{
    switch (in.kind) {
    case TM_TYPE_INT:
    case TM_TYPE_INT64: // 2^63 values of 2^63 fit 128 bits
        return (struct choice){TM__AVG_INT, 24, false, false, plain(TM_TYPE_DOUBLE)};
    case TM_TYPE_DOUBLE:
        return (struct choice){TM__AVG_DOUBLE, 16, false, false, plain(TM_TYPE_DOUBLE)};
    case TM_TYPE_DECIMAL:
        return (struct choice){TM__AVG_DECIMAL, 24, false, true,
                               decimal(in.scale > 6 ? in.scale : 6)};
    default:
        return no_choice();
    }
}

// `base` is the action for integers; double, decimal and bytes follow it.
static struct choice choose_extreme(struct tm_type in, int base)
{
    switch (in.kind) {
    case TM_TYPE_BOOL:
    case TM_TYPE_INT:
    case TM_TYPE_INT64:
    case TM_TYPE_TIMESTAMP:
        return (struct choice){base, 8, true, false, in};
    case TM_TYPE_DOUBLE:
        return (struct choice){base + 1, 8, true, false, in};
    case TM_TYPE_DECIMAL:
        return (struct choice){base + 2, 16, true, false, in};
    case TM_TYPE_STRING:
    case TM_TYPE_BYTES:
        return (struct choice){base + 3, 8, true, false, in};
    default:
        return no_choice();
    }
}

static struct choice choose_end(struct tm_type in, int base)
{
    if (in.kind == TM_TYPE_UNKNOWN)
        return no_choice();
    if (in.kind == TM_TYPE_DECIMAL)
        return (struct choice){base + 1, 16, true, false, in};
    return (struct choice){tm_type_is_reference(in) ? base + 2 : base, 8, true, false, in};
}

static struct choice choose(uint8_t kind, struct tm_type in)
{
    switch (kind) {
    case TM_AGGREGATE_COUNT:
        return (struct choice){TM__COUNT, 8, false, false, plain(TM_TYPE_INT)};
    case TM_AGGREGATE_SUM:
        return choose_sum(in);
    case TM_AGGREGATE_AVG:
        return choose_avg(in);
    case TM_AGGREGATE_MIN:
        return choose_extreme(in, TM__MIN_INT);
    case TM_AGGREGATE_MAX:
        return choose_extreme(in, TM__MAX_INT);
    case TM_AGGREGATE_FIRST:
        return choose_end(in, TM__FIRST_WORD);
    case TM_AGGREGATE_LAST:
        return choose_end(in, TM__LAST_WORD);
    default:
        return no_choice();
    }
}

static int bind_one(struct tm__operator_aggregate *item, struct choice *choice,
                    const struct tm_node *node, const struct tm_aggregate *from,
                    const struct tm_schema *input, const struct tm_schema *output,
                    struct tm_error *err)
{
    char a[TM_TYPE_TEXT], b[TM_TYPE_TEXT];
    struct tm_type in = {0};
    if (from->output_field >= output->field_count ||
        (from->kind != TM_AGGREGATE_COUNT &&
         (from->input_field < 0 || (uint32_t)from->input_field >= input->field_count)))
        return tm_error_set(err, TM_E_INTERNAL,
                            "operator '%s': an aggregate of a column that is not there",
                            node->name);
    const struct tm_field *result = &output->fields[from->output_field];
    *item = (struct tm__operator_aggregate){
        .output_field = from->output_field,
        .output_offset = result->offset,
        .name = result->name,
    };
    if (from->kind != TM_AGGREGATE_COUNT) {
        const struct tm_field *field = &input->fields[from->input_field];
        in = field->type;
        item->field = (uint32_t)from->input_field;
        item->field_offset = field->offset;
        item->scale = in.scale;
    }
    *choice = choose(from->kind, in);
    if (choice->action < 0)
        return tm_error_set(err, TM_E_TYPE, "operator '%s': '%s' cannot be computed over %s",
                            node->name, result->name, tm_type_text(in, a));
    if (!tm_type_equal(choice->result, result->type))
        return tm_error_set(err, TM_E_SCHEMA, "operator '%s': '%s' is %s, its column is %s",
                            node->name, result->name, tm_type_text(choice->result, a),
                            tm_type_text(result->type, b));
    item->action = (uint8_t)choice->action;
    return 0;
}

// The words with the present bits, then the accumulators; `bits` has been counted.
static void lay_out(struct tm__operator_aggregates *aggregates, const struct choice *choices,
                    uint32_t bits, bool sliced)
{
    uint32_t offset = (bits + 63) / 64 * 8, bit = 0;
    for (uint32_t i = 0; i < aggregates->count; i++) {
        struct tm__operator_aggregate *item = &aggregates->items[i];
        if (choices[i].present) {
            item->present = (uint64_t)1 << bit % 64;
            item->present_offset = bit / 64 * 8;
            bit++;
        }
        item->offset = offset;
        offset += choices[i].bytes;
        if (sliced && item->action >= TM__FIRST_WORD) {
            item->arrival_offset = offset;
            offset += 8;
        }
    }
    aggregates->value_bytes = offset;
}

int tm__operator_aggregates_init(struct tm__operator_aggregates *aggregates, struct tm_mem *mem,
                                 const struct tm_node *node, const struct tm_schema *input,
                                 const struct tm_schema *output, struct tm_error *err)
{
    uint32_t count = node->aggregate_count;
    *aggregates = (struct tm__operator_aggregates){.mem = mem, .count = count};
    size_t choices_size = (count + 1) * sizeof(struct choice);
    struct choice *choices = tm_mem_alloc(mem, choices_size);
    aggregates->items = tm_mem_alloc(mem, (count + 1) * sizeof *aggregates->items);
    int rc = 0;
    if (choices == NULL || aggregates->items == NULL)
        rc = tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    uint32_t placed = 0, bits = 0;
    for (int pass = 0; pass < 2 && rc == 0; pass++) { // pass 0: those that can fail
        for (uint32_t i = 0; i < count && rc == 0; i++) {
            rc = bind_one(&aggregates->items[placed], &choices[placed], node, &node->aggregates[i],
                          input, output, err);
            if (rc != 0 || choices[placed].fails != (pass == 0))
                continue;
            bits += choices[placed].present;
            aggregates->failing += pass == 0;
            placed++;
        }
    }
    if (rc == 0)
        lay_out(aggregates, choices, bits,
                node->kind == TM_NODE_WINDOW && node->slide_ms != node->size_ms);
    tm_mem_free(mem, choices, choices_size);
    return rc;
}

void tm__operator_aggregates_fini(struct tm__operator_aggregates *aggregates)
{
    if (aggregates->mem != NULL)
        tm_mem_free(aggregates->mem, aggregates->items,
                    (aggregates->count + 1) * sizeof *aggregates->items);
}
