// The effects tables: every clock, random, file, thread and memory function that the engine may
// call (ARCHITECTURE D11). core/loop holds the real ones; tests/sim holds a seeded, single-threaded
// world with virtual time. The engine calls nothing else that has an effect: a lint over the
// objects' symbols proves it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

struct tm_fx_clock {
    int64_t (*wall_ms)(void *ctx); // Unix time, ms
    int64_t (*mono_ns)(void *ctx); // monotonic, ns
    int64_t (*cpu_ns)(void *ctx);  // CPU time of the calling thread, ns
};

struct tm_fx_random {
    uint64_t (*next)(void *ctx); // for seeds only; never on the data path
};

// STREAM: to write to what keeps nothing, a device or a named pipe; a pipe that nobody reads is
// TM_E_CLOSED_PIPE and not waited for.
enum tm_file_mode {
    TM_FILE_READ,
    TM_FILE_CREATE,
    TM_FILE_APPEND,
    TM_FILE_CREATE_NEW,
    TM_FILE_STREAM
};

struct tm_file_info {
    int64_t size_bytes;
    bool is_directory;
    bool is_regular;
    uint64_t device, inode; // the same for every name of one file; both 0: this world cannot tell
};

enum { TM_LOCK_OURS = -1 };

// A terminal as it is now: it can be resized at any time.
struct tm_terminal {
    uint32_t columns, rows; // 0: not known
    bool color;             // may be written to in colours: nobody has asked for none (NO_COLOR)
};

// Blocking; called from executors (helper threads) or at start-up and shutdown, never from a task's
// turn, except `read` of a regular file. All return 0 or more on success, a negative tm_code and a
// filled error otherwise. Descriptors 0, 1 and 2 are the process's own.
struct tm_fx_files {
    int (*open)(void *ctx, const char *path, enum tm_file_mode mode, struct tm_error *err); // -> fd
    int64_t (*read)(void *ctx, int fd, void *buf, size_t len,
                    struct tm_error *err); // 0 = end of file
    // Where the next read of fd begins.
    int (*seek)(void *ctx, int fd, int64_t offset, struct tm_error *err);
    // Read what can be had without waiting for a disk or a peer; for a task's turn. Bytes, 0 = end
    // of file, -1 = nothing: `read` will wait, or say what is wrong. NULL: this world cannot tell.
    int64_t (*read_now)(void *ctx, int fd, void *buf, size_t len);
    // Write all of it. TM_E_CLOSED_PIPE, TM_E_NO_SPACE, TM_E_IO. Returns early with TM_E_STOPPED
    // once *cancel is nonzero; `cancel` may be NULL.
    int (*write_all)(void *ctx, int fd, const void *buf, size_t len, const _Atomic int *cancel,
                     struct tm_error *err);
    // Wait until fd can be read, at most timeout_ms: 1 readable (or at its end), 0 timeout.
    int (*wait_readable)(void *ctx, int fd, int timeout_ms);
    int (*sync)(void *ctx, int fd, struct tm_error *err);
    int (*close)(void *ctx, int fd, struct tm_error *err);
    int (*truncate)(void *ctx, int fd, int64_t size_bytes, struct tm_error *err);
    int (*rename)(void *ctx, const char *from, const char *to, struct tm_error *err);
    int (*unlink)(void *ctx, const char *path, struct tm_error *err);
    int (*mkdirs)(void *ctx, const char *path,
                  struct tm_error *err); // and its parents; existing is fine
    // The names in a folder, in no order, without "." and "..". Calls each(arg, name); what is not
    // 0 ends it and is given back.
    int (*list)(void *ctx, const char *path, int (*each)(void *arg, const char *name), void *arg,
                struct tm_error *err);
    int (*remove_folder)(void *ctx, const char *path, struct tm_error *err); // an empty one
    // The names in a folder as they are now outlast a crash: what was created, renamed, removed.
    int (*sync_folder)(void *ctx, const char *path, struct tm_error *err);
    int (*stat)(void *ctx, const char *path, struct tm_file_info *info, struct tm_error *err);
    // The same of an open file, which may have another name by now, or none.
    int (*stat_fd)(void *ctx, int fd, struct tm_file_info *info, struct tm_error *err);
    // Hold a file or directory against every other lock of it, whatever its name and whoever asks
    // for it, until the descriptor that is returned is closed or the process ends. With `create` a
    // missing file is made, empty. TM_E_IN_USE: *holder is the process that holds it, TM_LOCK_OURS:
    // this one, 0: not known. A file system without locks gives a descriptor that holds nothing.
    int (*lock)(void *ctx, const char *path, bool create, int64_t *holder,
                struct tm_error *err); // -> fd
    // The path of the file that `path` means when its last part is a symbolic link, there or not;
    // else `path`, into text[size]. TM_E_LIMIT: too long, or links in a circle.
    int (*resolve)(void *ctx, const char *path, char *text, size_t size, struct tm_error *err);
    // Paths that match a shell pattern, sorted bytewise. Calls add(arg, path) for each. A pattern
    // that matches nothing adds nothing.
    int (*glob)(void *ctx, const char *pattern, int (*add)(void *arg, const char *path), void *arg,
                struct tm_error *err);
    bool (*is_terminal)(void *ctx, int fd);
    // *terminal: what stands behind fd, when it is a terminal. NULL: this world cannot tell.
    void (*terminal)(void *ctx, int fd, struct tm_terminal *terminal);
};

