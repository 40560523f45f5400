// Inodes and names in memory, each twice: as they are now and as they are durable.
#include "tests/sim/disk.h"

#include <stdlib.h>
#include <string.h>

// --- memory --------------------------------------------------------------------------------------

static void *grow(void *p, size_t size)
{
    void *grown = realloc(p, size);
    if (grown == NULL)
        abort();
    return grown;
}

static char *copy_text(const char *text, size_t length)
{
    char *copy = grow(NULL, length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

static void reserve(struct sim_bytes *bytes, size_t size)
{
    if (size <= bytes->capacity)
        return;
    bytes->capacity = size < 256 ? 512 : size * 2;
    bytes->data = grow(bytes->data, bytes->capacity);
}

// What lies between its end and there is zero.
static void lengthen(struct sim_bytes *bytes, size_t size)
{
    if (size <= bytes->size)
        return;
    reserve(bytes, size);
    memset(bytes->data + bytes->size, 0, size - bytes->size);
    bytes->size = size;
}

static void copy_bytes(struct sim_bytes *to, const struct sim_bytes *from)
{
    reserve(to, from->size);
    if (from->size != 0)
        memcpy(to->data, from->data, from->size);
    to->size = from->size;
}

// --- names ---------------------------------------------------------------------------------------

static uint32_t hash_of(int folder, const char *name, size_t length)
{
    uint32_t hash = 2166136261u ^ (uint32_t)folder;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    return hash;
}

static struct sim_name *find_name(const struct sim_names *names, int folder, const char *name,
                                  size_t length)
{
    uint32_t hash = hash_of(folder, name, length);
    for (uint32_t i = 0; i < names->count; i++) {
        struct sim_name *n = &names->all[i];
        if (n->hash == hash && n->folder == folder && strncmp(n->name, name, length) == 0 &&
            n->name[length] == '\0')
            return n;
    }
    return NULL;
}

static void remove_name(struct sim_names *names, int folder, const char *name)
{
    struct sim_name *n = find_name(names, folder, name, strlen(name));
    if (n == NULL)
        return;
    free(n->name);
    *n = names->all[--names->count];
}

static void set_name(struct sim_names *names, int folder, const char *name, int inode)
{
    struct sim_name *n = find_name(names, folder, name, strlen(name));
    if (n != NULL) {
        n->inode = inode;
        return;
    }
    if (names->count == names->capacity) {
        names->capacity = names->capacity == 0 ? 64 : names->capacity * 2;
        names->all = grow(names->all, names->capacity * sizeof *names->all);
    }
    size_t length = strlen(name);
    names->all[names->count++] = (struct sim_name){.hash = hash_of(folder, name, length),
                                                   .folder = folder,
                                                   .inode = inode,
                                                   .name = copy_text(name, length)};
}

static void free_names(struct sim_names *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        free(names->all[i].name);
    free(names->all);
    *names = (struct sim_names){0};
}

static void copy_names(struct sim_names *to, const struct sim_names *from)
{
    free_names(to);
    for (uint32_t i = 0; i < from->count; i++)
        set_name(to, from->all[i].folder, from->all[i].name, from->all[i].inode);
}

static void apply(struct sim_names *names, const struct sim_name_change *change)
{
    if (change->what == SIM_LINK)
        set_name(names, change->folder, change->name, change->inode);
    else
        remove_name(names, change->folder, change->name);
    if (change->what == SIM_RENAME)
        set_name(names, change->to_folder, change->to, change->inode);
}

static void free_change(struct sim_name_change *change)
{
    free(change->name);
    free(change->to);
}

static void note(struct sim_disk *disk, const struct sim_name_change *change)
{
    if (disk->change_count == disk->change_capacity) {
        disk->change_capacity = disk->change_capacity == 0 ? 64 : disk->change_capacity * 2;
        disk->changes = grow(disk->changes, disk->change_capacity * sizeof *disk->changes);
    }
    struct sim_name_change *kept = &disk->changes[disk->change_count++];
    *kept = *change;
    kept->name = copy_text(change->name, strlen(change->name));
    kept->to = change->to == NULL ? NULL : copy_text(change->to, strlen(change->to));
    apply(&disk->now, kept);
    disk->version++;
}

// The folder of a path and its last part; -1: that is not there.
static int parent_in(const struct sim_disk *disk, const struct sim_names *names, const char *path,
                     const char **last)
{
    int folder = 0;
    for (;;) {
        while (path[0] == '/' || (path[0] == '.' && path[1] == '/'))
            path++;
        const char *slash = strchr(path, '/');
        if (slash == NULL || slash[1] == '\0')
            break;
        const struct sim_name *n = find_name(names, folder, path, (size_t)(slash - path));
        if (n == NULL || !disk->inodes[n->inode].folder)
            return -1;
        folder = n->inode;
        path = slash + 1;
    }
    *last = path;
    return folder;
}

static int parent_of(const struct sim_disk *disk, const char *path, const char **last)
{
    return parent_in(disk, &disk->now, path, last);
}

static size_t last_length(const char *last)
{
    return strcspn(last, "/");
}

static int find_in(const struct sim_disk *disk, const struct sim_names *names, const char *path)
{
    const char *last;
    int folder = parent_in(disk, names, path, &last);
    if (folder < 0)
        return -1;
    if (last[0] == '\0' || strcmp(last, ".") == 0)
        return folder;
    const struct sim_name *n = find_name(names, folder, last, last_length(last));
    return n == NULL ? -1 : n->inode;
}

int sim_disk_find(const struct sim_disk *disk, const char *path)
{
    return find_in(disk, &disk->now, path);
}

const struct sim_bytes *sim_disk_durable(const struct sim_disk *disk, const char *path)
{
    int inode = find_in(disk, &disk->durable, path);
    return inode < 0 ? NULL : &disk->inodes[inode].durable;
}

static int new_inode(struct sim_disk *disk, bool folder)
{
    if (disk->inode_count == disk->inode_capacity) {
        disk->inode_capacity = disk->inode_capacity == 0 ? 64 : disk->inode_capacity * 2;
        disk->inodes = grow(disk->inodes, (size_t)disk->inode_capacity * sizeof *disk->inodes);
    }
    disk->inodes[disk->inode_count] = (struct sim_inode){.folder = folder};
    return disk->inode_count++;
}

static void link_new(struct sim_disk *disk, int folder, const char *name, size_t length, int inode)
{
    char *copy = copy_text(name, length);
    note(disk, &(struct sim_name_change){
                   .what = SIM_LINK, .folder = folder, .name = copy, .inode = inode});
    free(copy);
}

static void forget_bytes(struct sim_disk *disk, int inode)
{
    if (!disk->inodes[inode].folder)
        disk->used_bytes -= (int64_t)disk->inodes[inode].now.size;
}

int sim_disk_create(struct sim_disk *disk, const char *path)
{
    const char *last;
    int folder = parent_of(disk, path, &last);
    if (folder < 0)
        return -1;
    int old = sim_disk_find(disk, path), inode = new_inode(disk, false);
    if (old >= 0)
        forget_bytes(disk, old);
    link_new(disk, folder, last, last_length(last), inode);
    return inode;
}

int sim_disk_mkdirs(struct sim_disk *disk, const char *path)
{
    int folder = 0;
    while (*path != '\0') {
        size_t length = strcspn(path, "/");
        if (length != 0 && !(length == 1 && path[0] == '.')) {
            const struct sim_name *n = find_name(&disk->now, folder, path, length);
            int inode = n == NULL ? new_inode(disk, true) : n->inode;
            if (!disk->inodes[inode].folder)
                return -1;
            if (n == NULL)
                link_new(disk, folder, path, length, inode);
            folder = inode;
        }
        path += length + (path[length] == '/');
    }
    return folder;
}

bool sim_disk_rename(struct sim_disk *disk, const char *from, const char *to)
{
    const char *name, *last;
    int folder = parent_of(disk, from, &name), to_folder = parent_of(disk, to, &last);
    int inode = sim_disk_find(disk, from), old = sim_disk_find(disk, to);
    if (folder < 0 || to_folder < 0 || inode < 0)
        return false;
    if (old >= 0 && old != inode)
        forget_bytes(disk, old);
    char *a = copy_text(name, last_length(name)), *b = copy_text(last, last_length(last));
    note(disk, &(struct sim_name_change){.what = SIM_RENAME,
                                         .folder = folder,
                                         .to_folder = to_folder,
                                         .name = a,
                                         .to = b,
                                         .inode = inode});
    free(a);
    free(b);
    return true;
}

bool sim_disk_unlink(struct sim_disk *disk, const char *path)
{
    const char *last;
    int folder = parent_of(disk, path, &last), inode = sim_disk_find(disk, path);
    if (folder < 0 || inode < 0)
        return false;
    forget_bytes(disk, inode);
    char *name = copy_text(last, last_length(last));
    note(disk, &(struct sim_name_change){
                   .what = SIM_UNLINK, .folder = folder, .name = name, .inode = inode});
    free(name);
    return true;
}

bool sim_disk_is_empty(const struct sim_disk *disk, int folder)
{
    for (uint32_t i = 0; i < disk->now.count; i++)
        if (disk->now.all[i].folder == folder)
            return false;
    return true;
}

void sim_disk_sync_folder(struct sim_disk *disk, int folder)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < disk->change_count; i++) {
        struct sim_name_change *change = &disk->changes[i];
        bool is_its =
            change->folder == folder || (change->what == SIM_RENAME && change->to_folder == folder);
        if (!is_its) {
            disk->changes[kept++] = *change;
            continue;
        }
        apply(&disk->durable, change);
        free_change(change);
    }
    disk->change_count = kept;
}

