// msgpack by msgpack-c: a map a record.
#include <errno.h>
#include <msgpack.h>

#include "bench/codecs/codecs.h"

static struct ref_event events[REF_EVENTS_MAX];

static bool is_key(const msgpack_object_str *key, const char *name, uint32_t length)
{
    return key->size == length && memcmp(key->ptr, name, length) == 0;
}

static bool text(const msgpack_object *value, const char **s, uint32_t *length)
{
    *s = value->via.str.ptr;
    *length = value->via.str.size;
    return value->type == MSGPACK_OBJECT_STR && ref_is_utf8(*s, *length);
}

static bool field(const msgpack_object_kv *kv, struct ref_event *e)
{
    const msgpack_object_str *key = &kv->key.via.str;
    const msgpack_object *value = &kv->val;
    if (kv->key.type != MSGPACK_OBJECT_STR)
        return false;
    if (is_key(key, "user_id", 7))
        return text(value, &e->user, &e->user_length);
    if (is_key(key, "amount", 6)) {
        e->amount = value->via.f64;
        return value->type == MSGPACK_OBJECT_FLOAT64;
    }
    if (is_key(key, "country", 7))
        return text(value, &e->country, &e->country_length);
    if (is_key(key, "ts", 2)) {
        e->ts_ms = value->via.i64;
        return value->type == MSGPACK_OBJECT_POSITIVE_INTEGER ||
               value->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
    }
    if (is_key(key, "note", 4))
        return text(value, &e->note, &e->note_length);
    return true;
}

size_t codec_msgpack_decode(const char *p, size_t length, char *arena, bool keep,
                            void (*block)(const struct ref_event *events, size_t count))
{
    (void)arena, (void)keep; // texts are used where they lie
    msgpack_zone zone;
    size_t at = 0, rows = 0, count = 0;
    if (!msgpack_zone_init(&zone, 8 * 1024))
        ref_die("no memory for", "msgpack");
    while (at < length) {
        msgpack_object object;
        msgpack_unpack_return rc = msgpack_unpack(p, length, &at, &zone, &object);
        bool good = (rc == MSGPACK_UNPACK_SUCCESS || rc == MSGPACK_UNPACK_EXTRA_BYTES) &&
                    object.type == MSGPACK_OBJECT_MAP;
        for (uint32_t i = 0; good && i < object.via.map.size; i++)
            good = field(&object.via.map.ptr[i], &events[count]);
        errno = EBADMSG;
        if (!good)
            ref_die("read", "msgpack");
        msgpack_zone_clear(&zone);
        if (++count == REF_EVENTS_MAX) {
            block(events, count);
            rows += count;
            count = 0;
        }
    }
    msgpack_zone_destroy(&zone);
    block(events, count);
    return rows + count;
}

static int append(void *to, const char *bytes, size_t length)
{
    char **out = to;
    *out = ref_put_bytes(*out, bytes, length);
    return 0;
}

static void put_text(msgpack_packer *packer, const char *s, uint32_t length)
{
    msgpack_pack_str(packer, length);
    msgpack_pack_str_body(packer, s, length);
}

char *codec_msgpack_encode(char *out, const struct ref_event *e, size_t count)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, &out, append);
    for (const struct ref_event *end = e + count; e < end; e++) {
        msgpack_pack_map(&packer, 5);
        put_text(&packer, "user_id", 7);
        put_text(&packer, e->user, e->user_length);
        put_text(&packer, "amount", 6);
        msgpack_pack_double(&packer, e->amount);
        put_text(&packer, "country", 7);
        put_text(&packer, e->country, e->country_length);
        put_text(&packer, "ts", 2);
        msgpack_pack_int64(&packer, e->ts_ms);
        put_text(&packer, "note", 4);
        put_text(&packer, e->note, e->note_length);
    }
    return out;
}
