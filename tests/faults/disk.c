/* A disk that fails when told to: loaded with LD_PRELOAD, between a program and the C library.
 *
 * Environment:
 *   FAULTY_ROOT    only what lies in this folder (absolute, resolved) is touched or counted
 *   FAULTY_PANEL   file of `struct panel`, mapped shared: rules are set and counters read while the program runs
 *   FAULTY_LOG     optional: every change below the folder is appended to this file, with its data, in its order
 *
 * A rule meets the operations of its kinds on names that end as it says, counts them, and acts on those from `first`
 * to `last`, each `step`-th. `kinds` is written last and 0 is no rule, so a rule is never met half written.
 * CLOCK_MONOTONIC is never touched. Memory maps are not seen: SQLite maps only its -shm, which no restart trusts.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, TRUNCATE = 4, SYNC = 8, UNLINK = 16, RENAME = 32, READ = 64, MKDIR = 128 };
enum { FAIL = 1, KILL_BEFORE = 2, KILL_AFTER = 3, SHORT = 4, DELAY = 5 };
enum { RULES = 8, FILES = 4096 };

struct rule {
    int64_t kinds, first, last, step, action, value, seen, hits;
    char suffix[64], met[64]; /* `met`: the name that it acted on last */
};

struct panel {
    int64_t changes;   /* changes done so far, as many as the log has records */
    int64_t clock_ns;  /* added to the wall clock */
    int64_t limit;     /* bytes that the folder may take, 0: as many as there are */
    int64_t read_only; /* 1: as after `mount -o remount,ro` */
    int64_t reserved[12];
    struct rule rules[RULES];
};

struct record {
    uint32_t kind, name_bytes, data_bytes, reserved;
    int64_t offset; /* WRITE: where; TRUNCATE: the size */
};

struct orders {
    int error, kill_after, shorter;
};

