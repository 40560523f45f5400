// Binding the aggregates of a node to its schemas: which accumulator each one gets, and where.
//
// An aggregate is one item, or two: min_by is the least value of one field, which takes rows and
// has no column, and a value that it takes along, which has the column. Aggregates whose
// accumulators are equal (several quantiles of a field, its mean's spread twice) share one: the
// others are results only.
#include "core/operator/accumulator.h"
#include "core/operator/custom.h"

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

// `base` is the action for 64-bit integers; double, decimal follow it.
static struct choice choose_number(struct tm_type in, int base, uint32_t bytes)
{
    struct tm_type result = plain(TM_TYPE_DOUBLE);
    switch (in.kind) {
    case TM_TYPE_INT:
    case TM_TYPE_INT64:
        return (struct choice){base, bytes, false, false, result};
    case TM_TYPE_DOUBLE:
        return (struct choice){base + 1, bytes, false, false, result};
    case TM_TYPE_DECIMAL:
        return (struct choice){base + 2, bytes, false, false, result};
    default:
        return no_choice();
    }
}

// `base` is the action for words; double, decimal and bytes follow it, as in an extreme.
static struct choice choose_distinct(struct tm_type in, int base)
{
    struct choice choice = choose_extreme(in, base);
    choice.bytes = TM__DISTINCT_VALUE_BYTES;
    choice.present = false;
    choice.result = plain(TM_TYPE_INT);
    return choice;
}

static struct choice choose_list(struct tm_type in, struct tm_type out)
{
    struct choice choice = choose_end(in, TM__LIST_WORD);
    if (choice.action >= 0 &&
        (out.kind != TM_TYPE_LIST || !tm_type_equal(out.of->fields[0].type, in)))
        return no_choice();
    if (choice.action >= 0)
        choice = (struct choice){choice.action, TM__LIST_VALUE_BYTES, false, false, out};
    return choice;
}

// A list of structs that have the visible columns of the rows.
static struct choice choose_rows(const struct tm_schema *input, struct tm_type out)
{
    if (out.kind != TM_TYPE_LIST || out.of->fields[0].type.kind != TM_TYPE_STRUCT)
        return no_choice();
    const struct tm_schema *of = out.of->fields[0].type.of;
    uint32_t n = 0;
    for (uint32_t f = 0; f < input->field_count; f++) {
        if ((input->fields[f].flags & TM_FIELD_HIDDEN) != 0)
            continue;
        if (n == of->field_count || !tm_type_equal(input->fields[f].type, of->fields[n].type))
            return no_choice();
        n++;
    }
    return n == of->field_count
               ? (struct choice){TM__LIST_ROWS, TM__LIST_VALUE_BYTES, false, false, out}
               : no_choice();
}

static struct choice choose(uint8_t kind, struct tm_type in, struct tm_type out)
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
    case TM_AGGREGATE_MIN_BY: // of the value that is taken along: each replaces what there was
    case TM_AGGREGATE_MAX_BY:
        return choose_end(in, TM__FIRST_WORD);
    case TM_AGGREGATE_LAST:
        return choose_end(in, TM__LAST_WORD);
    case TM_AGGREGATE_LIST:
        return choose_list(in, out);
    case TM_AGGREGATE_COUNT_DISTINCT:
        return choose_distinct(in, TM__DISTINCT_WORD);
    case TM_AGGREGATE_APPROXIMATE_DISTINCT:
        return choose_distinct(in, TM__SKETCH_WORD);
    case TM_AGGREGATE_QUANTILE:
        return choose_number(in, TM__QUANTILE_INT, TM__QUANTILE_VALUE_BYTES);
    case TM_AGGREGATE_VARIANCE:
    case TM_AGGREGATE_VARIANCE_POPULATION:
    case TM_AGGREGATE_STDDEV:
    case TM_AGGREGATE_STDDEV_POPULATION:
        return choose_number(in, TM__MOMENTS_INT,
                             in.kind == TM_TYPE_DECIMAL  ? TM__MOMENTS_DECIMAL_BYTES
                             : in.kind == TM_TYPE_DOUBLE ? TM__MOMENTS_DOUBLE_BYTES
                                                         : TM__MOMENTS_INT_BYTES);
    default:
        return no_choice();
    }
}

