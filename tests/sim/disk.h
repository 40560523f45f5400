// The simulated disk: what it holds now, and what of that outlasts a loss of power.
//
// Files and folders are inodes, known by number; a name leads from a folder to an inode, 0 is the
// root. A write belongs to its inode until that is synced, a name that was made, moved or removed
// to its folder until that is. Nothing here fails: effects.c decides what does. Memory that the
// simulator lacks ends it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tests/sim/random.h"

enum { SIM_SECTOR = 512, SIM_PATH = 512 };

struct sim_bytes {
    uint8_t *data;
    size_t size, capacity;
};

// What a file has had since it was synced.
struct sim_write {
    size_t offset, length; // of truncating: the length that it had then
    bool truncates;
};

struct sim_inode {
    bool folder;
    struct sim_bytes now, durable;
    struct sim_write *writes;
    uint32_t write_count, write_capacity;
};

struct sim_name {
    uint32_t hash; // of folder and name
    int folder, inode;
    char *name;
};

struct sim_names {
    struct sim_name *all;
    uint32_t count, capacity;
};

enum sim_naming { SIM_LINK, SIM_UNLINK, SIM_RENAME };

// What was done to names, and is not durable.
struct sim_name_change {
    enum sim_naming what;
    int inode, folder, to_folder;
    char *name, *to;
};

struct sim_disk {
    struct sim_inode *inodes;
    int inode_count, inode_capacity;
    struct sim_names now, durable;
    struct sim_name_change *changes;
    uint32_t change_count, change_capacity;
    int64_t used_bytes; // of files that have a name now or had one: what a full disk is full of
    uint64_t version;   // changes with whatever can be seen in a folder or a file
};

void sim_disk_init(struct sim_disk *disk);
void sim_disk_fini(struct sim_disk *disk);
// As it is now, all of it durable.
void sim_disk_copy(struct sim_disk *copy, const struct sim_disk *disk);

// The inode of a path; -1: there is none.
int sim_disk_find(const struct sim_disk *disk, const char *path);
// What a loss of power would leave of a file for sure; NULL: not even its name.
const struct sim_bytes *sim_disk_durable(const struct sim_disk *disk, const char *path);
// A new, empty file, which takes the place of another. -1: its folder is not there.
int sim_disk_create(struct sim_disk *disk, const char *path);
// With its parents. -1: one of them is a file.
int sim_disk_mkdirs(struct sim_disk *disk, const char *path);
void sim_disk_write(struct sim_disk *disk, int inode, size_t offset, const void *data,
                    size_t length);
void sim_disk_truncate(struct sim_disk *disk, int inode, size_t size);
void sim_disk_sync(struct sim_disk *disk, int inode);
void sim_disk_sync_folder(struct sim_disk *disk, int inode);
bool sim_disk_rename(struct sim_disk *disk, const char *from, const char *to);
bool sim_disk_unlink(struct sim_disk *disk, const char *path);
bool sim_disk_is_empty(const struct sim_disk *disk, int folder);

// Power is lost: everything is as it is durable, and of the rest what is drawn: of names a
// beginning of what was done or any part of it, of bytes any sectors.
void sim_disk_lose(struct sim_disk *disk, struct sim_random *random);
// What a sync that failed was to keep is kept by chance, and counts as kept.
void sim_disk_sync_badly(struct sim_disk *disk, int inode, struct sim_random *random);
// All is as durable as it looks: for what a test puts there.
void sim_disk_settle(struct sim_disk *disk);
// The same of one file, with its name.
void sim_disk_settle_file(struct sim_disk *disk, const char *path);