static struct panel *panel;
static char root[PATH_MAX];
static size_t root_bytes;
static int log_fd = -1;
static char *names[FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(result, name, ...)                                          \
    static result (*real)(__VA_ARGS__);                                  \
    if (!real) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("FAULTY_ROOT"), *file = getenv("FAULTY_PANEL"), *log = getenv("FAULTY_LOG");
    if (!folder || !file) return;
    int fd = syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return;
    void *map = mmap(NULL, sizeof(struct panel), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (map == MAP_FAILED) return;
    if (log) {
        int opened = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        log_fd = opened < 0 ? -1 : fcntl(opened, F_DUPFD_CLOEXEC, 512); /* out of the way of low numbers */
        if (opened >= 0) syscall(SYS_close, opened);
    }
    strncpy(root, folder, sizeof root - 1);
    root_bytes = strlen(root);
    panel = map;
}

/* The path below the folder, "." for itself; NULL: it is none of ours. */
static const char *below(const char *path, char *whole) {
    char parent[PATH_MAX];
    if (!panel || !path) return NULL;
    if (!realpath(path, whole)) { /* not there, or not yet: its folder is */
        const char *slash = strrchr(path, '/');
        size_t bytes = slash ? (size_t)(slash - path) : 0;
        if (bytes >= sizeof parent) return NULL;
        memcpy(parent, slash == path ? "/" : slash ? path : ".", slash && slash != path ? bytes : 1);
        parent[slash && slash != path ? bytes : 1] = 0;
        if (!realpath(parent, whole)) return NULL;
        const char *last = slash ? slash + 1 : path;
        if (strlen(whole) + strlen(last) + 2 > PATH_MAX) return NULL;
        strcat(strcat(whole, "/"), last);
    }
    if (strncmp(whole, root, root_bytes)) return NULL;
    if (!whole[root_bytes]) return ".";
    return whole[root_bytes] == '/' ? whole + root_bytes + 1 : NULL;
}

static const char *known(int fd) { return panel && fd >= 0 && fd < FILES ? names[fd] : NULL; }

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

static int ends_with(const char *name, const char *suffix) {
    size_t all = strlen(name), end = strlen(suffix);
    return all >= end && !strcmp(name + all - end, suffix);
}

/* What the rules want of this operation; a delay is served here, a kill before it ends everything. */
static struct orders meet(int kind, const char *name, int changes) {
    struct orders orders = {0, 0, 0};
    int64_t delay_ms = 0;
    pthread_mutex_lock(&lock);
    if (panel->read_only && changes && kind != SYNC) orders.error = EROFS;
    for (struct rule *rule = panel->rules; rule < panel->rules + RULES; rule++) {
        if (!(rule->kinds & kind) || (kind == OPEN && rule->action != FAIL && !changes)) continue;
        if (!ends_with(name, rule->suffix)) continue;
        int64_t number = ++rule->seen;
        if (number < rule->first || number > rule->last || (number - rule->first) % (rule->step ? rule->step : 1))
            continue;
        rule->hits++;
        strncpy(rule->met, name, sizeof rule->met - 1);
        if (rule->action == FAIL) orders.error = (int)rule->value;
        if (rule->action == SHORT) orders.shorter = 1;
        if (rule->action == DELAY) delay_ms = rule->value;
        if (rule->action == KILL_AFTER) orders.kill_after = 1;
        if (rule->action == KILL_BEFORE) die();
    }
    pthread_mutex_unlock(&lock);
    if (delay_ms) {
        struct timespec left = {delay_ms / 1000, delay_ms % 1000 * 1000000};
        while (nanosleep(&left, &left) && errno == EINTR) {}
    }
    return orders;
}

static void put(const void *data, size_t bytes) {
    while (bytes) {
        ssize_t written = syscall(SYS_write, log_fd, data, bytes);
        if (written <= 0) die(); /* a record with a hole would prove nothing */
        data = (const char *)data + written;
        bytes -= (size_t)written;
    }
}

/* While changes are recorded they happen one at a time, so that the log has the order of the disk. */
static void hold(void) {
    if (log_fd >= 0) pthread_mutex_lock(&lock);
}

static void done(int kind, const char *name, int64_t offset, const void *data, size_t bytes, int happened) {
    int saved = errno;
    if (happened) {
        if (log_fd >= 0) {
            struct record record = {(uint32_t)kind, (uint32_t)strlen(name), (uint32_t)bytes, 0, offset};
            put(&record, sizeof record);
            put(name, record.name_bytes);
            put(data, bytes);
        }
        __atomic_add_fetch(&panel->changes, 1, __ATOMIC_SEQ_CST);
    }
    if (log_fd >= 0) pthread_mutex_unlock(&lock);
    errno = saved;
}

/* Open files of this name have another one now, or (NULL) none: what is done to them then reaches no name. */
static void renamed(const char *name, const char *now) {
    for (int fd = 0; fd < FILES; fd++) {
        if (!names[fd] || strcmp(names[fd], name)) continue;
        free(names[fd]);
        names[fd] = now ? strdup(now) : NULL;
    }
}

static int64_t used(const char *folder) {
    int64_t sum = 0;
    DIR *open_folder = opendir(folder);
    struct dirent *entry;
    while (open_folder && (entry = readdir(open_folder))) {
        char path[PATH_MAX];
        struct stat found;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (strlen(folder) + strlen(entry->d_name) + 2 > sizeof path) continue;
        strcat(strcat(strcpy(path, folder), "/"), entry->d_name);
        if (lstat(path, &found)) continue;
        sum += S_ISDIR(found.st_mode) ? used(path) : S_ISREG(found.st_mode) ? found.st_blocks * 512 : 0;
    }
    if (open_folder) closedir(open_folder);
    return sum;
}

/* Whether a file may grow to this size. */
static int room(int fd, int64_t size) {
    struct stat found;
    if (!panel->limit || fstat(fd, &found) || size <= found.st_size) return 1;
    return used(root) + size - found.st_size <= panel->limit;
}

static int failed(int error) {
    errno = error;
    return -1;
}

/* --- names ------------------------------------------------------------------------------------------------------- */

static int opening(int folder, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    const char *name = folder == AT_FDCWD || (path && *path == '/') ? below(path, whole) : NULL;
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
    if (!name) return (int)syscall(SYS_openat, folder, path, flags, mode);
    struct stat before;
    int existed = !stat(path, &before);
    struct orders orders = meet(OPEN, name, writes);
    if (orders.error) return failed(orders.error);
    hold();
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    int made = fd >= 0 && !existed, emptied = fd >= 0 && existed && (flags & O_TRUNC) && before.st_size;
    if (fd >= 0 && fd < FILES) {
        free(names[fd]);
        names[fd] = strdup(name);
    }
    done(made ? OPEN : TRUNCATE, name, 0, "", 0, made || emptied);
    if (orders.kill_after) die();
    return fd;
}

#define OPENING(name, ...)                                   \
    int name(__VA_ARGS__, int flags, ...) {                  \
        mode_t mode = 0;                                     \
        if (flags & (O_CREAT | O_TMPFILE)) {                 \
            va_list more;                                    \
            va_start(more, flags);                           \
            mode = va_arg(more, mode_t);                     \
            va_end(more);                                    \
        }

OPENING(open, const char *path) return opening(AT_FDCWD, path, flags, mode); }
OPENING(open64, const char *path) return opening(AT_FDCWD, path, flags, mode); }
OPENING(openat, int folder, const char *path) return opening(folder, path, flags, mode); }
OPENING(openat64, int folder, const char *path) return opening(folder, path, flags, mode); }

