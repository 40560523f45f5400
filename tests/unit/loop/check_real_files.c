// The real files: every verb on a folder of its own, and how each failure is named.
#include <check.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/loop/real.h"

static struct tm_fx fx;
static const struct tm_fx_files *files;
static struct tm_error err;
static char folder[64];
static char path_buf[512];

static const char *at(const char *name)
{
    snprintf(path_buf, sizeof(path_buf), "%s/%s", folder, name);
    return path_buf;
}

static void setup(void)
{
    ck_assert_int_eq(tm_real_init(&fx, NULL), 0);
    files = fx.files;
    tm_error_clear(&err);
    snprintf(folder, sizeof(folder), "check_real_files.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    signal(SIGPIPE, SIG_IGN); // as the command line does
}

static void teardown(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static int create(const char *name, const char *text)
{
    int fd = files->open(fx.ctx, at(name), TM_FILE_CREATE, &err);
    ck_assert_int_ge(fd, 3);
    ck_assert_int_eq(files->write_all(fx.ctx, fd, text, strlen(text), NULL, &err), 0);
    return fd;
}

static void ck_content(const char *name, const char *text)
{
    char buf[256];
    int fd = files->open(fx.ctx, at(name), TM_FILE_READ, &err);
    ck_assert_int_ge(fd, 3);
    int64_t n = files->read(fx.ctx, fd, buf, sizeof(buf), &err);
    ck_assert_int_eq(n, (int64_t)strlen(text));
    ck_assert_mem_eq(buf, text, strlen(text));
    ck_assert_int_eq(files->read(fx.ctx, fd, buf, sizeof(buf), &err), 0);
    ck_assert_int_eq(files->close(fx.ctx, fd, &err), 0);
}

START_TEST(a_file_is_written_and_read_again)
{
    int fd = create("a", "one\n");
    ck_assert_int_eq(files->sync(fx.ctx, fd, &err), 0);
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    ck_assert_int_eq(files->close(fx.ctx, fd, &err), 0);
    fd = files->open(fx.ctx, at("a"), TM_FILE_APPEND, &err);
    ck_assert_int_eq(files->write_all(fx.ctx, fd, "two\n", 4, NULL, &err), 0);
    ck_assert_int_eq(files->truncate(fx.ctx, fd, 6, &err), 0);
    ck_assert_int_eq(files->close(fx.ctx, fd, &err), 0);
    ck_content("a", "one\ntw");
    ck_assert_int_eq(files->open(fx.ctx, at("a"), TM_FILE_CREATE_NEW, &err), TM_E_EXISTS);
    ck_assert_ptr_nonnull(strstr(err.message, at("a")));
    ck_content("a", "one\ntw");
    files->close(fx.ctx, create("a", ""), &err);
    ck_content("a", "");
}
END_TEST

START_TEST(an_open_file_is_looked_at_and_read_from_anywhere)
{
    char text[8] = "", other[512];
    struct tm_file_info named, open;
    snprintf(other, sizeof other, "%s", at("other"));
    const char *path = at("sought");
    int fd = files->open(fx.ctx, path, TM_FILE_CREATE, &err);
    ck_assert_int_eq(files->write_all(fx.ctx, fd, "0123456789", 10, NULL, &err), 0);
    ck_assert_int_eq(files->close(fx.ctx, fd, &err), 0);
    fd = files->open(fx.ctx, path, TM_FILE_READ, &err);
    ck_assert_int_eq(files->seek(fx.ctx, fd, 7, &err), 0);
    ck_assert_int_eq(files->read(fx.ctx, fd, text, sizeof text, &err), 3);
    ck_assert_str_eq(text, "789");
    ck_assert_int_eq(files->stat(fx.ctx, path, &named, &err), 0);
    ck_assert_int_eq(files->rename(fx.ctx, path, other, &err), 0);
    ck_assert_int_eq(files->stat_fd(fx.ctx, fd, &open, &err), 0);
    ck_assert(open.inode == named.inode && open.device == named.device && open.inode != 0);
    ck_assert_int_eq(open.size_bytes, 10);
    ck_assert_int_eq(files->close(fx.ctx, fd, &err), 0);
    ck_assert_int_eq(files->stat_fd(fx.ctx, fd, &open, &err), TM_E_IO);
    ck_assert_int_eq(files->seek(fx.ctx, fd, 0, &err), TM_E_IO);
}
END_TEST

START_TEST(failures_carry_code_and_path)
{
    struct tm_file_info info;
    char buf[8];
    ck_assert_int_eq(files->open(fx.ctx, at("no"), TM_FILE_READ, &err), TM_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "/no: No such file"));
    ck_assert_int_eq(files->open(fx.ctx, at("no/x"), TM_FILE_CREATE, &err), TM_E_NOT_FOUND);
    ck_assert_int_eq(files->stat(fx.ctx, at("no"), &info, &err), TM_E_NOT_FOUND);
    ck_assert_int_eq(files->unlink(fx.ctx, at("no"), &err), TM_E_NOT_FOUND);
    ck_assert_int_eq(files->rename(fx.ctx, at("no"), "elsewhere", &err), TM_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "/no to elsewhere"));
    ck_assert_int_eq(files->close(fx.ctx, 987, &err), TM_E_IO);
    ck_assert_int_eq(files->read(fx.ctx, 987, buf, 1, &err), TM_E_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "descriptor 987"));
    ck_assert_int_eq(files->sync(fx.ctx, 987, &err), TM_E_IO);
    ck_assert_int_eq(files->truncate(fx.ctx, 987, 0, NULL), TM_E_IO);
    int fd = files->open(fx.ctx, folder, TM_FILE_READ, &err);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(files->read(fx.ctx, fd, buf, 1, &err), TM_E_IO);
    ck_assert_ptr_nonnull(strstr(err.message, folder));
    files->close(fx.ctx, fd, &err);
}
END_TEST

