// Metrics of user code in reports: one line, or one JSON object, for each operator that uses one.
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "core/base/text.h"
#include "core/cli/report.h"
#include "core/task/user_metrics.h"

enum { VALUE_MAX = 192 };

static const char *const kinds[] = {"counter", "gauge", "histogram"};

static const char *number_text(double value, char text[32])
{
    if (value == floor(value) && fabs(value) < 1e15)
        tm_text_count((int64_t)value, text);
    else if (fabs(value) >= 1000 && fabs(value) < 1e15) {
        tm_text_count((int64_t)value, text);
        size_t length = strlen(text);
        snprintf(text + length, 32 - length, ".%02d", (int)(fabs(fmod(value, 1)) * 100));
    } else
        snprintf(text, 32, "%.6g", value);
    return text;
}

static void value_text(const struct tm_user_metric *metric, const struct tm_user_metric_sum *sum,
                       char text[VALUE_MAX])
{
    char a[32], b[32], c[32], d[32];
    const char *blank = metric->unit[0] == '\0' ? "" : " ";
    const struct tm_histogram *h = &sum->histogram;
    if (metric->kind == TM_METRIC_HISTOGRAM)
        snprintf(text, VALUE_MAX, "p50 %s, p99 %s, max %s%s%.40s, %s values",
                 number_text((double)tm_histogram_quantile(h, 0.5), a),
                 number_text((double)tm_histogram_quantile(h, 0.99), b),
                 number_text((double)h->max, c), blank, metric->unit,
                 number_text((double)h->count, d));
    else if (metric->kind == TM_METRIC_GAUGE && sum->subtasks > 1)
        snprintf(text, VALUE_MAX, "%s%s%.40s (%s to %s in a subtask)", number_text(sum->value, a),
                 blank, metric->unit, number_text(sum->least, b), number_text(sum->most, c));
    else
        snprintf(text, VALUE_MAX, "%s%s%.40s", number_text(sum->value, a), blank, metric->unit);
}

enum { METRIC_WIDTH = 24 };

int tm_report_put_metrics(struct tm_job *job, int name_width, int width, uint32_t capacity,
                          struct tm_buf *text, uint32_t *lines)
{
    int value_width = width - name_width - METRIC_WIDTH - 2;
    static struct tm_user_metric_sum sum; // 16 KB; reports are of one thread
    char value[VALUE_MAX], shown[TM_CELL_MAX], name[TM_CELL_MAX], cell[TM_CELL_MAX];
    const struct tm_graph *graph = job->graph;
    for (uint32_t m = 0; m < graph->metric_count; m++)
        for (uint32_t n = 0; n < graph->node_count; n++) {
            if (!tm_job_user_metric(job, n, m, &sum))
                continue;
            if (*lines == capacity)
                return 0;
            value_text(&graph->metrics[m], &sum, value);
            int rc = tm_buf_printf(text, "%s %s %s\n",
                                   tm_report_cell(graph->nodes[n].name, name_width, cell),
                                   tm_report_cell(graph->metrics[m].name, METRIC_WIDTH, name),
                                   tm_report_cell(value, value_width, shown));
            if (rc != 0)
                return rc;
            (*lines)++;
        }
    return 0;
}

void tm_report_print_metrics(struct tm_job *job)
{
    struct tm_buf text;
    uint32_t lines = 0;
    if (job->graph->metric_count == 0)
        return;
    tm_buf_init(&text, job->mem);
    int rc = tm_report_put_metrics(job, 32, 32 + METRIC_WIDTH + 2 + VALUE_MAX, UINT32_MAX, &text,
                                   &lines);
    if (rc == 0 && lines != 0)
        fprintf(stderr, "  %-32s %-24s value\n", "operator", "metric");
    for (const char *line = (const char *)text.data, *end; rc == 0 && lines-- != 0;
         line = end + 1) {
        end = memchr(line, '\n', text.size_bytes);
        int length = (int)(end - line);
        while (length > 0 && line[length - 1] == ' ')
            length--;
        fprintf(stderr, "  %.*s\n", length, line);
    }
    tm_buf_fini(&text);
}

static json_t *number_json(double value)
{
    return value == floor(value) && fabs(value) <= 0x1p53 ? json_integer((json_int_t)value)
                                                          : json_real(value);
}

static json_t *head_json(const struct tm_user_metric *metric)
{
    json_t *o = json_object();
    json_object_set_new(o, "name", tm_report_json_text(metric->name));
    json_object_set_new(o, "kind", json_string(kinds[metric->kind]));
    if (metric->unit[0] != '\0')
        json_object_set_new(o, "unit", tm_report_json_text(metric->unit));
    if (metric->description[0] != '\0')
        json_object_set_new(o, "description", tm_report_json_text(metric->description));
    return o;
}

static void put_values(json_t *o, const struct tm_user_metric *metric,
                       const struct tm_user_metric_sum *sum)
{
    const struct tm_histogram *h = &sum->histogram;
    if (metric->kind != TM_METRIC_HISTOGRAM) {
        json_object_set_new(o, "value", number_json(sum->value));
        if (metric->kind == TM_METRIC_GAUGE && sum->subtasks != 0) {
            json_object_set_new(o, "least", number_json(sum->least));
            json_object_set_new(o, "most", number_json(sum->most));
        }
        return;
    }
    json_object_set_new(o, "count", json_integer((json_int_t)h->count));
    json_object_set_new(o, "sum", number_json(h->sum));
    json_object_set_new(o, "p50", number_json((double)tm_histogram_quantile(h, 0.5)));
    json_object_set_new(o, "p99", number_json((double)tm_histogram_quantile(h, 0.99)));
    json_object_set_new(o, "max", number_json((double)h->max));
}

json_t *tm_report_metrics_json(struct tm_job *job)
{
    static struct tm_user_metric_sum sum;
    const struct tm_graph *graph = job->graph;
    json_t *list = json_array();
    for (uint32_t m = 0; m < graph->metric_count; m++) {
        bool used = false;
        for (uint32_t n = 0; n < graph->node_count; n++) {
            if (!tm_job_user_metric(job, n, m, &sum))
                continue;
            json_t *o = head_json(&graph->metrics[m]);
            json_object_set_new(o, "operator", tm_report_json_text(graph->nodes[n].name));
            put_values(o, &graph->metrics[m], &sum);
            json_array_append_new(list, o);
            used = true;
        }
        if (used)
            continue;
        json_t *o = head_json(&graph->metrics[m]); // whoever watches it sees that it is there
        put_values(o, &graph->metrics[m], &sum);
        json_array_append_new(list, o);
    }
    return list;
}