int close(int fd) {
    if (fd == log_fd && fd >= 0) return failed(EBADF); /* a daemon that closes everything keeps its log */
    if (known(fd)) {
        free(names[fd]);
        names[fd] = NULL;
    }
    return (int)syscall(SYS_close, fd);
}

static int removing(int folder, const char *path, int flags) {
    char whole[PATH_MAX];
    const char *name = folder == AT_FDCWD || *path == '/' ? below(path, whole) : NULL;
    if (!name) return (int)syscall(SYS_unlinkat, folder, path, flags);
    struct orders orders = meet(UNLINK, name, 1);
    if (orders.error) return failed(orders.error);
    hold();
    int result = (int)syscall(SYS_unlinkat, folder, path, flags);
    if (!result) renamed(name, NULL);
    done(UNLINK, name, 0, "", 0, !result);
    if (orders.kill_after) die();
    return result;
}

int unlink(const char *path) { return removing(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return removing(folder, path, flags); }
int rmdir(const char *path) { return removing(AT_FDCWD, path, AT_REMOVEDIR); }

int rename(const char *from, const char *to) {
    char whole_from[PATH_MAX], whole_to[PATH_MAX];
    const char *name = below(from, whole_from), *wanted = below(to, whole_to);
    if (!name || !wanted) return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
    struct orders orders = meet(RENAME, name, 1);
    if (orders.error) return failed(orders.error);
    hold();
    int result = (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
    if (!result) renamed(wanted, NULL);
    if (!result) renamed(name, wanted);
    done(RENAME, name, 0, wanted, strlen(wanted), !result);
    if (orders.kill_after) die();
    return result;
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    if (from_folder == AT_FDCWD && to_folder == AT_FDCWD) return rename(from, to);
    return (int)syscall(SYS_renameat, from_folder, from, to_folder, to);
}

int mkdir(const char *path, mode_t mode) {
    char whole[PATH_MAX];
    const char *name = below(path, whole);
    if (!name) return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    struct orders orders = meet(MKDIR, name, 1);
    if (orders.error) return failed(orders.error);
    hold();
    int result = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    done(MKDIR, name, 0, "", 0, !result);
    if (orders.kill_after) die();
    return result;
}

/* --- contents ---------------------------------------------------------------------------------------------------- */

static ssize_t writing(int fd, const void *data, size_t bytes, int64_t offset, int at) {
    const char *name = known(fd);
    if (!name) return at ? syscall(SYS_pwrite64, fd, data, bytes, offset) : syscall(SYS_write, fd, data, bytes);
    struct orders orders = meet(WRITE, name, 1);
    if (!at) {
        struct stat found;
        int append = fcntl(fd, F_GETFL) & O_APPEND;
        offset = append && !fstat(fd, &found) ? found.st_size : lseek(fd, 0, SEEK_CUR);
    }
    if (!orders.error && !room(fd, offset + (int64_t)bytes)) orders.error = ENOSPC;
    if (orders.error) return failed(orders.error);
    if (orders.shorter && bytes > 1) bytes /= 2;
    hold();
    ssize_t written = at ? syscall(SYS_pwrite64, fd, data, bytes, offset) : syscall(SYS_write, fd, data, bytes);
    done(WRITE, name, offset, data, written > 0 ? (size_t)written : 0, written > 0);
    if (orders.kill_after) die();
    return written;
}

ssize_t write(int fd, const void *data, size_t bytes) { return writing(fd, data, bytes, 0, 0); }
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) { return writing(fd, data, bytes, offset, 1); }
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) { return writing(fd, data, bytes, offset, 1); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (!known(fd)) return syscall(SYS_writev, fd, parts, count);
    return count ? writing(fd, parts[0].iov_base, parts[0].iov_len, 0, 0) : 0; /* a short write is allowed */
}

/* Copies within the kernel would not be seen; who asks falls back to read and write. */
ssize_t sendfile64(int to, int from, off64_t *offset, size_t bytes) {
    if (known(to)) return failed(ENOTSOCK);
    return syscall(SYS_sendfile, to, from, offset, bytes);
}
ssize_t sendfile(int to, int from, off_t *offset, size_t bytes) { return sendfile64(to, from, offset, bytes); }
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *where, size_t bytes, unsigned flags) {
    if (known(to)) return failed(ENOSYS);
    return syscall(SYS_copy_file_range, from, at, to, where, bytes, flags);
}

static ssize_t reading(int fd, void *data, size_t bytes, int64_t offset, int at) {
    const char *name = known(fd);
    struct orders orders = {0, 0, 0};
    if (name) orders = meet(READ, name, 0);
    if (orders.error) return failed(orders.error);
    if (orders.shorter && bytes > 1) bytes /= 2;
    return at ? syscall(SYS_pread64, fd, data, bytes, offset) : syscall(SYS_read, fd, data, bytes);
}

