// Where a source of files is, for a checkpoint, and how its splits go on from there. The position
// of a split is its decoder's: bytes that are read ahead belong to nobody yet.
#include "connectors/file/records_private.h"

#include <stdio.h>

int tm__records_resume(struct tm__records *self, struct tm__split *split, struct tm_error *err)
{
    const struct tm_file_resume *resume = split->input.resume;
    int rc = split->decoder->ops->load(split->decoder, resume->offset, resume->state,
                                       resume->state_bytes);
    if (rc == TM_E_CHECKPOINT) {
        tm_error_set(err, rc, "source '%s': how %s is read on makes no sense to the format \"%s\"",
                     self->base.node->name, split->input.path, self->base.node->format);
        tm_error_hint(err, "the format and its options are to be those of the job that took the "
                           "checkpoint; --fresh begins anew");
    } else if (rc != 0) {
        tm_error_set(err, rc, "out of memory for reading %s", split->input.path);
    }
    return rc;
}

int tm__records_note_read(struct tm__records *self, const struct tm__split *split,
                          struct tm_error *err)
{
    if (self->look != NULL) // what is gone and read is forgotten
        return 0;
    if (tm__names_add(&self->read, split->input.path, split->input.begin, split->input.end) != 0)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the names of files that are read");
    return 0;
}

static int put(struct tm__records *self, uint32_t index, struct tm__position *position,
               struct tm_cut *cut)
{
    const struct tm_splits *splits = self->base.ctx->splits;
    position->resume.watermark = tm_splits_watermark(splits, index);
    position->resume.status = tm_splits_status(splits, index);
    return tm__position_put(cut, self->base.node->name, self->mem, position);
}

// One that has a decoder which has seen something.
static int put_open(struct tm__records *self, uint32_t index, struct tm__position *position,
                    struct tm_cut *cut)
{
    const struct tm__split *split = &self->splits[index];
    struct tm_buf state;
    tm_buf_init(&state, self->mem);
    int rc = split->decoder->ops->save(split->decoder, &position->resume.offset, &state);
    position->head = NULL;
    position->resume.state = state.data;
    position->resume.state_bytes = state.size_bytes;
    position->resume.identity = split->reader.identity;
    if (rc == 0)
        rc = put(self, index, position, cut);
    tm_buf_fini(&state);
    return rc;
}

static bool is_begun(const struct tm__split *split)
{
    const struct tm_file_input *input = &split->input;
    return input->head_bytes == 0 || split->head_read;
}

static int snapshot_split(struct tm__records *self, uint32_t index, struct tm__names *names,
                          struct tm_cut *cut)
{
    const struct tm__split *split = &self->splits[index];
    const struct tm_file_input *input = &split->input;
    struct tm__position position = {.path = input->path,
                                    .begin = input->begin,
                                    .end = input->end,
                                    .head = input->head,
                                    .head_bytes = input->head_bytes};
    if (split->decoder != NULL && is_begun(split))
        return put_open(self, index, &position, cut);
    if (input->resume != NULL) { // as it was
        position.resume = *input->resume;
        return put(self, index, &position, cut);
    }
    if (self->look != NULL) // it will be found again
        return 0;
    if (input->begin == 0 && input->end == 0)
        return tm__names_add(names, input->path, 0, 0);
    position.resume.identity = input->identity;
    return put(self, index, &position, cut);
}

static bool is_to_be_read(const struct tm__records *self, uint32_t index)
{
    if (self->look != NULL)
        return self->splits[index].use != TM__SPLIT_VACANT;
    return tm_splits_status(self->base.ctx->splits, index) != TM_SPLIT_FINISHED;
}

int tm__records_snapshot(struct tm_source *source, struct tm_cut *cut, struct tm_error *err)
{
    struct tm__records *self = (struct tm__records *)source;
    const char *node = source->node->name;
    struct tm__names names;
    int rc = 0;
    tm__names_init(&names, self->mem, TM__NAME_NOT_BEGUN);
    for (uint32_t i = 0; rc == 0 && i < self->count; i++)
        if (is_to_be_read(self, i))
            rc = snapshot_split(self, i, &names, cut);
    rc = rc != 0 ? rc : tm__names_put(cut, node, &names);
    rc = rc != 0 ? rc : tm__names_put(cut, node, &self->read);
    if (rc == 0 && self->read_before != NULL && self->read_before->size_bytes > 1)
        rc = tm_cut_item(cut, node, "files", TM_ITEM_SUBTASK, self->read_before->data,
                         self->read_before->size_bytes);
    tm__names_fini(&names);
    return rc == 0 ? 0 : tm_error_set(err, rc, "out of memory for the positions of '%s'", node);
}
