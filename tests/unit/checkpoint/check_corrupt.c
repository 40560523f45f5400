// Stored checkpoints with a bit turned, an end cut off, blocks exchanged, a range of zeros or of
// noise: each is refused when it is opened or read, or gives back what was written to the last
// value. None gives back anything else, also where images are taken apart before all of them has
// been compared with its checksum.
#include "tests/unit/checkpoint/subject.h"

enum { FILES_MAX = 64 };

static struct tm_error err;
static int files[FILES_MAX]; // inodes with bytes
static int file_count;

static void store_some(void)
{
    struct tm_store *store;
    disk_init();
    subject_init(60, 11);
    ck_assert_int_eq(subject_store(&store, &err), 0);
    subject_change(200);
    for (uint64_t n = 1; n <= 4; n++) {
        subject_change(6);
        ck_assert_int_eq(subject_take(store, n, true, NULL, &err), 0);
        ck_assert_int_eq(tm_store_collect(store, &err), 0);
    }
    tm_store_close(store);
    disk.recording = false;
    file_count = 0;
    for (int i = 0; i < disk.names.count; i++) {
        const struct disk_name *name = &disk.names.all[i];
        if (!disk.inodes[name->inode].folder && disk.inodes[name->inode].size != 0)
            files[file_count++] = name->inode;
    }
}

// What is done to the bytes; false: nothing.
static bool corrupt(struct disk_inode *file)
{
    size_t from = subject_draw(file->size), length = 1 + subject_draw(64), to;
    if (length > file->size - from)
        length = file->size - from;
    switch (subject_draw(6)) {
    case 0:
        file->data[from] ^= (uint8_t)(1u << subject_draw(8));
        return true;
    case 1:
        file->size = from;
        return true;
    case 2:
        memset(file->data + from, 0, length);
        return true;
    case 3:
        for (size_t i = 0; i < length; i++)
            file->data[from + i] = (uint8_t)subject_draw(256);
        return true;
    case 4: // bytes of another place, as of a block that was written elsewhere
        to = subject_draw(file->size - length + 1);
        memmove(file->data + to, file->data + from, length);
        return true;
    default: { // all of another file
        struct disk_inode *other = &disk.inodes[files[subject_draw((uint64_t)file_count)]];
        struct disk_inode held = *other;
        *other = *file;
        *file = held;
        return other != file;
    }
    }
}

// `in_pieces`: of any size, and nothing was read before.
static void corrupt_often(uint32_t corruptions, bool in_pieces)
{
    struct disk_inode held[FILES_MAX];
    uint64_t refused = 0, harmless = 0, by_code[2] = {0};
    store_some();
    for (uint32_t i = 0; i < corruptions; i++) {
        for (int k = 0; k < file_count; k++) {
            struct disk_inode *file = &disk.inodes[files[k]];
            held[k] = *file;
            file->data = malloc(file->size);
            memcpy(file->data, held[k].data, file->size);
        }
        uint64_t checkpoint = 4;
        tm_error_clear(&err);
        subject.piece_bytes = in_pieces ? 1 + (uint32_t)subject_draw(400) : 0;
        (void)corrupt(&disk.inodes[files[subject_draw((uint64_t)file_count)]]);
        int rc = subject_open("work/subject", 0, &checkpoint, &err);
        ck_assert_msg(rc == 0 || rc == TM_E_CHECKPOINT || rc == TM_E_CHECKPOINT_MISSING,
                      "%u: %d %s", i, rc, err.message);
        ck_assert(rc != 0 || checkpoint == 4);
        refused += rc != 0;
        harmless += rc == 0;
        by_code[rc == TM_E_CHECKPOINT_MISSING]++;
        for (int k = 0; k < file_count; k++) {
            free(disk.inodes[files[k]].data);
            disk.inodes[files[k]] = held[k];
        }
    }
    printf("corrupt: %u, %llu refused, %llu that changed nothing that is needed\n", corruptions,
           (unsigned long long)refused, (unsigned long long)harmless);
    ck_assert_uint_gt(refused, corruptions / 3);
    ck_assert_uint_eq(by_code[1], 0);
    subject_fini();
    disk_fini();
}

START_TEST(no_corruption_is_restored_as_something_else)
{
    corrupt_often(test_is_long() ? 100000 : 20000, false);
}
END_TEST

