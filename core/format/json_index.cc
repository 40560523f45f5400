// The one C++ file of the engine: simdjson's first stage (finding structure and checking UTF-8 with
// SIMD, picked for the CPU at run time) and the exact double conversions of the standard library.
//
// The second stage is ours (json_read.c): it walks this index in C, on demand, straight into rows.
// One index run covers a window of many lines, which a parser per document cannot do: for lines of
// 140 bytes the fixed cost of a run is most of its cost.
#include "core/format/json_index.h"

#include <charconv>
#include <cmath>
#include <memory>
#include <new>

#include <simdjson.h>

struct tm__json_index {
    std::unique_ptr<simdjson::internal::dom_parser_implementation> stage;
    size_t capacity = 0;
};

static bool set_capacity(tm__json_index *index, size_t bytes)
{
    if (index->stage->set_capacity(bytes) != simdjson::SUCCESS) {
        index->capacity = 0;
        return false;
    }
    index->capacity = bytes;
    return true;
}

extern "C" struct tm__json_index *tm__json_index_new(void)
{
    auto *index = new (std::nothrow) tm__json_index;
    if (index == nullptr)
        return nullptr;
    if (simdjson::get_active_implementation()->create_dom_parser_implementation(
            64, 1, index->stage) != simdjson::SUCCESS) {
        delete index;
        return nullptr;
    }
    index->capacity = 64;
    return index;
}

extern "C" void tm__json_index_free(struct tm__json_index *index)
{
    delete index;
}

extern "C" enum tm__index_result tm__json_index_run(struct tm__json_index *index, const uint8_t *p,
                                                    size_t len, const uint32_t **positions)
{
    if (len > index->capacity && !set_capacity(index, (len + 4095) & ~size_t{4095}))
        return TM__INDEX_MEMORY;
    auto &stage = *index->stage;
    auto code = stage.stage1(p, len, simdjson::stage1_mode::regular);
    uint32_t count = stage.n_structural_indexes;
    if (code == simdjson::EMPTY) {
        count = 0; // white space alone
    } else if (code != simdjson::SUCCESS) {
        return code == simdjson::UTF8_ERROR        ? TM__INDEX_BAD_UTF8
               : code == simdjson::UNCLOSED_STRING ? TM__INDEX_UNCLOSED
               : code == simdjson::UNESCAPED_CHARS ? TM__INDEX_CONTROL
                                                   : TM__INDEX_MEMORY;
    }
    // Capacity is rounded up to 64 and has 9 places more than bytes.
    uint32_t *all = stage.structural_indexes.get();
    for (uint32_t i = 0; i < TM__INDEX_SENTINELS; i++)
        all[count + i] = static_cast<uint32_t>(len);
    *positions = all;
    return TM__INDEX_OK;
}

extern "C" void tm__json_index_trim(struct tm__json_index *index, size_t keep)
{
    if (index->capacity > keep)
        (void)set_capacity(index, keep);
}

extern "C" bool tm__utf8_is_valid(const uint8_t *p, size_t len)
{
    return simdjson::validate_utf8(reinterpret_cast<const char *>(p), len);
}

extern "C" size_t tm__double_shortest(double value, char *buf)
{
    return static_cast<size_t>(std::to_chars(buf, buf + 32, value).ptr - buf);
}

// The power of ten of the number's first significant digit, enough to tell huge from tiny.
static bool is_huge(const char *p, const char *end)
{
    long exponent = 0, digits = 0;
    bool significant = false, fraction = false;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.')
            fraction = true;
        if (*p < '0' || *p > '9')
            continue;
        significant = significant || *p != '0';
        if (!fraction && significant)
            digits++;
        else if (fraction && !significant)
            digits--;
    }
    if (p < end) {
        bool negative = *++p == '-';
        if (*p == '-' || *p == '+')
            p++;
        for (; p < end && exponent < 1000000000; p++)
            exponent = exponent * 10 + (*p - '0');
        exponent = negative ? -exponent : exponent;
    }
    return digits + exponent > 0;
}

extern "C" bool tm__double_nearest(const char *p, size_t len, double *value)
{
    double v = 0;
    auto result = std::from_chars(p, p + len, v);
    if (result.ec == std::errc::result_out_of_range) {
        if (is_huge(p, p + len))
            return false;
        v = *p == '-' ? -0.0 : 0.0;
    }
    *value = v;
    return !std::isinf(v);
}
