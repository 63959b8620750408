/* The limit of the machine: a line of a scanner comes back as an answer on the terminal of its PLC, nothing between.
 *
 *   echo ANSWER_BYTES PER_PLC SCANNER... -- PLC...
 *
 * The answer to `\2NNNNNNcode\3` is `\2`, ANSWER_BYTES - 2 bytes that begin with NNNNNN, `\3`: as long as a destination
 * of the telegram encoding. Scanners belong to PLCs in order, PER_PLC to each. What PLCs say is read and forgotten.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <termios.h>
#include <unistd.h>

static int opened(const char *path) {
    struct termios raw;
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || tcgetattr(fd, &raw) < 0) {
        perror(path);
        exit(1);
    }
    cfmakeraw(&raw);
    tcsetattr(fd, TCSANOW, &raw);
    return fd;
}

int main(int argc, char **argv) {
    int length = atoi(argv[1]), per_plc = atoi(argv[2]), scanners = 0, plcs = 0, plc_fd[1024], fds[1024], beyond = 0;
    int ready = epoll_create1(0);
    char answer[1024], data[4096];
    struct epoll_event events[64];
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            beyond = 1;
            continue;
        }
        int number = beyond ? plcs : scanners;
        struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = (beyond ? 1u << 16 : 0u) | (unsigned)number};
        int fd = opened(argv[i]);
        if (beyond)
            plc_fd[plcs++] = fd;
        else
            fds[scanners++] = fd;
        epoll_ctl(ready, EPOLL_CTL_ADD, fd, &wanted);
    }
    memset(answer, '.', sizeof answer);
    answer[0] = 2;
    answer[length - 1] = 3;
    puts("ready");
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(ready, events, 64, -1);
        for (int i = 0; i < count; i++) {
            unsigned who = events[i].data.u32;
            int is_plc = who >> 16, fd = is_plc ? plc_fd[who & 0xffff] : fds[who];
            ssize_t got = read(fd, data, sizeof data);
            if (got <= 0)
                return 0;
            for (ssize_t from = 0; !is_plc && from + 7 < got;) {
                char *end = memchr(data + from, 3, (size_t)(got - from));
                if (!end)
                    break;
                memcpy(answer + 1, data + from + 1, 6);
                if (write(plc_fd[who / (unsigned)per_plc], answer, (size_t)length) != length)
                    return 1;
                from = end - data + 1;
            }
        }
    }
}
