// The connector's table, its options, and the listener that exists before the tasks do.
#include "connectors/socket/socket.h"

#include "connectors/socket/options.h"
#include "connectors/socket/source.h"
#include "core/base/limits.h"

const struct tm_option_def tm__socket_option_defs[] = {
    {"host", TM_OPTION_STRING, false, "127.0.0.1", "where to connect to, or to listen", NULL},
    {"port", TM_OPTION_INT, true, NULL, "1 to 65535; to listen also 0: the system chooses one",
     NULL},
    {"listen", TM_OPTION_BOOL, false, "false",
     "accept connections, instead of connecting to a server", NULL},
    {"reconnect", TM_OPTION_BOOL, false, "false",
     "connect again when the connection ends or cannot be made; without it the end of the "
     "connection is the end of the input",
     NULL},
    {"expose", TM_OPTION_BOOL, false, "false",
     "listen on an address that other machines can reach: whoever reaches it can send records",
     NULL},
    {"connect_timeout", TM_OPTION_DURATION, false, "10s", "how long a connection may take", NULL},
    {"max_record", TM_OPTION_SIZE, false, "1MB",
     "the longest record that is read; a longer one is an error of that record", NULL},
    {.name = NULL}};

static bool is_set(const struct tm_options *values, const char *name)
{
    return tm_options_integer(values, name, 0) != 0;
}

int tm__socket_options_read(struct tm__socket_options *o, struct tm_mem *mem,
                            const struct tm_node *node, struct tm_error *err)
{
    o->mem = mem;
    tm_options_init(&o->values, mem);
    if (tm_options_copy(&o->values, &node->options) != 0)
        return tm_error_set(err, TM_E_MEMORY, "tm.socket: out of memory for its options");
    int rc = tm_options_check(&o->values, tm__socket_option_defs, "tm.socket", err);
    if (rc != 0)
        return rc;
    o->host = tm_options_text(&o->values, "host");
    o->listen = is_set(&o->values, "listen");
    o->reconnect = is_set(&o->values, "reconnect");
    o->expose = is_set(&o->values, "expose");
    o->connect_timeout_ms = tm_options_integer(&o->values, "connect_timeout", 0);
    o->max_record = (uint64_t)tm_options_integer(&o->values, "max_record", TM_RECORD_BYTES);
    int64_t port = tm_options_integer(&o->values, "port", -1);
    if (port < (o->listen ? 0 : 1) || port > 65535)
        return tm_error_set(err, TM_E_OPTION, "tm.socket: port is %lld; it is from %d to 65535",
                            (long long)port, o->listen ? 0 : 1);
    if (o->listen && o->reconnect)
        return tm_error_set(err, TM_E_OPTION,
                            "tm.socket: reconnect is for connecting; a listening source takes new "
                            "connections at any time");
    o->port = (uint16_t)port;
    return 0;
}

void tm__socket_options_fini(struct tm__socket_options *o)
{
    tm_options_fini(&o->values);
}

static int open_listener(struct tm__socket_options *o, const struct tm_fx *fx, struct tm_error *err)
{
    const struct tm_fx_sockets *sockets = fx->sockets;
    struct tm_address address;
    int rc = sockets->resolve(fx->ctx, o->host, o->port, &address, 1, err);
    if (rc < 0)
        return rc;
    sockets->describe(fx->ctx, &address, o->listening_on);
    if (!o->expose && !sockets->is_loopback(fx->ctx, &address)) {
        tm_error_set(err, TM_E_OPTION, "tm.socket: %s can be reached from other machines",
                     o->listening_on);
        tm_error_hint(err, "listen on 127.0.0.1, or say expose = true: records are taken from "
                           "whoever connects");
        return TM_E_OPTION;
    }
    o->listener = sockets->listen(fx->ctx, &address, err);
    if (o->listener == NULL)
        return err != NULL && err->code != 0 ? err->code : TM_E_NETWORK;
    sockets->describe(fx->ctx, &address, o->listening_on);
    return 0;
}

static void socket_release(void *shared)
{
    struct tm__socket_options *o = shared;
    if (o == NULL)
        return;
    if (o->listener != NULL) // the source was never made
        o->fx->sockets->close(o->fx->ctx, o->listener);
    tm__socket_options_fini(o);
    tm_mem_free(o->mem, o, sizeof *o);
}

static int socket_prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                          uint32_t parallelism, void **shared, struct tm_error *err)
{
    (void)parallelism;
    struct tm__socket_options *o = tm_mem_zalloc(mem, sizeof *o);
    if (o == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    o->fx = fx;
    int rc = tm__socket_options_read(o, mem, node, err);
    if (rc == 0 && fx->sockets == NULL)
        rc = tm_error_set(err, TM_E_NETWORK, "tm.socket: there is no network here");
    if (rc == 0 && o->listen)
        rc = open_listener(o, fx, err);
    if (rc != 0) {
        tm_error_where(err, "%s", node->where);
        socket_release(o);
        return rc;
    }
    *shared = o;
    return 0;
}

const struct tm_connector tm_connector_socket = {
    .name = "socket",
    .source_options = tm__socket_option_defs,
    .source_limit = 1,
    .replayable = false,
    .source_prepare = socket_prepare,
    .source_new = tm__socket_source_new,
    .source_release = socket_release,
};
