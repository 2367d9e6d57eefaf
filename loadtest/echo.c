/* The least that a server can do: take a request of known size, send back an answer of known size.
 *
 *   echo udp|tcp PORT REQUEST_BYTES ANSWER_BYTES
 *
 * The ceiling beside which `make bench-handle` sets the node: one process, one thread, epoll, no work at all. TCP
 * connections may pipeline: for every REQUEST_BYTES that came, ANSWER_BYTES leave, in one write per read.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGEST = 1 << 20, CONNECTIONS = 4096, EVENTS = 64 };

static char in[LARGEST], out[LARGEST];
static long unread[CONNECTIONS]; /* bytes of a request that has not come whole, by descriptor */

static int listening(int kind, int port) {
    int fd = socket(AF_INET, kind | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || (kind == SOCK_STREAM && listen(fd, 1024))) {
        perror("bind");
        exit(1);
    }
    return fd;
}

static void watch(int poll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

static void answer_datagrams(int fd, long answer) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    ssize_t got;
    while ((got = recvfrom(fd, in, sizeof in, 0, (struct sockaddr *)&from, &length)) >= 0) {
        memcpy(out, in, got < answer ? got : answer);
        sendto(fd, out, answer, 0, (struct sockaddr *)&from, length);
        length = sizeof from;
    }
}

static void answer_stream(int fd, long request, long answer) {
    ssize_t got = read(fd, in, sizeof in);
    if (got <= 0) {
        close(fd);
        return;
    }
    unread[fd] += got;
    for (long due = unread[fd] / request * answer; due > 0;) {
        ssize_t sent = write(fd, out, due < LARGEST ? due : LARGEST);
        if (sent < 0) break;
        due -= sent;
    }
    unread[fd] %= request;
}

int main(int count, char **told) {
    if (count != 5) {
        fprintf(stderr, "usage: echo udp|tcp PORT REQUEST_BYTES ANSWER_BYTES\n");
        return 2;
    }
    int udp = !strcmp(told[1], "udp"), door = listening(udp ? SOCK_DGRAM : SOCK_STREAM, atoi(told[2]));
    long request = atol(told[3]), answer = atol(told[4]);
    int poll = epoll_create1(0);
    struct epoll_event events[EVENTS];
    watch(poll, door);
    puts("ready");
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(poll, events, EVENTS, -1);
        for (int at = 0; at < ready; at++) {
            int fd = events[at].data.fd;
            if (fd == door && udp) {
                answer_datagrams(fd, answer);
            } else if (fd == door) {
                int taken = accept4(door, NULL, NULL, SOCK_NONBLOCK);
                if (taken >= 0 && taken < CONNECTIONS) {
                    unread[taken] = 0;
                    watch(poll, taken);
                } else if (taken >= 0) {
                    close(taken);
                }
            } else {
                answer_stream(fd, request, answer);
            }
        }
    }
}