START_TEST(a_full_disk_is_named)
{
    int fd = files->open(fx.ctx, "/dev/full", TM_FILE_APPEND, &err);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(files->write_all(fx.ctx, fd, "x", 1, NULL, &err), TM_E_NO_SPACE);
    ck_assert_str_eq(err.message, "cannot write to /dev/full: No space left on device");
    ck_assert_int_eq(files->write_all(fx.ctx, fd, "x", 1, NULL, NULL), TM_E_NO_SPACE);
    files->close(fx.ctx, fd, &err);
}
END_TEST

START_TEST(a_file_past_the_size_limit_keeps_what_fitted)
{
    struct rlimit limit = {.rlim_cur = 10, .rlim_max = RLIM_INFINITY}, before;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    int fd = create("a", "12345678");
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int rc = files->write_all(fx.ctx, fd, "abcdef", 6, NULL, &err); // the first write is partial
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_int_eq(rc, TM_E_IO);
    files->close(fx.ctx, fd, &err);
    ck_content("a", "12345678ab");
}
END_TEST

START_TEST(a_reader_that_has_gone_is_a_closed_pipe)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    close(fds[0]);
    ck_assert_int_eq(files->write_all(fx.ctx, fds[1], "x", 1, NULL, &err), TM_E_CLOSED_PIPE);
    close(fds[1]);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    close(fds[0]);
    ck_assert_int_eq(files->write_all(fx.ctx, fds[1], "x", 1, NULL, &err), TM_E_CLOSED_PIPE);
    close(fds[1]);
}
END_TEST

enum { LARGE = 3000000 };

struct reader {
    int fd;
    size_t got;
    bool same;
};

static void read_to_end(void *arg)
{
    struct reader *reader = arg;
    unsigned char buf[10000];
    for (;;) {
        ssize_t n = read(reader->fd, buf, sizeof(buf));
        if (n <= 0)
            return;
        for (ssize_t i = 0; i < n; i++)
            reader->same &= buf[i] == (unsigned char)((reader->got + (size_t)i) % 251);
        reader->got += (size_t)n;
    }
}

