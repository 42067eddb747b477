/* The two loops over messages of Kafka that are worth compiling: those of a consumer as rows, many at a time, instead of
one Python object for each; and the lines of a file as messages.

A plugin of librdkafka: the client library of Python, which keeps everything else (membership, assignment, commits,
flushing), names this file in `plugin.library.paths`, and so its client becomes known here.

Used by kafka_native.py only, which holds the same declarations. A reader or sender belongs to one thread at a time. */

#define _GNU_SOURCE
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* From the public header of librdkafka 2, whose binary interface is stable. The wheel brings the library without it. */
typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_headers_s rd_kafka_headers_t;
typedef struct {
    int err;
    rd_kafka_topic_t *topic;
    int32_t partition;
    void *payload;
    size_t len;
    void *key;
    size_t key_len;
    int64_t offset;
    void *own;
} rd_kafka_message_t;
enum { PRODUCER = 0 };
enum { END, TOPIC, HANDLE, PARTITION, VALUE, KEY, OPAQUE, FLAGS, TIMESTAMP, HEADER };
enum { ANY_PARTITION = -1, COPY = 2, QUEUE_IS_FULL = -184 };
typedef int on_acknowledgement_t(rd_kafka_t *, rd_kafka_message_t *, void *);
typedef int on_new_t(rd_kafka_t *, const rd_kafka_conf_t *, void *, char *, size_t);

int rd_kafka_conf_interceptor_add_on_new(rd_kafka_conf_t *, const char *, on_new_t *, void *);
int rd_kafka_interceptor_add_on_acknowledgement(rd_kafka_t *, const char *, on_acknowledgement_t *, void *);
int rd_kafka_type(const rd_kafka_t *);
rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *, const char *, void *);
void rd_kafka_topic_destroy(rd_kafka_topic_t *);
int rd_kafka_producev(rd_kafka_t *, ...);
int rd_kafka_last_error(void);
rd_kafka_queue_t *rd_kafka_queue_new(rd_kafka_t *);
rd_kafka_queue_t *rd_kafka_queue_get_partition(rd_kafka_t *, const char *, int32_t);
void rd_kafka_queue_forward(rd_kafka_queue_t *, rd_kafka_queue_t *);
void rd_kafka_queue_destroy(rd_kafka_queue_t *);
ptrdiff_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *, int, rd_kafka_message_t **, size_t);
void rd_kafka_message_destroy(rd_kafka_message_t *);
int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *, int *);
int rd_kafka_message_headers(const rd_kafka_message_t *, rd_kafka_headers_t **);
int rd_kafka_header_get_last(const rd_kafka_headers_t *, const char *, const void **, size_t *);

/* A producer of lines. It lives as long as the process: the client may tell it of messages until its own end. */
typedef struct {
    rd_kafka_t *client;
    atomic_int failure;
} sender_t;

/* The client that this thread made last, and its sender when it is a producer. */
static _Thread_local rd_kafka_t *made;
static _Thread_local sender_t *made_sender;

static int acknowledged(rd_kafka_t *client, rd_kafka_message_t *message, void *opaque) {
    (void)client;
    if (message->err) atomic_store(&((sender_t *)opaque)->failure, message->err);
    return 0;
}

static int remember(rd_kafka_t *client, const rd_kafka_conf_t *conf, void *opaque, char *error, size_t size) {
    (void)conf, (void)opaque, (void)error, (void)size;
    made = client;
    made_sender = NULL;
    if (rd_kafka_type(client) != PRODUCER) return 0;
    made_sender = calloc(1, sizeof *made_sender);
    if (!made_sender) return -1;
    made_sender->client = client;
    return rd_kafka_interceptor_add_on_acknowledgement(client, "headwater", acknowledged, made_sender);
}

/* Called by librdkafka when it loads this plugin. */
int conf_init(rd_kafka_conf_t *conf, void **opaque, char *error, size_t size) {
    (void)opaque, (void)error, (void)size;
    return rd_kafka_conf_interceptor_add_on_new(conf, "headwater", remember, NULL);
}

/* One message. Sizes are in bytes; that of a header is -1 where the message has none of that name. */
typedef struct {
    int64_t offset, time_ms;
    int32_t partition, error, size, line_size, origin_size;
} row_t;