// --- bytes ---------------------------------------------------------------------------------------

static void note_write(struct sim_inode *inode, struct sim_write write)
{
    if (inode->write_count == inode->write_capacity) {
        inode->write_capacity = inode->write_capacity == 0 ? 8 : inode->write_capacity * 2;
        inode->writes = grow(inode->writes, inode->write_capacity * sizeof *inode->writes);
    }
    inode->writes[inode->write_count++] = write;
}

void sim_disk_write(struct sim_disk *disk, int number, size_t offset, const void *data,
                    size_t length)
{
    struct sim_inode *inode = &disk->inodes[number];
    size_t before = inode->now.size;
    if (length == 0)
        return;
    lengthen(&inode->now, offset + length);
    memcpy(inode->now.data + offset, data, length);
    disk->used_bytes += (int64_t)(inode->now.size - before);
    note_write(inode, (struct sim_write){.offset = offset, .length = length});
    disk->version++;
}

void sim_disk_truncate(struct sim_disk *disk, int number, size_t size)
{
    struct sim_inode *inode = &disk->inodes[number];
    disk->used_bytes += (int64_t)size - (int64_t)inode->now.size;
    note_write(inode,
               (struct sim_write){.offset = size, .length = inode->now.size, .truncates = true});
    lengthen(&inode->now, size);
    inode->now.size = size;
    disk->version++;
}