static void write_large_through(int fds[2])
{
    struct reader reader = {.fd = fds[0], .same = true};
    struct tm_thread *thread;
    unsigned char *bytes = malloc(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (unsigned char)(i % 251);
    ck_assert_int_eq(
        fx.threads->thread_start(fx.ctx, "reader", read_to_end, &reader, &thread, &err), 0);
    ck_assert_int_eq(files->write_all(fx.ctx, fds[1], bytes, LARGE, NULL, &err), 0);
    close(fds[1]);
    fx.threads->thread_join(fx.ctx, thread);
    close(fds[0]);
    free(bytes);
    ck_assert_uint_eq(reader.got, LARGE);
    ck_assert(reader.same);
}

START_TEST(more_than_a_pipe_holds_arrives_whole)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    write_large_through(fds);
    ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0); // as a parent may have left it
    ck_assert_int_eq(fcntl(fds[0], F_SETFL, 0), 0);
    write_large_through(fds);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    write_large_through(fds);
}
END_TEST

struct writer {
    int fd;
    _Atomic int cancel;
    int rc;
};

static void write_for_ever(void *arg)
{
    struct writer *writer = arg;
    static char bytes[LARGE];
    writer->rc = files->write_all(fx.ctx, writer->fd, bytes, LARGE, &writer->cancel, NULL);
}

// The descriptors stay blocking: what the process shares with others is not changed.
static void ck_cancel_ends_a_write(int writable, int readable)
{
    struct writer writer = {.fd = writable};
    struct tm_thread *thread;
    atomic_init(&writer.cancel, 0);
    ck_assert_int_eq(
        fx.threads->thread_start(fx.ctx, "writer", write_for_ever, &writer, &thread, &err), 0);
    ck_assert_int_eq(files->wait_readable(fx.ctx, readable, 60000), 1); // it writes
    atomic_store(&writer.cancel, 1);
    fx.threads->thread_join(fx.ctx, thread); // the time limit of the test ends a writer that hangs
    ck_assert_int_eq(writer.rc, TM_E_STOPPED);
    close(writable);
    close(readable);
}

START_TEST(cancel_ends_a_write_that_nobody_reads)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_cancel_ends_a_write(fds[1], fds[0]);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_cancel_ends_a_write(fds[1], fds[0]);
}
END_TEST

START_TEST(cancel_ends_a_write_to_a_terminal_that_stands_still)
{
    int fds[2];
    if (openpty(&fds[0], &fds[1], NULL, NULL, NULL) != 0) {
        puts("no pseudo-terminals here (is /dev/pts mounted?): terminals were not tested");
        return;
    }
    ck_assert(files->is_terminal(fx.ctx, fds[1]));
    ck_cancel_ends_a_write(fds[1], fds[0]);
}
END_TEST

START_TEST(waiting_for_a_reader_tells_data_end_and_timeout)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(files->wait_readable(fx.ctx, fds[0], 0), 0);
    ck_assert_int_eq(files->wait_readable(fx.ctx, fds[0], 1), 0);
    ck_assert_int_eq(files->write_all(fx.ctx, fds[1], "x", 1, NULL, &err), 0);
    ck_assert_int_eq(files->wait_readable(fx.ctx, fds[0], 0), 1);
    char c;
    ck_assert_int_eq(files->read(fx.ctx, fds[0], &c, 1, &err), 1);
    close(fds[1]);
    ck_assert_int_eq(files->wait_readable(fx.ctx, fds[0], 0), 1); // at its end
    ck_assert_int_eq(files->read(fx.ctx, fds[0], &c, 1, &err), 0);
    ck_assert(!files->is_terminal(fx.ctx, fds[0]));
    close(fds[0]);
}
END_TEST