typedef struct {
    const void *line, *origin;
} headers_t;

typedef struct {
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    const char *line_header, *origin_header;
    size_t most;
    ptrdiff_t count;
    rd_kafka_message_t **messages;
    row_t *rows; /* the caller's */
    headers_t *headers;
    int asks_always;
} reader_t;

/* To be called before the client is closed. */
void hw_close(reader_t *reader) {
    for (ptrdiff_t i = 0; i < reader->count; i++) rd_kafka_message_destroy(reader->messages[i]);
    if (reader->queue) rd_kafka_queue_destroy(reader->queue);
    free(reader->messages);
    free(reader->headers);
    free(reader);
}

/* A reader for the client that this thread has just made, which describes messages in `rows`; NULL when there is none.
Rows and names stay the caller's. */
reader_t *hw_open(size_t most, row_t *rows, const char *line_header, const char *origin_header) {
    reader_t *reader = made ? calloc(1, sizeof *reader) : NULL;
    if (!reader) return NULL;
    *reader = (reader_t){.client = made, .line_header = line_header, .origin_header = origin_header, .most = most,
                         .rows = rows};
    made = NULL;
    reader->messages = calloc(most, sizeof *reader->messages);
    reader->headers = calloc(most, sizeof *reader->headers);
    reader->queue = rd_kafka_queue_new(reader->client);
    if (reader->messages && reader->headers && reader->queue) return reader;
    hw_close(reader);
    return NULL;
}

/* Have the messages of a partition come `here`, or wait in their own queue. To be called before the partition is
assigned, so that none of them takes another way; 0 when the client knows no such partition. */
int hw_lead(reader_t *reader, const char *topic, int32_t partition, int here) {
    rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(reader->client, topic, partition);
    if (!queue) return 0;
    rd_kafka_queue_forward(queue, here ? reader->queue : NULL);
    rd_kafka_queue_destroy(queue);
    return 1;
}

static const void *find(const rd_kafka_headers_t *headers, const char *name, int32_t *size) {
    const void *value;
    size_t length;
    *size = -1;
    if (rd_kafka_header_get_last(headers, name, &value, &length)) return NULL;
    *size = value ? (int32_t)length : 0;
    return value;
}

/* Whether the message has headers, as far as the byte behind its value tells: the client hands values out where they
stand in what the broker sent, and behind a value stands the number of headers (Kafka's format of records, version 2). To
ask the client costs a fifth of reading a message, as it sets up a parser each time. An empty value stands elsewhere. */
static int may_have_headers(const rd_kafka_message_t *message) {
    return !message->payload || !message->len || ((const char *)message->payload)[message->len];
}

static int take_headers(reader_t *reader, ptrdiff_t i, row_t *row) {
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(reader->messages[i], &headers)) return 0;
    reader->headers[i].line = find(headers, reader->line_header, &row->line_size);
    reader->headers[i].origin = find(headers, reader->origin_header, &row->origin_size);
    return 1;
}

/* Wait until there are as many messages as fit or the time is over, and describe them in the rows; returns how many.
The client is asked for the headers of the first one in any case: were the byte behind a value ever to say that there
are none where there are, it would not be believed again. */
ptrdiff_t hw_read(reader_t *reader, int timeout_ms) {
    reader->count = rd_kafka_consume_batch_queue(reader->queue, timeout_ms, reader->messages, reader->most);
    if (reader->count < 0) reader->count = 0;
    for (ptrdiff_t i = 0; i < reader->count; i++) {
        const rd_kafka_message_t *message = reader->messages[i];
        row_t row = {
            .offset = message->offset,
            .time_ms = rd_kafka_message_timestamp(message, NULL),
            .partition = message->partition,
            .error = message->err,
            .size = message->payload ? (int32_t)message->len : 0,
            .line_size = -1,
            .origin_size = -1,
        };
        int expected = !message->err && may_have_headers(message);
        if (expected || i == 0 || reader->asks_always) {
            int has = take_headers(reader, i, &row);
            if (has && !expected) reader->asks_always = 1;
        }
        reader->rows[i] = row;
    }
    return reader->count;
}

static char *put(char *to, const void *from, int32_t size) {
    if (size <= 0) return to;
    memcpy(to, from, (size_t)size);
    return to + size;
}