void sim_disk_sync(struct sim_disk *disk, int number)
{
    struct sim_inode *inode = &disk->inodes[number];
    for (uint32_t i = 0; i < inode->write_count; i++) {
        const struct sim_write *write = &inode->writes[i];
        if (write->truncates) {
            lengthen(&inode->durable, write->offset);
            inode->durable.size = write->offset;
            continue;
        }
        // Whole sectors, as they are now: what an earlier sync has lost stays lost.
        size_t from = write->offset / SIM_SECTOR * SIM_SECTOR, end = write->offset + write->length;
        end = end < inode->now.size ? end : inode->now.size;
        if (from >= end)
            continue;
        lengthen(&inode->durable, end);
        memcpy(inode->durable.data + from, inode->now.data + from, end - from);
    }
    inode->write_count = 0;
}

// --- losing --------------------------------------------------------------------------------------

// Of one write any sectors; its length too, or as far as its last sector.
static void keep_some(const struct sim_inode *inode, struct sim_bytes *kept,
                      const struct sim_write *write, struct sim_random *random)
{
    size_t end = write->offset + write->length;
    uint32_t permille = (uint32_t)sim_below(random, 5) * 250; // none, all, or a part
    for (size_t at = write->offset; at < end;) {
        size_t next = (at / SIM_SECTOR + 1) * SIM_SECTOR;
        next = next < end ? next : end;
        if (sim_chance(random, permille) && next <= inode->now.size) {
            lengthen(kept, next);
            memcpy(kept->data + at, inode->now.data + at, next - at);
        }
        at = next;
    }
    if (sim_chance(random, 250))
        lengthen(kept, end);
}