// A unit of work for an executor. Embed it. `run` is called on the executor's thread, once; then
// `done` is set (release) and `waker` is woken. The submitter may free or submit it again once
// tm_work_is_done (acquire) says so.
struct tm_waker;
struct tm_work {
    void (*run)(struct tm_work *work);
    struct tm_waker *waker; // may be NULL; outlives the executor, which notifies it after `done`
    _Atomic int done;       // partner: the executor's release store, the submitter's acquire load
    struct tm_work *next;   // the executor's
};

struct tm_executor; // a thread that runs works one by one, in the order of submission
struct tm_parker;   // where one thread sleeps
struct tm_thread;

struct tm_fx_threads {
    int (*thread_start)(void *ctx, const char *name, void (*run)(void *arg), void *arg,
                        struct tm_thread **thread, struct tm_error *err);
    void (*thread_join)(void *ctx, struct tm_thread *thread);
    struct tm_executor *(*executor_new)(void *ctx, const char *name, struct tm_error *err);
    void (*executor_submit)(void *ctx, struct tm_executor *executor, struct tm_work *work);
    void (*executor_free)(void *ctx,
                          struct tm_executor *executor); // runs what was submitted, then joins
    struct tm_parker *(*parker_new)(void *ctx, struct tm_error *err);
    // Sleep until woken or until mono_ns() >= deadline_ns (INT64_MAX: for ever). A wake before the
    // call ends it at once.
    void (*parker_wait)(void *ctx, struct tm_parker *parker, int64_t deadline_ns);
    void (*parker_wake)(void *ctx, struct tm_parker *parker); // any thread
    void (*parker_free)(void *ctx, struct tm_parker *parker);
};

// Where a TCP socket is or goes: opaque, from `resolve`.
struct tm_address {
    _Alignas(8) uint8_t bytes[32];
    uint32_t length;
};
enum { TM_ADDRESS_TEXT = 64 }; // bytes that hold "[1234:...:1234]:65535"

struct tm_socket; // a stream or a listener

// TCP. Nothing waits but `resolve`, which is for executors. A socket belongs to one thread at a
// time. Results as in tm_fx_files; "nothing yet" is never an error.
struct tm_fx_sockets {
    // The addresses of a host: a number or a name; at most `max`. -> count, at least 1.
    int (*resolve)(void *ctx, const char *host, uint16_t port, struct tm_address *addresses,
                   uint32_t max, struct tm_error *err);
    void (*describe)(void *ctx, const struct tm_address *address, char text[TM_ADDRESS_TEXT]);
    bool (*is_loopback)(void *ctx, const struct tm_address *address);
    // Begin to connect. NULL: err says why it cannot.
    struct tm_socket *(*connect)(void *ctx, const struct tm_address *address, struct tm_error *err);
    int (*connected)(void *ctx, struct tm_socket *socket, struct tm_error *err); // 1, or 0: not yet
    // *address: with the port that the system chose for port 0.
    struct tm_socket *(*listen)(void *ctx, struct tm_address *address, struct tm_error *err);
    // 1: *socket and its *peer; 0: nobody is there.
    int (*accept)(void *ctx, struct tm_socket *listener, struct tm_socket **socket,
                  struct tm_address *peer, struct tm_error *err);
    // Bytes; 0: the peer has ended; -1: nothing yet.
    int64_t (*read)(void *ctx, struct tm_socket *socket, void *buf, size_t len,
                    struct tm_error *err);
    // Wake the parker once, when there is something to read or accept, or (`connecting`) to learn
    // of the connection. By the thread that parks there; until then again and again is fine.
    void (*watch)(void *ctx, struct tm_socket *socket, struct tm_parker *parker, bool connecting);
    void (*close)(void *ctx, struct tm_socket *socket);
};