START_TEST(read_now_reads_what_is_there_and_does_not_wait)
{
    int fds[2];
    char bytes[8];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(files->read_now(fx.ctx, fds[0], bytes, sizeof bytes), -1);
    close(fds[0]);
    close(fds[1]);
    ck_assert_int_eq(files->read_now(fx.ctx, -1, bytes, sizeof bytes), -1);
    FILE *f = tmpfile();
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(files->write_all(fx.ctx, fileno(f), "hello", 5, NULL, &err), 0);
    rewind(f);
    int64_t got = files->read_now(fx.ctx, fileno(f), bytes, sizeof bytes);
    if (got != -1) { // whether it can is up to the file system; what it says is true
        ck_assert_int_eq(got, 5);
        ck_assert_int_eq(memcmp(bytes, "hello", 5), 0);
        ck_assert_int_eq(files->read_now(fx.ctx, fileno(f), bytes, sizeof bytes), 0);
    }
    fclose(f);
}
END_TEST

START_TEST(a_pipe_needs_no_sync)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(files->sync(fx.ctx, fds[1], &err), 0);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

START_TEST(folders_are_made_with_their_parents)
{
    struct tm_file_info info;
    ck_assert_int_eq(files->mkdirs(fx.ctx, at("x/y//z/"), &err), 0);
    ck_assert_int_eq(files->mkdirs(fx.ctx, at("x/y/z"), &err), 0);
    ck_assert_int_eq(files->stat(fx.ctx, at("x/y/z"), &info, &err), 0);
    ck_assert(info.is_directory && !info.is_regular);
    files->close(fx.ctx, create("x/f", "123"), &err);
    ck_assert_int_eq(files->stat(fx.ctx, at("x/f"), &info, &err), 0);
    ck_assert(info.is_regular && !info.is_directory);
    ck_assert_int_eq(info.size_bytes, 3);
    ck_assert_int_eq(files->mkdirs(fx.ctx, at("x/f"), &err), TM_E_EXISTS);
    ck_assert_int_eq(files->mkdirs(fx.ctx, at("x/f/g"), &err), TM_E_EXISTS);
    ck_assert_ptr_nonnull(strstr(err.message, "/x/f: it exists and is no directory"));
    ck_assert_int_eq(files->mkdirs(fx.ctx, "", &err), TM_E_NOT_FOUND);
    ck_assert_int_eq(files->mkdirs(fx.ctx, "/", &err), 0);
}
END_TEST

static int count_name(void *arg, const char *name)
{
    *(int *)arg += strcmp(name, "x") == 0 || strcmp(name, "y") == 0 ? 1 : 100;
    return 0;
}

static int refuse_name(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return TM_E_LIMIT;
}

START_TEST(folders_are_listed_synced_and_removed_when_empty)
{
    int count = 0;
    ck_assert_int_eq(files->mkdirs(fx.ctx, at("some/x"), &err), 0);
    files->close(fx.ctx, create("some/y", "text"), &err);
    ck_assert_int_eq(files->list(fx.ctx, at("some"), count_name, &count, &err), 0);
    ck_assert_int_eq(count, 2);
    ck_assert_int_eq(files->list(fx.ctx, at("some"), refuse_name, NULL, &err), TM_E_LIMIT);
    ck_assert_int_eq(files->list(fx.ctx, at("none"), count_name, &count, &err), TM_E_NOT_FOUND);
    ck_assert_int_eq(files->sync_folder(fx.ctx, at("some"), &err), 0);
    ck_assert_int_eq(files->sync_folder(fx.ctx, at("none"), &err), TM_E_NOT_FOUND);
    ck_assert_int_lt(files->remove_folder(fx.ctx, at("some"), &err), 0); // not empty
    ck_assert_int_eq(files->remove_folder(fx.ctx, at("some/x"), &err), 0);
    ck_assert_int_eq(files->unlink(fx.ctx, at("some/y"), &err), 0);
    ck_assert_int_eq(files->remove_folder(fx.ctx, at("some"), &err), 0);
}
END_TEST