// An item before it has its place among the others. Places go by rank.
struct draft {
    struct tm__operator_aggregate item;
    struct choice choice;
    enum { RANK_RESULT, RANK_FAILING, RANK_ADDING, RANK_HIDDEN, RANKS } rank;
    uint32_t
        partner; // of a result: the draft that it goes along with or whose accumulator it reads
    bool shared; // the latter
    uint32_t place;
};
enum { NO_PARTNER = UINT32_MAX };

static void set_input(struct draft *draft, const struct tm_schema *input, uint32_t field)
{
    draft->item.field = field;
    draft->item.field_offset = input->fields[field].offset;
    draft->item.scale = input->fields[field].type.scale;
}

static bool is_kept_in_blobs(item_t *item)
{
    return holds_bytes(item) ||
           (item->action >= TM__DISTINCT_WORD && item->action <= TM__LIST_BYTES);
}

static int bind_one(struct draft *draft, const struct tm_node *node,
                    const struct tm_aggregate *from, const struct tm_schema *input,
                    const struct tm_schema *output, struct tm_error *err)
{
    char a[TM_TYPE_TEXT], b[TM_TYPE_TEXT];
    struct tm_type in = {0};
    if (from->output_field >= output->field_count || from->by_field >= input->field_count ||
        (from->kind != TM_AGGREGATE_COUNT && from->kind != TM_AGGREGATE_ROWS &&
         (from->input_field < 0 || (uint32_t)from->input_field >= input->field_count)))
        return tm_error_set(err, TM_E_INTERNAL,
                            "operator '%s': an aggregate of a column that is not there",
                            node->name);
    const struct tm_field *result = &output->fields[from->output_field];
    *draft = (struct draft){
        .item = {.output_field = from->output_field,
                 .output_offset = result->offset,
                 .population = from->kind == TM_AGGREGATE_VARIANCE_POPULATION ||
                               from->kind == TM_AGGREGATE_STDDEV_POPULATION,
                 .root = from->kind == TM_AGGREGATE_STDDEV ||
                         from->kind == TM_AGGREGATE_STDDEV_POPULATION,
                 .q = from->q,
                 .nested = tm_type_is_nested(result->type),
                 .cut = from->limit != 0,
                 .limit = from->limit != 0 ? from->limit : TM_LIST_VALUES,
                 .name = result->name},
        .partner = NO_PARTNER,
    };
    bool rows = from->kind == TM_AGGREGATE_ROWS;
    if (from->kind != TM_AGGREGATE_COUNT && !rows) {
        set_input(draft, input, (uint32_t)from->input_field);
        in = input->fields[from->input_field].type;
    }
    draft->choice = rows ? choose_rows(input, result->type) : choose(from->kind, in, result->type);
    if (rows) {
        draft->item.rows = input;
        draft->item.limit = TM_LIST_VALUES_MAX;
    }
    if (draft->choice.action < 0)
        return tm_error_set(err, TM_E_TYPE, "operator '%s': '%s' cannot be computed over %s",
                            node->name, result->name, tm_type_text(in, a));
    if (!tm_type_equal(draft->choice.result, result->type))
        return tm_error_set(err, TM_E_SCHEMA, "operator '%s': '%s' is %s, its column is %s",
                            node->name, result->name, tm_type_text(draft->choice.result, a),
                            tm_type_text(result->type, b));
    draft->item.action = (uint8_t)draft->choice.action;
    draft->item.homed = is_kept_in_blobs(&draft->item);
    draft->rank = draft->choice.fails ? RANK_FAILING : RANK_ADDING;
    return 0;
}

