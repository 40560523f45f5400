// Following files: each is a split that may be read to its end many times. A file at whose path a
// new one has appeared is read to its end first. One that has gone (renamed to a name that is not
// meant, or deleted) is still looked at for a while, as whoever writes it may not know yet; then it
// ends, and a last line without an end is a line.
//
// Watermarks: a file holds the watermark of the subtask from its discovery on, while it is expected
// to grow. A file that
// has gone, a file that is empty, and one that is quiet for as long as the job says (`idle` of
// `watermark`) do not.
#include <inttypes.h>
#include <stdio.h>

#include "connectors/file/records_private.h"
#include "core/base/limits.h"

static const int64_t ms_ns = 1000000;

static void set_status(struct tm__records *self, uint32_t index, enum tm_split_status status)
{
    struct tm_splits *splits = self->base.ctx->splits;
    if (tm_splits_status(splits, index) != status)
        tm_splits_set_status(splits, index, status);
}

// --- news ----------------------------------------------------------------------------------------

static struct tm__split *split_of(struct tm__records *self, uint32_t file)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->splits[i].use != TM__SPLIT_VACANT && self->splits[i].file == file)
            return &self->splits[i];
    return NULL;
}

static int take_new(struct tm__records *self, const struct tm_follow_news *news, int64_t now_ns,
                    struct tm_error *err)
{
    uint32_t i = 0;
    while (i < self->count && self->splits[i].use != TM__SPLIT_VACANT)
        i++;
    if (i == self->count) // those that end here are let go a moment later
        return tm_error_set(err, TM_E_LIMIT, "more than %u files are followed", self->count);
    self->splits[i] = (struct tm__split){
        .input = {.path = news->path,
                  .fd = news->fd,
                  .follow = true,
                  .resume = news->resume,
                  .identify = self->base.ctx->checkpoints},
        .use = TM__SPLIT_WAITING,
        .file = news->file,
        .after = news->after,
        .since_ns = now_ns,
    };
    set_status(self, i, TM_SPLIT_UNOPENED); // it holds the watermark until its beginning is known
    return 0;
}

void tm__records_take_resumed(struct tm__records *self)
{
    struct tm_follow_news news;
    struct tm_splits *splits = self->base.ctx->splits;
    // There are not more than slots: files were dealt with that in mind.
    for (uint32_t i = 0; tm__follow_resumed(self->look->follow, self->look->subtask, i, &news) &&
                         take_new(self, &news, 0, NULL) == 0;
         i++) {
        tm_splits_raise(splits, i, news.resume->watermark);
        set_status(self, i, news.resume->status == TM_SPLIT_IDLE ? TM_SPLIT_IDLE : TM_SPLIT_ACTIVE);
    }
}

// The first look is done: slots without a file hold nothing, and a subtask that has none is idle.
static void begin_idle(struct tm__records *self)
{
    self->begun = true;
    for (uint32_t i = 0; i < self->count; i++)
        if (self->splits[i].use == TM__SPLIT_VACANT)
            set_status(self, i, TM_SPLIT_IDLE);
}

static int take_news(struct tm__records *self, int64_t now_ns, struct tm_error *err)
{
    struct tm_follow_look *look = self->look;
    int rc = look->code;
    if (rc != 0) {
        *err = look->err;
        tm_error_where(err, "%s", self->base.node->where);
    }
    for (uint32_t i = 0; rc == 0 && i < look->news_count; i++) {
        const struct tm_follow_news *news = &look->news[i];
        struct tm__split *split = split_of(self, news->file);
        if (news->what == TM_FOLLOW_TOLD)
            tm_task_warn(self->base.ctx, self->base.node, news->path);
        else if (news->what == TM_FOLLOW_NEW)
            rc = take_new(self, news, now_ns, err);
        else if (split != NULL)
            split->gone = news->what == TM_FOLLOW_GONE;
    }
    return rc;
}

// --- each file -----------------------------------------------------------------------------------

// Its predecessor has no more, and that was seen after this one had appeared.
static bool may_begin(struct tm__records *self, const struct tm__split *split)
{
    if (split->after == (uint32_t)TM_FOLLOW_NONE)
        return true;
    const struct tm__split *before = split_of(self, split->after);
    return before == NULL || before == split ||
           (before->use == TM__SPLIT_READING && before->reader.caught_up &&
            before->reader.done_ns > split->since_ns);
}

static int begin(struct tm__records *self, uint32_t index, struct tm_error *err)
{
    struct tm__split *split = &self->splits[index];
    split->use = TM__SPLIT_READING;
    return tm__records_open(self, index, err);
}