ssize_t read(int fd, void *data, size_t bytes) { return reading(fd, data, bytes, 0, 0); }
ssize_t pread(int fd, void *data, size_t bytes, off_t offset) { return reading(fd, data, bytes, offset, 1); }
ssize_t pread64(int fd, void *data, size_t bytes, off64_t offset) { return reading(fd, data, bytes, offset, 1); }

static int sizing(int fd, int64_t size) {
    const char *name = known(fd);
    if (!name) return (int)syscall(SYS_ftruncate, fd, size);
    struct orders orders = meet(TRUNCATE, name, 1);
    if (orders.error) return failed(orders.error);
    hold();
    int result = (int)syscall(SYS_ftruncate, fd, size);
    done(TRUNCATE, name, size, "", 0, !result);
    if (orders.kill_after) die();
    return result;
}

int ftruncate(int fd, off_t size) { return sizing(fd, size); }
int ftruncate64(int fd, off64_t size) { return sizing(fd, size); }

static int allocating(int fd, int mode, int64_t offset, int64_t bytes) {
    const char *name = known(fd);
    struct stat found;
    if (!name) return (int)syscall(SYS_fallocate, fd, mode, offset, bytes);
    struct orders orders = meet(TRUNCATE, name, 1);
    if (!orders.error && !room(fd, offset + bytes)) orders.error = ENOSPC;
    if (orders.error) return failed(orders.error);
    hold();
    int result = (int)syscall(SYS_fallocate, fd, mode, offset, bytes);
    int grown = !result && !fstat(fd, &found);
    done(TRUNCATE, name, grown ? found.st_size : 0, "", 0, grown);
    if (orders.kill_after) die();
    return result;
}

int fallocate(int fd, int mode, off_t offset, off_t bytes) { return allocating(fd, mode, offset, bytes); }
int fallocate64(int fd, int mode, off64_t offset, off64_t bytes) { return allocating(fd, mode, offset, bytes); }
int posix_fallocate(int fd, off_t offset, off_t bytes) { return allocating(fd, 0, offset, bytes) ? errno : 0; }
int posix_fallocate64(int fd, off64_t offset, off64_t bytes) { return allocating(fd, 0, offset, bytes) ? errno : 0; }

static int syncing(int fd, long call) {
    const char *name = known(fd);
    if (!name) return (int)syscall(call, fd);
    struct orders orders = meet(SYNC, name, 1);
    if (orders.error) return failed(orders.error);
    hold();
    int result = (int)syscall(call, fd);
    done(SYNC, name, 0, "", 0, !result);
    if (orders.kill_after) die();
    return result;
}

int fsync(int fd) { return syncing(fd, SYS_fsync); }
int fdatasync(int fd) { return syncing(fd, SYS_fdatasync); }

/* --- what is told of the file system, and of the time --------------------------------------------------------------- */

static void tell(struct statvfs *told) {
    if (panel->read_only) told->f_flag |= ST_RDONLY;
    if (panel->limit) {
        int64_t left = panel->limit - used(root);
        told->f_blocks = (fsblkcnt_t)(panel->limit / (int64_t)told->f_frsize);
        told->f_bfree = told->f_bavail = (fsblkcnt_t)(left > 0 ? left / (int64_t)told->f_frsize : 0);
    }
}

int statvfs(const char *path, struct statvfs *told) {
    REAL(int, "statvfs", const char *, struct statvfs *);
    char whole[PATH_MAX];
    int result = real(path, told);
    if (!result && below(path, whole)) tell(told);
    return result;
}
int statvfs64(const char *path, struct statvfs64 *told) { return statvfs(path, (struct statvfs *)told); }

int fstatvfs(int fd, struct statvfs *told) {
    REAL(int, "fstatvfs", int, struct statvfs *);
    int result = real(fd, told);
    if (!result && known(fd)) tell(told);
    return result;
}
int fstatvfs64(int fd, struct statvfs64 *told) { return fstatvfs(fd, (struct statvfs *)told); }

int clock_gettime(clockid_t clock, struct timespec *told) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int result = real(clock, told);
    if (!result && panel && panel->clock_ns && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t now = told->tv_sec * INT64_C(1000000000) + told->tv_nsec + panel->clock_ns;
        told->tv_sec = now / 1000000000;
        told->tv_nsec = now % 1000000000;
    }
    return result;
}

int gettimeofday(struct timeval *told, void *zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    told->tv_sec = now.tv_sec;
    told->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *told) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    if (told) *told = now.tv_sec;
    return now.tv_sec;
}