START_TEST(no_corruption_gets_through_in_pieces)
{
    corrupt_often(test_is_long() ? 100000 : 20000, true);
}
END_TEST

// Of the bytes that the newest checkpoint needs, none can change unnoticed.
START_TEST(every_bit_of_what_is_needed_is_guarded)
{
    struct tm_store *store;
    disk_init();
    subject_init(20, 12);
    ck_assert_int_eq(subject_store(&store, &err), 0);
    subject_change(40);
    ck_assert_int_eq(subject_take(store, 1, true, NULL, &err), 0);
    tm_store_close(store);
    uint64_t bits = 0;
    int lock = disk_inode_of(
        "work/subject/LOCK"); // whose folder it was: written anew by each who opens it
    ck_assert_int_ge(lock, 0);
    for (int i = 0; i < disk.inode_count; i++)
        for (size_t at = 0; i != lock && at < 8 * disk.inodes[i].size; at += 3, bits++) {
            uint64_t checkpoint;
            subject.piece_bytes = bits % 2 == 0 ? 0 : 1 + (uint32_t)(bits % 300);
            disk.inodes[i].data[at / 8] ^= (uint8_t)(1u << at % 8);
            int rc = subject_open("work/subject", 0, &checkpoint, &err);
            ck_assert_msg(rc == TM_E_CHECKPOINT, "bit %zu of %d: %d", at, i, rc);
            disk.inodes[i].data[at / 8] ^= (uint8_t)(1u << at % 8);
        }
    printf("corrupt: %llu bits turned, each refused\n", (unsigned long long)bits);
    subject_fini();
    disk_fini();
}
END_TEST

// A page that says that it is very large, in a segment that is read piece by piece: that segment is
// compared with its checksum before memory is asked for.
START_TEST(a_damaged_length_asks_for_no_memory)
{
    static const uint8_t head[] = {2, 0, 16, 7}; // version, whole, bytes of a value, page 1 made
    static const uint8_t large[] = {0x80, 0x80, 0x80, 0x20, 0x80, 0x80, 0x80, 0x20, 3, 0};
    uint64_t checkpoint;
    int found = 0;
    store_some();
    for (int k = 0; k < file_count; k++) {
        struct disk_inode *file = &disk.inodes[files[k]];
        for (size_t at = 0; at + sizeof head + sizeof large < file->size; at++)
            if (memcmp(file->data + at, head, sizeof head) == 0) {
                memcpy(file->data + at + sizeof head, large, sizeof large);
                found++;
            }
    }
    ck_assert_int_ge(found, GROUPS);
    subject.piece_bytes = 100;
    subject.mem.limit_bytes = 16 << 20;
    tm_error_clear(&err);
    int rc = subject_open("work/subject", 0, &checkpoint, &err);
    ck_assert_msg(rc == TM_E_CHECKPOINT && strstr(err.message, "are not what was written") != NULL,
                  "%d %s", rc, err.message);
    subject_fini();
    disk_fini();
}
END_TEST

START_TEST(a_later_version_says_so)
{
    static const char later[] = "{\"tidemill_checkpoint\": 2}\n";
    struct tm_buf buf;
    struct tm_manifest manifest;
    disk_init();
    subject_init(1, 1);
    tm_buf_init(&buf, &subject.mem);
    tm_manifest_init(&manifest, &subject.mem);
    ck_assert_int_eq(tm_buf_append(&buf, later, strlen(later)), 0);
    ck_assert_int_eq(tm_buf_printf(&buf, "xxh3 %016llx\n",
                                   (unsigned long long)tm_hash_bytes(later, strlen(later))),
                     0);
    ck_assert_int_eq(tm_manifest_decode(&manifest, "there", buf.data, buf.size_bytes, &err),
                     TM_E_CHECKPOINT_VERSION);
    ck_assert_str_eq(err.message, "there is of version 2, and this tidemill (" TM_VERSION
                                  ") reads up to version 1");
    tm_buf_fini(&buf);
    tm_manifest_fini(&manifest);
    subject_fini();
    disk_fini();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint_corrupt");
    TCase *tests = tcase_create("corrupt");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, no_corruption_is_restored_as_something_else);
    tcase_add_test(tests, no_corruption_gets_through_in_pieces);
    tcase_add_test(tests, every_bit_of_what_is_needed_is_guarded);
    tcase_add_test(tests, a_damaged_length_asks_for_no_memory);
    tcase_add_test(tests, a_later_version_says_so);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
