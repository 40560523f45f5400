// A mailbox: control messages from any thread to one. Lock-free, intrusive, first in first out per
// sender.
#pragma once

#include "core/loop/waker.h"

struct tm_message {
    _Atomic(struct tm_message *) next; // the mailbox's
};

struct tm_mailbox {
    _Atomic(struct tm_message *) head; // producers swap; partner: the consumer's acquire of next
    struct tm_message *tail;           // consumer's
    struct tm_message stub;
    struct tm_waker *waker; // notified after each post; may be NULL
};

void tm_mailbox_init(struct tm_mailbox *mailbox, struct tm_waker *waker);
void tm_mailbox_post(struct tm_mailbox *mailbox,
                     struct tm_message *message);               // any thread; ownership moves
struct tm_message *tm_mailbox_take(struct tm_mailbox *mailbox); // the owner; NULL: empty