START_TEST(rename_replaces_and_unlink_removes)
{
    char from[512];
    files->close(fx.ctx, create("a", "new"), &err);
    files->close(fx.ctx, create("b", "old"), &err);
    snprintf(from, sizeof(from), "%s", at("a"));
    ck_assert_int_eq(files->rename(fx.ctx, from, at("b"), &err), 0);
    ck_content("b", "new");
    ck_assert_int_eq(files->unlink(fx.ctx, at("b"), &err), 0);
    ck_assert_int_eq(files->open(fx.ctx, at("b"), TM_FILE_READ, &err), TM_E_NOT_FOUND);
}
END_TEST

struct paths {
    char text[512];
    int count, end_after;
};

static int add_path(void *arg, const char *path)
{
    struct paths *paths = arg;
    strcat(paths->text, strrchr(path, '/') + 1);
    strcat(paths->text, " ");
    return ++paths->count == paths->end_after ? TM_E_LIMIT : 0;
}

START_TEST(a_pattern_gives_its_paths_sorted_by_bytes)
{
    static const char *const names[] = {"b.json", "a.json",   "B.json", "a-1.json",
                                        "c.csv",  "a10.json", "a9.json"};
    struct paths paths = {.end_after = 100};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        files->close(fx.ctx, create(names[i], ""), &err);
    ck_assert_int_eq(files->glob(fx.ctx, at("*.json"), add_path, &paths, &err), 0);
    ck_assert_str_eq(paths.text, "B.json a-1.json a.json a10.json a9.json b.json ");
    struct paths none = {.end_after = 100};
    ck_assert_int_eq(files->glob(fx.ctx, at("*.xml"), add_path, &none, &err), 0);
    ck_assert_int_eq(files->glob(fx.ctx, at("no/*/x"), add_path, &none, &err), 0);
    ck_assert_int_eq(none.count, 0);
    struct paths one = {.end_after = 100};
    ck_assert_int_eq(files->glob(fx.ctx, at("c.csv"), add_path, &one, &err), 0);
    ck_assert_str_eq(one.text, "c.csv ");
    struct paths some = {.end_after = 2};
    tm_error_clear(&err);
    ck_assert_int_eq(files->glob(fx.ctx, at("*"), add_path, &some, &err), TM_E_LIMIT);
    ck_assert_int_eq(some.count, 2);
    ck_assert_int_eq(err.code, TM_E_LIMIT);
}
END_TEST

START_TEST(no_file_takes_the_number_of_a_closed_standard_stream)
{
    int saved = dup(0);
    close(0);
    int fd = files->open(fx.ctx, at("a"), TM_FILE_CREATE, &err);
    ck_assert_int_ge(fd, 3);
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    files->close(fx.ctx, fd, &err);
    ck_assert_int_eq(dup2(saved, 0), 0);
    close(saved);
}
END_TEST

START_TEST(a_lock_holds_a_file_against_all_its_names)
{
    char name[512];
    int64_t holder = 7;
    struct tm_file_info a, b;
    int fd = files->lock(fx.ctx, at("a"), true, &holder, &err); // made, empty
    ck_assert_int_ge(fd, 3);
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    ck_content("a", "");
    snprintf(name, sizeof(name), "%s", at("a"));
    ck_assert_int_eq(link(name, at("b")), 0);
    ck_assert_int_eq(symlink("a", at("c")), 0);
    ck_assert_int_eq(files->stat(fx.ctx, at("a"), &a, &err), 0);
    ck_assert_int_eq(files->stat(fx.ctx, at("c"), &b, &err), 0);
    ck_assert(a.device == b.device && a.inode == b.inode && a.inode != 0);
    for (const char *other = "abc"; *other != 0; other++) {
        char letter[] = {*other, 0};
        ck_assert_int_eq(files->lock(fx.ctx, at(letter), true, &holder, &err), TM_E_IN_USE);
        ck_assert(holder == TM_LOCK_OURS || access("/proc/locks", R_OK) != 0);
        ck_assert_ptr_nonnull(strstr(err.message, at(letter)));
    }
    files->close(fx.ctx, create("a", "rows"), &err); // a lock is for those who ask
    files->close(fx.ctx, fd, &err);
    fd = files->lock(fx.ctx, at("b"), false, &holder, &err);
    ck_assert_int_ge(fd, 3);
    ck_content("b", "rows");
    files->close(fx.ctx, fd, &err);
    ck_assert_int_eq(files->lock(fx.ctx, at("no"), false, &holder, &err), TM_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.message, at("no")));
    ck_assert_int_eq(files->lock(fx.ctx, at("no/a"), true, &holder, &err), TM_E_NOT_FOUND);
}
END_TEST