// The other half of min_by and max_by: the field that is compared.
static int bind_by(struct draft *drafts, uint32_t of, uint32_t at, const struct tm_node *node,
                   const struct tm_aggregate *from, const struct tm_schema *input,
                   struct tm_error *err)
{
    char text[TM_TYPE_TEXT];
    struct tm_type by = input->fields[from->by_field].type;
    struct draft *draft = &drafts[at];
    *draft = (struct draft){
        .item = {.output_field = UINT32_MAX, .name = drafts[of].item.name},
        .choice = choose_extreme(by, from->kind == TM_AGGREGATE_MIN_BY ? TM__MIN_INT : TM__MAX_INT),
        .rank = RANK_HIDDEN,
        .partner = of,
    };
    if (draft->choice.action < 0)
        return tm_error_set(err, TM_E_TYPE, "operator '%s': '%s' cannot be computed by %s",
                            node->name, draft->item.name, tm_type_text(by, text));
    set_input(draft, input, from->by_field);
    draft->item.action = (uint8_t)draft->choice.action;
    draft->item.homed = is_kept_in_blobs(&draft->item) || drafts[of].item.homed;
    drafts[of].rank = RANK_RESULT;
    drafts[of].partner = at;
    return 0;
}

// An earlier one that keeps the same of the same field serves this one too. (Counts and sums are
// cheaper added twice than found out to be equal.)
static void share(struct draft *drafts, uint32_t at)
{
    struct draft *draft = &drafts[at];
    if (draft->item.action < TM__MOMENTS_INT || draft->item.action > TM__QUANTILE_DECIMAL)
        return;
    for (uint32_t i = 0; i < at; i++) {
        if (drafts[i].rank == RANK_RESULT || drafts[i].item.action != draft->item.action ||
            drafts[i].item.field != draft->item.field)
            continue;
        draft->rank = RANK_RESULT;
        draft->partner = i;
        draft->shared = true;
        return;
    }
}

// The words with the present bits, then the accumulators.
static void lay_out(struct tm__operator_aggregates *aggregates, struct draft *drafts,
                    uint32_t count, bool sliced)
{
    uint32_t bits = 0, bit = 0;
    for (uint32_t i = 0; i < count; i++)
        bits += drafts[i].choice.present;
    uint32_t offset = (bits + 63) / 64 * 8;
    for (uint32_t i = 0; i < count; i++) {
        struct tm__operator_aggregate *item = &drafts[i].item;
        if (drafts[i].shared) {
            item->offset = drafts[drafts[i].partner].item.offset; // it came before
            continue;
        }
        if (drafts[i].choice.present) {
            item->present = (uint64_t)1 << bit % 64;
            item->present_offset = bit / 64 * 8;
            bit++;
        }
        item->offset = offset;
        offset += drafts[i].choice.bytes;
        bool by_arrival = item->action >= TM__FIRST_WORD ? drafts[i].partner == NO_PARTNER
                                                         : drafts[i].rank == RANK_HIDDEN;
        item->ordered = sliced;
        if (sliced && by_arrival) {
            item->arrival_offset = offset;
            offset += 8;
        }
    }
    aggregates->value_bytes = offset;
}

// The drafts to their places, by rank and then as they are declared.
static void place(struct tm__operator_aggregates *aggregates, struct draft *drafts, uint32_t count)
{
    uint32_t placed = 0;
    for (int rank = 0; rank < RANKS; rank++) {
        if (rank == RANK_FAILING)
            aggregates->first = placed;
        if (rank == RANK_HIDDEN)
            aggregates->count = placed;
        for (uint32_t i = 0; i < count; i++) {
            if ((int)drafts[i].rank != rank)
                continue;
            aggregates->items[placed] = drafts[i].item;
            aggregates->failing += rank == RANK_FAILING;
            aggregates->weighty |=
                is_kept_in_blobs(&drafts[i].item) && !holds_bytes(&drafts[i].item);
            drafts[i].place = placed++;
        }
    }
    aggregates->total = placed;
    for (uint32_t i = 0; i < count; i++)
        if (drafts[i].rank == RANK_HIDDEN)
            aggregates->items[drafts[i].place].along =
                &aggregates->items[drafts[drafts[i].partner].place];
}