// A file whose last look found nothing.
static void rest(struct tm__records *self, uint32_t index, int64_t now_ns)
{
    struct tm__split *split = &self->splits[index];
    if (split->quiet_since_ns == 0)
        split->quiet_since_ns = now_ns;
    int64_t quiet_ms = (now_ns - split->quiet_since_ns) / ms_ns;
    bool over = split->gone && quiet_ms >= TM_FOLLOW_GONE_MS;
    if (over && self->released_count < TM_FOLLOW_NEWS) { // what is left of it is its last record
        split->reader.at_end = true;
        split->pending = true;
        set_status(self, index, TM_SPLIT_ACTIVE);
    } else if (split->gone ||
               tm_splits_status(self->base.ctx->splits, index) == TM_SPLIT_UNOPENED || // empty
               (self->idle_ms != 0 && quiet_ms >= self->idle_ms)) {
        set_status(self, index, TM_SPLIT_IDLE);
    }
}

static int tend_split(struct tm__records *self, uint32_t index, int64_t now_ns,
                      struct tm_error *err)
{
    struct tm__split *split = &self->splits[index];
    if (split->use == TM__SPLIT_WAITING)
        return may_begin(self, split) ? begin(self, index, err) : 0;
    if (split->use == TM__SPLIT_VACANT || split->pending)
        return 0;
    struct tm_file_reader *reader = &split->reader;
    if (tm_file_reader_found_nothing(reader)) {
        int rc = tm_file_reader_take(reader, err);
        if (rc != 0)
            return rc;
    }
    if (reader->caught_up) {
        rest(self, index, now_ns);
    } else if (tm_file_reader_is_ready(reader)) {
        split->quiet_since_ns = 0;
        set_status(self, index, TM_SPLIT_ACTIVE);
    }
    return 0;
}

static void look_again(struct tm__records *self, int64_t now_ns)
{
    self->look_at_ns = now_ns + TM_FOLLOW_POLL_MS * ms_ns;
    for (uint32_t i = 0; i < self->count; i++) {
        struct tm__split *split = &self->splits[i];
        if (split->use == TM__SPLIT_READING && !split->pending && split->reader.caught_up)
            tm_file_reader_again(&split->reader);
    }
    if (self->is_looking)
        return;
    struct tm_follow_look *look = self->look;
    memcpy(look->released, self->released, self->released_count * sizeof self->released[0]);
    look->released_count = self->released_count;
    self->released_count = 0;
    self->is_looking = true;
    tm__follow_submit(look, self->base.ctx->waker);
}

// Time in which the task was held back and did not look is no silence of the files.
static void leave_out_pause(struct tm__records *self, int64_t now_ns)
{
    int64_t pause_ns = now_ns - self->tended_ns - TM_FOLLOW_POLL_MS * ms_ns;
    bool paused = self->tended_ns != 0 && pause_ns > TM_FOLLOW_POLL_MS * ms_ns;
    self->tended_ns = now_ns;
    for (uint32_t i = 0; paused && i < self->count; i++)
        if (self->splits[i].quiet_since_ns != 0)
            self->splits[i].quiet_since_ns += pause_ns;
}

int tm__records_tend(struct tm__records *self, struct tm_error *err)
{
    int64_t now_ns = tm_fx_mono_ns(self->base.ctx->fx);
    int rc = 0;
    leave_out_pause(self, now_ns);
    if (self->is_looking && tm_work_is_done(&self->look->work)) {
        self->is_looking = false;
        rc = take_news(self, now_ns, err);
        if (rc == 0 && !self->begun)
            begin_idle(self);
    }
    for (uint32_t i = 0; rc == 0 && i < self->count; i++)
        rc = tend_split(self, i, now_ns, err);
    if (rc == 0 && now_ns >= self->look_at_ns)
        look_again(self, now_ns);
    return rc;
}

int tm__records_cut(struct tm__records *self, struct tm__split *split, struct tm_error *err)
{
    char text[1024];
    snprintf(text, sizeof text,
             "%.600s was cut: it had been read up to byte %" PRId64
             ", and what was written behind that is lost; it is read again from its beginning",
             split->input.path, split->reader.cut_from);
    tm_task_warn(self->base.ctx, self->base.node, text);
    split->decoder->ops->free(split->decoder);
    split->decoder = NULL;
    split->pending = false;
    return tm__records_decoder(self, split, err);
}

void tm__records_let_go(struct tm__records *self, uint32_t index)
{
    self->released[self->released_count++] = self->splits[index].file;
    self->splits[index].use = TM__SPLIT_VACANT;
    set_status(self, index, TM_SPLIT_IDLE);
}