START_TEST(a_folder_can_be_locked)
{
    int64_t holder;
    int fd = files->lock(fx.ctx, folder, false, &holder, &err);
    ck_assert_int_ge(fd, 3);
    ck_assert_int_eq(files->lock(fx.ctx, at("."), false, &holder, &err), TM_E_IN_USE);
    files->close(fx.ctx, fd, &err);
}
END_TEST

START_TEST(a_lock_goes_with_its_process_and_names_it)
{
    int ready[2];
    int64_t holder = 0;
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ready[0]);
        if (files->lock(fx.ctx, at("a"), true, &holder, NULL) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(files->lock(fx.ctx, at("a"), true, &holder, &err), TM_E_IN_USE);
    ck_assert(holder == child || access("/proc/locks", R_OK) != 0);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_int_ge(files->lock(fx.ctx, at("a"), true, &holder, &err), 3);
    close(ready[0]);
}
END_TEST

START_TEST(links_are_followed_to_what_they_mean)
{
    char text[512];
    ck_assert_int_eq(files->resolve(fx.ctx, at("plain"), text, sizeof(text), &err), 0);
    ck_assert_str_eq(text, at("plain"));
    ck_assert_int_eq(symlink("d/two", at("one")), 0);
    ck_assert_int_eq(files->mkdirs(fx.ctx, at("d"), &err), 0);
    ck_assert_int_eq(symlink("../three", at("d/two")), 0);
    ck_assert_int_eq(files->resolve(fx.ctx, at("one"), text, sizeof(text), &err), 0);
    ck_assert_str_eq(text, at("d/../three")); // not there, which is fine
    ck_assert_int_eq(symlink("/absolute", at("four")), 0);
    ck_assert_int_eq(files->resolve(fx.ctx, at("four"), text, sizeof(text), &err), 0);
    ck_assert_str_eq(text, "/absolute");
    ck_assert_int_eq(symlink("circle", at("circle")), 0);
    ck_assert_int_eq(files->resolve(fx.ctx, at("circle"), text, sizeof(text), &err), TM_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.message, at("circle")));
    ck_assert_int_eq(files->resolve(fx.ctx, at("one"), text, 10, &err), TM_E_LIMIT);
}
END_TEST

