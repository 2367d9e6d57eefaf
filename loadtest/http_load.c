/* Ask an HTTP server on the loopback for many things and check every answer.
 *
 *   http_load PORT CONNECTIONS REQUESTS STATUS ORDER PATHS HEADER
 *
 * PATHS is a file: on each line a path, a space, and words that the answer's body must contain. They are asked for in
 * their ORDER ("walk", again from the start when they end) or by chance ("random"). Each connection is kept alive and
 * has one request under way, with one more HEADER ("" for none). Prints the answers, those that were wrong, seconds, and
 * the latencies' 50th and 99th percentile in microseconds. A client in Python would take more CPU than the server.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER = 1 << 17, PATH = 2048, EVENTS = 256 };

struct asked { char *path, *words; };
struct connection { int fd, used; long wanted, which; double sent; char answer[ANSWER]; };

static struct asked *all;
static long count, under_way, begun, answered, wrong, requests, status;
static int by_chance;
static char header[256];
static unsigned long chance = 88172645463325252UL;
static double *waits;
static struct connection *connections;

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void read_paths(const char *file) {
    FILE *paths = fopen(file, "r");
    char *line = NULL;
    size_t room = 0;
    long most = 0;
    if (!paths) fail(file);
    while (getline(&line, &room, paths) > 0) {
        if (count == most) all = realloc(all, (most = most * 2 + 1024) * sizeof *all);
        line[strcspn(line, "\n")] = 0;
        char *space = strchr(line, ' ');
        if (!space || strlen(line) > PATH) continue;
        *space = 0;
        all[count].path = strdup(line);
        all[count++].words = strdup(space + 1);
    }
    fclose(paths);
    if (!count) exit(2);
}

static void ask(struct connection *one) {
    char request[PATH + 512];
    if (by_chance) {
        chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
        one->which = chance % count;
    } else {
        one->which = begun % count;
    }
    int size = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: biaoshi-bench/1\r\nAccept: */*\r\n%s\r\n",
        all[one->which].path, header);
    one->used = 0;
    one->wanted = -1;
    one->sent = now();
    begun++;
    under_way++;
    if (send(one->fd, request, size, MSG_NOSIGNAL) != size) fail("send");
}

static void check(struct connection *one, char *body) {
    if (strtol(one->answer + 9, NULL, 10) != status || !strstr(body, all[one->which].words)) {
        if (!wrong++) fprintf(stderr, "%s: %.300s\n", all[one->which].path, one->answer);
    }
}

static void take(struct connection *one) {
    ssize_t got = recv(one->fd, one->answer + one->used, ANSWER - 1 - one->used, 0);
    if (got <= 0) fail("the server closed a connection");
    one->used += got;
    one->answer[one->used] = 0;
    char *end = strstr(one->answer, "\r\n\r\n");
    if (!end) return;
    if (one->wanted < 0) {
        char *length = strcasestr(one->answer, "\r\nContent-Length:");
        if (!length || length > end) fail("an answer without a length");
        one->wanted = end + 4 - one->answer + strtol(length + 17, NULL, 10);
    }
    if (one->used < one->wanted) return;
    if (one->used > one->wanted) fail("more than was asked for");
    check(one, end + 4);
    waits[answered++] = now() - one->sent;
    under_way--;
    if (begun < requests) ask(one);
}

static int by_size(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

int main(int told, char **arguments) {
    if (told != 8) {
        fprintf(stderr, "usage: http_load PORT CONNECTIONS REQUESTS STATUS walk|random PATHS HEADER\n");
        return 2;
    }
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1])),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int many = atoi(arguments[2]), on = 1, poll = epoll_create1(0);
    requests = atol(arguments[3]);
    status = atol(arguments[4]);
    by_chance = !strcmp(arguments[5], "random");
    read_paths(arguments[6]);
    if (*arguments[7]) snprintf(header, sizeof header, "%s\r\n", arguments[7]);
    waits = calloc(requests, sizeof *waits);
    connections = calloc(many, sizeof *connections);
    double began = now();
    for (int number = 0; number < many && begun < requests; number++) {
        struct connection *one = &connections[number];
        one->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(one->fd, (struct sockaddr *)&at, sizeof at)) fail("connect");
        setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
        epoll_ctl(poll, EPOLL_CTL_ADD, one->fd, &event);
        ask(one);
    }
    struct epoll_event events[EVENTS];
    while (answered < requests) {
        int ready = epoll_wait(poll, events, EVENTS, 10000);
        if (ready <= 0) fail("no answer for ten seconds");
        for (int number = 0; number < ready; number++) take(events[number].data.ptr);
    }
    double seconds = now() - began;
    qsort(waits, answered, sizeof *waits, by_size);
    printf("%ld %ld %.6f %.1f %.1f\n", answered, wrong, seconds, waits[answered / 2] * 1e6,
           waits[answered * 99 / 100] * 1e6);
    return wrong != 0;
}
