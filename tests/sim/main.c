// sim: run a job under many seeds and compare its sorted output: with itself at the first seed, or
// with a file. usage: sim JOB.lua [--seeds N] [--from S] [--parallelism P] [--stdin FILE] [--expect
// FILE] [--output PREFIX] [--set NAME=VALUE]... Prints a line per failing seed and `N passed, N
// failed`.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/scheduler.h"

struct options {
    const char *job, *input, *expect, *output;
    uint64_t seeds, from;
    uint32_t parallelism; // 0: 1, 2, 3 by seed
    const char *names[64], *values[64];
    uint32_t sets;
};

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Sorts the lines of `text` in place of a new string.
static char *sorted(const char *text, size_t length)
{
    char *copy = malloc(length + 1), *result = malloc(length + 2);
    memcpy(copy, text == NULL ? "" : text, length);
    copy[length] = '\0';
    size_t count = 0, capacity = 1024, used = 0;
    char **lines = malloc(capacity * sizeof *lines);
    for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (count == capacity)
            lines = realloc(lines, (capacity *= 2) * sizeof *lines);
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, compare_lines);
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(lines[i]);
        memcpy(result + used, lines[i], n);
        result[used + n] = '\n';
        used += n + 1;
    }
    result[used] = '\0';
    free(lines);
    free(copy);
    return result;
}

static char *read_file(const char *path, size_t *length)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        fprintf(stderr, "sim: cannot read %s\n", path);
        exit(2);
    }
    fseek(f, 0, SEEK_END);
    *length = (size_t)ftell(f);
    rewind(f);
    char *data = malloc(*length + 1);
    *length = fread(data, 1, *length, f);
    fclose(f);
    return data;
}

// The sorted output of one seed, or NULL and a line on what went wrong.
static char *run_seed(const struct options *o, uint64_t seed, const char *input,
                      size_t input_length)
{
    struct world world;
    struct tm_error err = {0};
    world_init(&world, seed);
    if (o->input != NULL)
        world_put_file(&world, "<stdin>", input, input_length);
    struct sim_args args = {
        .script_path = o->job,
        .set_names = o->names,
        .set_values = o->values,
        .set_count = o->sets,
        .parallelism = o->parallelism != 0 ? o->parallelism : (uint32_t)(1 + seed % 3),
        .steps_max = 50000000,
    };
    if (sim_run(&world, &args, &err) != 0) {
        char code[8];
        printf("seed %llu: %s %s %s\n", (unsigned long long)seed,
               tm_error_code_text(err.code, code), err.where, err.message);
        return NULL;
    }
    size_t length;
    char *data = o->output != NULL ? world_files_data(&world, o->output, &length) : NULL;
    const char *text = o->output != NULL ? data : world_file_data(&world, "<stdout>", &length);
    char *result = sorted(text, length);
    free(data);
    world_fini(&world);
    return result;
}

static void parse(struct options *o, int argc, char **argv)
{
    *o = (struct options){.seeds = 100, .from = 1};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (argv[i][0] != '-') {
            o->job = argv[i];
            continue;
        }
        i++;
        if (strcmp(argv[i - 1], "--seeds") == 0)
            o->seeds = strtoull(value, NULL, 10);
        else if (strcmp(argv[i - 1], "--from") == 0)
            o->from = strtoull(value, NULL, 10);
        else if (strcmp(argv[i - 1], "--parallelism") == 0)
            o->parallelism = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(argv[i - 1], "--stdin") == 0)
            o->input = value;
        else if (strcmp(argv[i - 1], "--expect") == 0)
            o->expect = value;
        else if (strcmp(argv[i - 1], "--output") == 0)
            o->output = value;
        else if (strcmp(argv[i - 1], "--set") == 0 && strchr(value, '=') != NULL && o->sets < 64) {
            o->names[o->sets] = strndup(value, (size_t)(strchr(value, '=') - value));
            o->values[o->sets++] = strchr(value, '=') + 1;
        }
    }
    if (o->job == NULL) {
        fprintf(stderr, "usage: sim JOB.lua [--seeds N] [--from S] [--parallelism P] [--stdin "
                        "FILE] [--expect FILE] "
                        "[--output PREFIX] [--set NAME=VALUE]...\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct options o;
    parse(&o, argc, argv);
    size_t input_length = 0, expect_length = 0;
    char *input = o.input == NULL ? NULL : read_file(o.input, &input_length);
    char *expected = NULL;
    if (o.expect != NULL) {
        char *text = read_file(o.expect, &expect_length);
        expected = sorted(text, expect_length);
        free(text);
    }
    unsigned passed = 0, failed = 0;
    for (uint64_t seed = o.from; seed < o.from + o.seeds; seed++) {
        char *got = run_seed(&o, seed, input, input_length);
        if (got != NULL && expected == NULL)
            expected = strdup(got);
        bool same = got != NULL && strcmp(got, expected) == 0;
        if (got != NULL && !same)
            printf("seed %llu: the output differs (%zu bytes, expected %zu)\n",
                   (unsigned long long)seed, strlen(got), strlen(expected));
        passed += same;
        failed += !same;
        free(got);
    }
    printf("%u passed, %u failed\n", passed, failed);
    free(input);
    free(expected);
    return failed != 0;
}
