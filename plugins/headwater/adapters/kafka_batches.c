/* Messages of a Kafka consumer as rows, many at a time, instead of one Python object for each.

A plugin of librdkafka: the client library of Python, which keeps everything else (membership, assignment, commits),
names this file in `plugin.library.paths`, and so its client becomes known here. The queues of its partitions lead into
one queue that is read here; `rd_kafka_queue_get_partition` and `rd_kafka_queue_forward` exist for that.

Used by kafka_native.py only, which holds the same declarations. A reader belongs to one thread at a time. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* From the public header of librdkafka 2, whose binary interface is stable. The wheel brings the library without it. */
typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_headers_s rd_kafka_headers_t;
typedef struct {
    int err;
    void *topic;
    int32_t partition;
    void *payload;
    size_t len;
    void *key;
    size_t key_len;
    int64_t offset;
    void *own;
} rd_kafka_message_t;
typedef int on_new_t(rd_kafka_t *, const rd_kafka_conf_t *, void *, char *, size_t);

int rd_kafka_conf_interceptor_add_on_new(rd_kafka_conf_t *, const char *, on_new_t *, void *);
rd_kafka_queue_t *rd_kafka_queue_new(rd_kafka_t *);
rd_kafka_queue_t *rd_kafka_queue_get_partition(rd_kafka_t *, const char *, int32_t);
void rd_kafka_queue_forward(rd_kafka_queue_t *, rd_kafka_queue_t *);
void rd_kafka_queue_destroy(rd_kafka_queue_t *);
ptrdiff_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *, int, rd_kafka_message_t **, size_t);
void rd_kafka_message_destroy(rd_kafka_message_t *);
int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *, int *);
int rd_kafka_message_headers(const rd_kafka_message_t *, rd_kafka_headers_t **);
int rd_kafka_header_get_last(const rd_kafka_headers_t *, const char *, const void **, size_t *);

/* The client that this thread made last. */
static _Thread_local rd_kafka_t *made;

static int remember(rd_kafka_t *client, const rd_kafka_conf_t *conf, void *opaque, char *error, size_t size) {
    (void)conf, (void)opaque, (void)error, (void)size;
    made = client;
    return 0;
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

/* Have the messages of a partition come here. To be called before the partition is assigned, so that none of them takes
the other way; 0 when the client knows no such partition. */
int hw_lead_here(reader_t *reader, const char *topic, int32_t partition) {
    rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(reader->client, topic, partition);
    if (!queue) return 0;
    rd_kafka_queue_forward(queue, reader->queue);
    rd_kafka_queue_destroy(queue);
    return 1;
}

static const void *header(const rd_kafka_headers_t *headers, const char *name, int32_t *size) {
    const void *value;
    size_t length;
    *size = -1;
    if (rd_kafka_header_get_last(headers, name, &value, &length)) return NULL;
    *size = value ? (int32_t)length : 0;
    return value;
}

/* Wait until there are as many messages as fit or the time is over, and describe them in the rows; returns how many. */
ptrdiff_t hw_read(reader_t *reader, int timeout_ms) {
    reader->count = rd_kafka_consume_batch_queue(reader->queue, timeout_ms, reader->messages, reader->most);
    if (reader->count < 0) reader->count = 0;
    for (ptrdiff_t i = 0; i < reader->count; i++) {
        const rd_kafka_message_t *message = reader->messages[i];
        rd_kafka_headers_t *headers;
        row_t row = {
            .offset = message->offset,
            .time_ms = rd_kafka_message_timestamp(message, NULL),
            .partition = message->partition,
            .error = message->err,
            .size = message->payload ? (int32_t)message->len : 0,
            .line_size = -1,
            .origin_size = -1,
        };
        /* Asked for once: where there are none, the client finds that out anew each time. */
        if (!rd_kafka_message_headers(message, &headers)) {
            reader->headers[i].line = header(headers, reader->line_header, &row.line_size);
            reader->headers[i].origin = header(headers, reader->origin_header, &row.origin_size);
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
