// The mailbox: a linked queue whose producers swap the head and then link the old one to theirs.
// Between these two steps the consumer sees the end of the queue; the producer notifies the waker
// after the second, so nothing is ever left lying.
#include "core/loop/mailbox.h"

#include <stddef.h>

static void push(struct tm_mailbox *mailbox, struct tm_message *message)
{
    atomic_store_explicit(&message->next, NULL, memory_order_relaxed);
    struct tm_message *before =
        atomic_exchange_explicit(&mailbox->head, message, memory_order_acq_rel);
    // Partner: the acquire loads of next in tm_mailbox_take. Publishes the message's contents.
    atomic_store_explicit(&before->next, message, memory_order_release);
}

void tm_mailbox_init(struct tm_mailbox *mailbox, struct tm_waker *waker)
{
    atomic_init(&mailbox->stub.next, NULL);
    atomic_init(&mailbox->head, &mailbox->stub);
    mailbox->tail = &mailbox->stub;
    mailbox->waker = waker;
}

void tm_mailbox_post(struct tm_mailbox *mailbox, struct tm_message *message)
{
    // Read before the push: once the owner has the message it may be on its way to ending the
    // mailbox. The waker itself outlives all who post.
    struct tm_waker *waker = mailbox->waker;
    push(mailbox, message);
    if (waker != NULL)
        tm_waker_notify(waker);
}

struct tm_message *tm_mailbox_take(struct tm_mailbox *mailbox)
{
    struct tm_message *tail = mailbox->tail;
    struct tm_message *next = atomic_load_explicit(&tail->next, memory_order_acquire);
    if (tail == &mailbox->stub) {
        if (next == NULL)
            return NULL;
        mailbox->tail = tail = next;
        next = atomic_load_explicit(&tail->next, memory_order_acquire);
    }
    if (next == NULL) {
        // The last one can only be taken when something stands behind it: put the stub there,
        // unless a producer is just doing so with its own message.
        if (tail != atomic_load_explicit(&mailbox->head, memory_order_acquire))
            return NULL;
        push(mailbox, &mailbox->stub);
        next = atomic_load_explicit(&tail->next, memory_order_acquire);
        if (next == NULL)
            return NULL;
    }
    mailbox->tail = next;
    return tail;
}