START_TEST(opening_a_named_pipe_does_not_wait)
{
    char buf[8];
    ck_assert_int_eq(mkfifo(at("pipe"), 0666), 0);
    ck_assert_int_eq(files->open(fx.ctx, at("pipe"), TM_FILE_STREAM, &err), TM_E_CLOSED_PIPE);
    ck_assert_ptr_nonnull(strstr(err.message, at("pipe")));
    int reader = files->open(fx.ctx, at("pipe"), TM_FILE_READ, &err);
    ck_assert_int_ge(reader, 3);
    ck_assert_int_eq(files->wait_readable(fx.ctx, reader, 1), 0); // its writer is yet to come
    int writer = files->open(fx.ctx, at("pipe"), TM_FILE_STREAM, &err);
    ck_assert_int_ge(writer, 3);
    ck_assert_int_eq(fcntl(reader, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(fcntl(writer, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(files->write_all(fx.ctx, writer, "x", 1, NULL, &err), 0);
    ck_assert_int_eq(files->wait_readable(fx.ctx, reader, 0), 1);
    ck_assert_int_eq(files->read(fx.ctx, reader, buf, sizeof(buf), &err), 1);
    files->close(fx.ctx, writer, &err);
    ck_assert_int_eq(files->wait_readable(fx.ctx, reader, 0), 1);
    ck_assert_int_eq(files->read(fx.ctx, reader, buf, sizeof(buf), &err), 0);
    files->close(fx.ctx, reader, &err);
}
END_TEST

// In a process of its own: exit code 0 when all of it holds.
static int without_standard_descriptors(void)
{
    char byte;
    for (int fd = 0; fd <= 2; fd++)
        close(fd);
    tm_real_keep_standard_descriptors();
    int fd = open("/", O_RDONLY);
    if (fd <= 2)
        return 1;
    if (files->wait_readable(fx.ctx, 0, -1) != 1 ||
        files->read(fx.ctx, 0, &byte, 1, &err) != TM_E_IO ||
        strstr(err.message, "standard input") == NULL || strstr(err.hint, "<&-") == NULL)
        return 2;
    for (fd = 1; fd <= 2; fd++)
        if (files->write_all(fx.ctx, fd, "x", 1, NULL, &err) != TM_E_IO ||
            strstr(err.message, fd == 1 ? "standard output" : "standard error") == NULL ||
            strstr(err.hint, ">&-") == NULL || files->is_terminal(fx.ctx, fd))
            return 3;
    return 0;
}

START_TEST(closed_standard_descriptors_are_kept_and_using_them_is_an_error)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(without_standard_descriptors());
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    int before = fcntl(1, F_GETFL);
    tm_real_keep_standard_descriptors(); // what is open stays
    ck_assert_int_eq(fcntl(1, F_GETFL), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("real_files");
    TCase *tcase = tcase_create("real_files");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_file_is_written_and_read_again);
    tcase_add_test(tcase, an_open_file_is_looked_at_and_read_from_anywhere);
    tcase_add_test(tcase, failures_carry_code_and_path);
    tcase_add_test(tcase, a_full_disk_is_named);
    tcase_add_test(tcase, a_file_past_the_size_limit_keeps_what_fitted);
    tcase_add_test(tcase, a_reader_that_has_gone_is_a_closed_pipe);
    tcase_add_test(tcase, more_than_a_pipe_holds_arrives_whole);
    tcase_add_test(tcase, cancel_ends_a_write_that_nobody_reads);
    tcase_add_test(tcase, cancel_ends_a_write_to_a_terminal_that_stands_still);
    tcase_add_test(tcase, waiting_for_a_reader_tells_data_end_and_timeout);
    tcase_add_test(tcase, read_now_reads_what_is_there_and_does_not_wait);
    tcase_add_test(tcase, a_pipe_needs_no_sync);
    tcase_add_test(tcase, folders_are_made_with_their_parents);
    tcase_add_test(tcase, folders_are_listed_synced_and_removed_when_empty);
    tcase_add_test(tcase, rename_replaces_and_unlink_removes);
    tcase_add_test(tcase, a_pattern_gives_its_paths_sorted_by_bytes);
    tcase_add_test(tcase, no_file_takes_the_number_of_a_closed_standard_stream);
    tcase_add_test(tcase, a_lock_holds_a_file_against_all_its_names);
    tcase_add_test(tcase, a_folder_can_be_locked);
    tcase_add_test(tcase, a_lock_goes_with_its_process_and_names_it);
    tcase_add_test(tcase, links_are_followed_to_what_they_mean);
    tcase_add_test(tcase, opening_a_named_pipe_does_not_wait);
    tcase_add_test(tcase, closed_standard_descriptors_are_kept_and_using_them_is_an_error);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