/* Copy what was read, one after the other: the values and those of the two headers; then let go of the
messages. The text of an error stands as its value. */
void hw_take(reader_t *reader, char *values, char *lines, char *origins) {
    for (ptrdiff_t i = 0; i < reader->count; i++) {
        const row_t *row = reader->rows + i;
        values = put(values, reader->messages[i]->payload, row->size);
        lines = put(lines, reader->headers[i].line, row->line_size);
        origins = put(origins, reader->headers[i].origin, row->origin_size);
        rd_kafka_message_destroy(reader->messages[i]);
    }
    reader->count = 0;
}

/* The sender of the producer that this thread has just made; NULL when there is none. */
sender_t *hw_sender(void) {
    sender_t *sender = made_sender;
    made_sender = NULL;
    return sender;
}

/* The error of a message that Kafka did not keep; 0: there is none. */
int hw_failure(sender_t *sender) { return atomic_load(&sender->failure); }

static size_t digits(int64_t number, char *end) {
    char *at = end;
    do *--at = (char)('0' + number % 10);
    while (number /= 10);
    return (size_t)(end - at);
}

static int is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static int is_blank(const char *at, const char *end) {
    while (at < end && is_space(*at)) at++;
    return at == end;
}

typedef struct {
    const char *name; /* in its quotes */
    size_t size;
} field_t;

/* The value of the first string field of that name, without parsing the line: `find_key` of lines.py. */
static const char *find_key(const char *at, const char *end, field_t field, size_t *size) {
    enum { LONGEST = 128 };
    while ((at = memmem(at, (size_t)(end - at), field.name, field.size))) {
        const char *value = at + field.size;
        at++;
        while (value < end && is_space(*value)) value++;
        if (value == end || *value++ != ':') continue;
        while (value < end && is_space(*value)) value++;
        if (value == end || *value++ != '"') continue;
        const char *quote = value;
        while (quote < end && quote - value <= LONGEST && *quote != '"' && *quote != '\\') quote++;
        if (quote == end || *quote != '"' || quote == value || quote - value > LONGEST) continue;
        *size = (size_t)(quote - value);
        return value;
    }
    *size = 0;
    return NULL;
}

/* Where a text has been read to: the byte, and the number of the line that begins there. */
typedef struct {
    size_t position;
    int64_t number;
} cursor_t;

/* Queue the lines of the text from the cursor on, without their ends and without blank ones: each with the value of the
field as its key and one header, `place` and the line's number behind it, for which `place` has room. The cursor is moved
behind what was queued, and stands before the end when the queue is full, or when `error` says why a line was refused.
Returns how many were queued. */
size_t hw_send(sender_t *sender, const char *topic, const char *text, size_t size, cursor_t *cursor, const char *field,
               const char *header, char *place, size_t place_size, int *error) {
    enum { DIGITS = 20 };
    char number[DIGITS];
    size_t sent = 0, key_size;
    const field_t key_field = {field, strlen(field)};
    rd_kafka_topic_t *handle = rd_kafka_topic_new(sender->client, topic, NULL);
    *error = handle ? 0 : rd_kafka_last_error();
    while (handle && cursor->position < size) {
        const char *line = text + cursor->position;
        const char *next = memchr(line, '\n', size - cursor->position);
        const char *end = next ? next : text + size;
        size_t step = (size_t)(end - line) + 1;
        while (end > line && end[-1] == '\r') end--;
        const char *key = find_key(line, end, key_field, &key_size);
        if (key || !is_blank(line, end)) {
            size_t length = digits(cursor->number, number + DIGITS);
            memcpy(place + place_size, number + DIGITS - length, length);
            int failed = rd_kafka_producev(sender->client, HANDLE, handle, PARTITION, ANY_PARTITION, FLAGS, COPY, VALUE,
                                           line, (size_t)(end - line), KEY, key, key_size, HEADER, header, place,
                                           (ptrdiff_t)(place_size + length), END);
            if (failed) {
                if (failed != QUEUE_IS_FULL) *error = failed;
                break;
            }
            sent++;
        }
        cursor->position += step;
        cursor->number++;
    }
    if (handle) rd_kafka_topic_destroy(handle);
    return sent;
}