static int make_scratch(struct tm__operator_aggregates *aggregates, const struct tm_node *node,
                        struct tm_error *err)
{
    bool quantile = false, list = false;
    for (uint32_t i = 0; i < aggregates->count; i++) {
        quantile |= aggregates->items[i].action >= TM__QUANTILE_INT &&
                    aggregates->items[i].action <= TM__QUANTILE_DECIMAL;
        list |= is_list(&aggregates->items[i]);
    }
    if (quantile)
        aggregates->scratch =
            tm_mem_alloc(aggregates->mem, TM__QUANTILE_BUCKETS_MAX * sizeof *aggregates->scratch);
    if (list)
        aggregates->nest = tm_mem_alloc(aggregates->mem, sizeof *aggregates->nest);
    if (aggregates->nest != NULL)
        tm_nest_init(aggregates->nest, aggregates->mem);
    if ((quantile && aggregates->scratch == NULL) || (list && aggregates->nest == NULL))
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    return 0;
}

int tm__operator_aggregates_init(struct tm__operator_aggregates *aggregates, struct tm_mem *mem,
                                 const struct tm_node *node, const struct tm_schema *input,
                                 const struct tm_schema *output, struct tm_error *err)
{
    uint32_t capacity = 2 * node->aggregate_count + 1, count = 0;
    *aggregates = (struct tm__operator_aggregates){.mem = mem, .capacity = capacity};
    struct draft *drafts = tm_mem_alloc(mem, capacity * sizeof *drafts);
    aggregates->items = tm_mem_alloc(mem, capacity * sizeof *aggregates->items);
    int rc = 0;
    if (drafts == NULL || aggregates->items == NULL)
        rc = tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    for (uint32_t i = 0; i < node->aggregate_count && rc == 0; i++) {
        const struct tm_aggregate *from = &node->aggregates[i];
        uint32_t at = count++;
        rc = bind_one(&drafts[at], node, from, input, output, err);
        if (rc == 0 && (from->kind == TM_AGGREGATE_MIN_BY || from->kind == TM_AGGREGATE_MAX_BY))
            rc = bind_by(drafts, at, count++, node, from, input, err);
        else if (rc == 0)
            share(drafts, at);
    }
    if (rc == 0) {
        lay_out(aggregates, drafts, count, node->kind == TM_NODE_WINDOW && tm_node_merges(node));
        place(aggregates, drafts, count);
        rc = make_scratch(aggregates, node, err);
    }
    tm_mem_free(mem, drafts, capacity * sizeof *drafts);
    return rc;
}

int tm__operator_aggregates_release(const struct tm__operator_aggregates *aggregates,
                                    const struct tm__operator_home *home, void *value)
{
    if (aggregates->custom != NULL)
        return tm__operator_custom_release(aggregates->custom, home, value);
    int rc = 0;
    for (uint32_t i = 0; i < aggregates->total && rc == 0; i++) {
        const struct tm__operator_aggregate *item = &aggregates->items[i];
        if (!is_kept_in_blobs(item))
            continue;
        // Each begins with a blob, and a set of texts has a second one.
        struct tm_blob *blob = (struct tm_blob *)(void *)((uint8_t *)value + item->offset);
        rc = tm_state_blob_set(home->state, home->ns, home->key_group, blob, "", 0);
        if (rc == 0 && item->action >= TM__DISTINCT_WORD && item->action <= TM__SKETCH_BYTES)
            rc = tm_state_blob_set(home->state, home->ns, home->key_group,
                                   tm__operator_distinct_arena((uint8_t *)value + item->offset), "",
                                   0);
    }
    return rc;
}

void tm__operator_aggregates_fini(struct tm__operator_aggregates *aggregates)
{
    if (aggregates->mem == NULL)
        return;
    tm_mem_free(aggregates->mem, aggregates->items,
                aggregates->capacity * sizeof *aggregates->items);
    tm_mem_free(aggregates->mem, aggregates->scratch,
                TM__QUANTILE_BUCKETS_MAX * sizeof *aggregates->scratch);
    if (aggregates->nest == NULL)
        return;
    tm_nest_fini(aggregates->nest);
    tm_mem_free(aggregates->mem, aggregates->nest, sizeof *aggregates->nest);
}