enum { TM_HTTP_SHOWN = 512 };

struct tm_http_request {
    const char *url;     // http or https
    const char *headers; // "Name: value" lines, separated by \n
    const void *body;
    size_t body_bytes;
    int64_t timeout_ms;  // from connecting to the answer's end
    const char *ca_file; // instead of the system's certificates; NULL: those
    bool insecure;       // take any certificate
};
struct tm_http_response {
    int status;
    int64_t retry_after_ms;    // -1: the answer does not say
    char shown[TM_HTTP_SHOWN]; // the beginning of its body
    size_t shown_bytes;
};

struct tm_http_client; // keeps connections between requests; one thread at a time

// Blocking; for executors. Redirects are not followed: they are answers as others.
struct tm_fx_http {
    struct tm_http_client *(*client_new)(void *ctx, struct tm_error *err);
    void (*client_free)(void *ctx, struct tm_http_client *client);
    // 0: answered, with any status. TM_E_NETWORK: it is not known whether the request has arrived.
    // TM_E_STOPPED soon after *cancel is nonzero.
    int (*post)(void *ctx, struct tm_http_client *client, const struct tm_http_request *request,
                const _Atomic int *cancel, struct tm_http_response *response, struct tm_error *err);
};

struct tm_fx_memory {
    void *(*alloc)(void *ctx, size_t size); // NULL: out of memory
    void *(*realloc)(void *ctx, void *p, size_t old_size, size_t new_size);
    void (*free)(void *ctx, void *p, size_t size);
    // Have the system give the memory behind these addresses now, and not to whoever writes there
    // first; what lies in them stays, and may be used meanwhile. A wish that takes milliseconds, so
    // for executors. NULL: this world has no such thing.
    void (*touch)(void *ctx, void *p, size_t size);
    // The other way round: the system may have the memory behind these addresses until somebody
    // writes there again; what lies in them is lost. Takes as long. NULL: the same.
    void (*give_back)(void *ctx, void *p, size_t size);
};

// How a world keeps Lua states as they were, and has them again: for worlds in one thread that open
// many states of few kinds (tests/sim). All of a state lies in a heap of its own, so that the heap
// can be put back with all addresses in it.
struct tm_fx_states {
    // Is their code compiled, and what they no longer use collected? Asked once a state has built
    // its job: before, neither is done, so that what is kept is nothing but memory.
    bool (*compiles)(void *ctx);
    // A heap that nobody has, one that keeps something under this key before others: only its
    // `memory` is used, by one thread. NULL: there is none, the state lives in the world's memory.
    const struct tm_fx *(*open)(void *ctx, uint64_t key);
    void (*close)(void *ctx, const struct tm_fx *heap); // with all that lies in it
    // Puts back what lay in it when it was kept under this key, and gives the root that was given
    // then. NULL: nothing was, and the heap is as it is.
    void *(*recall)(void *ctx, const struct tm_fx *heap, uint64_t key);
    void (*keep)(void *ctx, const struct tm_fx *heap, uint64_t key, void *root);
    // Do the workers of a job have the state that has planned it, and none of their own? Not where
    // code is compiled. NULL: no.
    bool (*shares)(void *ctx);
};

// One world. Shared by all threads of an engine, immutable once handed out.
struct tm_fx {
    void *ctx;
    const struct tm_fx_clock *clock;
    const struct tm_fx_random *random;
    const struct tm_fx_files *files;
    const struct tm_fx_threads *threads;
    const struct tm_fx_memory *memory;
    const struct tm_fx_sockets *sockets; // NULL: a world without network
    const struct tm_fx_http *http;       // the same
    const struct tm_fx_states *states;   // NULL: a world that keeps none
};

static inline int64_t tm_fx_wall_ms(const struct tm_fx *fx)
{
    return fx->clock->wall_ms(fx->ctx);
}

static inline int64_t tm_fx_mono_ns(const struct tm_fx *fx)
{
    return fx->clock->mono_ns(fx->ctx);
}

static inline struct tm_terminal tm_fx_terminal(const struct tm_fx *fx, int fd)
{
    struct tm_terminal terminal = {0};
    if (fx->files->terminal != NULL && fx->files->is_terminal(fx->ctx, fd))
        fx->files->terminal(fx->ctx, fd, &terminal);
    return terminal;
}

static inline bool tm_work_is_done(const struct tm_work *work)
{
    return __atomic_load_n((const int *)&work->done, __ATOMIC_ACQUIRE) != 0;
}