static void keep_writes(struct sim_inode *inode, struct sim_random *random)
{
    for (uint32_t i = 0; i < inode->write_count; i++) {
        const struct sim_write *write = &inode->writes[i];
        if (!write->truncates) {
            keep_some(inode, &inode->durable, write, random);
        } else if (sim_chance(random, 500)) {
            lengthen(&inode->durable, write->offset);
            inode->durable.size = write->offset;
        }
    }
    inode->write_count = 0;
}

void sim_disk_sync_badly(struct sim_disk *disk, int number, struct sim_random *random)
{
    keep_writes(&disk->inodes[number], random);
}

static void count_used(struct sim_disk *disk)
{
    disk->used_bytes = 0;
    for (uint32_t i = 0; i < disk->now.count; i++)
        disk->used_bytes += (int64_t)disk->inodes[disk->now.all[i].inode].now.size;
}

void sim_disk_lose(struct sim_disk *disk, struct sim_random *random)
{
    bool in_order = sim_chance(random, 500);
    uint64_t first = sim_below(random, disk->change_count + 1);
    for (uint32_t i = 0; i < disk->change_count; i++) {
        if (in_order ? i < first : sim_chance(random, 500))
            apply(&disk->durable, &disk->changes[i]);
        free_change(&disk->changes[i]);
    }
    disk->change_count = 0;
    copy_names(&disk->now, &disk->durable);
    for (int i = 0; i < disk->inode_count; i++) {
        keep_writes(&disk->inodes[i], random);
        copy_bytes(&disk->inodes[i].now, &disk->inodes[i].durable);
    }
    count_used(disk);
    disk->version++;
}

void sim_disk_settle(struct sim_disk *disk)
{
    for (uint32_t i = 0; i < disk->change_count; i++) {
        apply(&disk->durable, &disk->changes[i]);
        free_change(&disk->changes[i]);
    }
    disk->change_count = 0;
    for (int i = 0; i < disk->inode_count; i++)
        sim_disk_sync(disk, i);
}

void sim_disk_settle_file(struct sim_disk *disk, const char *path)
{
    const char *last;
    int folder = parent_of(disk, path, &last), inode = sim_disk_find(disk, path);
    if (inode < 0)
        return;
    sim_disk_sync(disk, inode);
    sim_disk_sync_folder(disk, folder);
}

// --- the whole -----------------------------------------------------------------------------------

void sim_disk_init(struct sim_disk *disk)
{
    *disk = (struct sim_disk){0};
    (void)new_inode(disk, true); // the root
}

void sim_disk_fini(struct sim_disk *disk)
{
    for (int i = 0; i < disk->inode_count; i++) {
        free(disk->inodes[i].now.data);
        free(disk->inodes[i].durable.data);
        free(disk->inodes[i].writes);
    }
    for (uint32_t i = 0; i < disk->change_count; i++)
        free_change(&disk->changes[i]);
    free_names(&disk->now);
    free_names(&disk->durable);
    free(disk->changes);
    free(disk->inodes);
    *disk = (struct sim_disk){0};
}

void sim_disk_copy(struct sim_disk *copy, const struct sim_disk *disk)
{
    sim_disk_init(copy);
    for (int i = 1; i < disk->inode_count; i++) {
        int inode = new_inode(copy, disk->inodes[i].folder);
        copy_bytes(&copy->inodes[inode].now, &disk->inodes[i].now);
        copy_bytes(&copy->inodes[inode].durable, &disk->inodes[i].now);
    }
    copy_names(&copy->now, &disk->now);
    copy_names(&copy->durable, &disk->now);
    copy->used_bytes = disk->used_bytes;
}
