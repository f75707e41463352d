/* Preloaded by scripts/syscalls.py: fails one system call on one folder, and counts the calls on it.

   FAIL_FOLDER   absolute path without links: only calls on paths or descriptors in it count
   FAIL_CALL     write, fsync, rename, ...: the names at the bottom; pwrite64 counts as pwrite, and so on
   FAIL_AT       number of the first call that fails, from 1; 0 counts only
   FAIL_ERRNO    what it fails with; 0 makes write and pwrite take half of their bytes
   FAIL_ALWAYS   set: every call from then on fails as well
   FAIL_COUNTER  a file of 8 bytes, shared by all processes, for the number of calls

   A failing close closes all the same, as Linux does; every other call that fails has done nothing. What glibc calls
   inside itself (fopen's open, closedir's close) does not come by here. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *folder, *call;
static uint64_t fail_at, *counter;
static int failure, is_always;

static void __attribute__((constructor)) begin(void) {
  const char *path = getenv("FAIL_COUNTER");
  folder = getenv("FAIL_FOLDER");
  call = getenv("FAIL_CALL");
  if (!path || !folder || !call) return;
  fail_at = strtoull(getenv("FAIL_AT") ?: "0", NULL, 10);
  failure = atoi(getenv("FAIL_ERRNO") ?: "0");
  is_always = getenv("FAIL_ALWAYS") != NULL;
  int (*next_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int (*next_close)(int) = dlsym(RTLD_NEXT, "close");
  int file = next_open(path, O_RDWR | O_CLOEXEC);
  void *memory = file < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) {
    fprintf(stderr, "failing-calls: cannot map %s\n", path);
    _exit(99);
  }
  next_close(file);
  counter = memory;
}

static int is_below(const char *path) {
  size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int descriptor_path(int descriptor, char path[PATH_MAX]) {
  char link[64];
  snprintf(link, sizeof link, descriptor == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  path[length < 0 ? 0 : length] = 0;
  return length > 0;
}

static int on_descriptor(int descriptor) {
  char path[PATH_MAX];
  return counter && descriptor_path(descriptor, path) && is_below(path);
}

static int on_path(int descriptor, const char *path) {
  char start[PATH_MAX], joined[2 * PATH_MAX];
  if (!counter || !path) return 0;
  if (path[0] == '/') return is_below(path);
  if (!descriptor_path(descriptor, start)) return 0;
  while (strncmp(path, "./", 2) == 0) path += 2;
  snprintf(joined, sizeof joined, "%s/%s", start, path);
  return is_below(joined);
}

/* Whether this call, which is on the folder, is to fail; errno is set then. */
static int fails(const char *name) {
  if (strcmp(name, call) != 0) return 0;
  uint64_t number = __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
  if (fail_at == 0 || number < fail_at || (number > fail_at && !is_always)) return 0;
  errno = failure;
  return 1;
}

#define NEXT(symbol) \
  static __typeof__(symbol) *next; \
  if (!next) next = (__typeof__(symbol) *)dlsym(RTLD_NEXT, #symbol)

#define OPEN(symbol) \
  int symbol(const char *path, int flags, ...) { \
    NEXT(symbol); \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    return on_path(AT_FDCWD, path) && fails("open") ? -1 : next(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(symbol) \
  int symbol(int start, const char *path, int flags, ...) { \
    NEXT(symbol); \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    return on_path(start, path) && fails("open") ? -1 : next(start, path, flags, mode); \
  }
OPENAT(openat)
OPENAT(openat64)

int close(int descriptor) {
  NEXT(close);
  int is_failing = on_descriptor(descriptor) && fails("close"), error = errno;
  int result = next(descriptor);
  if (!is_failing) return result;
  errno = error;
  return -1;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  NEXT(write);
  if (!on_descriptor(descriptor) || !fails("write")) return next(descriptor, bytes, count);
  return failure ? -1 : next(descriptor, bytes, (count + 1) / 2);
}

#define PWRITE(symbol) \
  ssize_t symbol(int descriptor, const void *bytes, size_t count, off_t offset) { \
    NEXT(symbol); \
    if (!on_descriptor(descriptor) || !fails("pwrite")) return next(descriptor, bytes, count, offset); \
    return failure ? -1 : next(descriptor, bytes, (count + 1) / 2, offset); \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t read(int descriptor, void *bytes, size_t count) {
  NEXT(read);
  return on_descriptor(descriptor) && fails("read") ? -1 : next(descriptor, bytes, count);
}

#define PREAD(symbol) \
  ssize_t symbol(int descriptor, void *bytes, size_t count, off_t offset) { \
    NEXT(symbol); \
    return on_descriptor(descriptor) && fails("pread") ? -1 : next(descriptor, bytes, count, offset); \
  }
PREAD(pread)
PREAD(pread64)

#define ON_DESCRIPTOR(symbol, name) \
  int symbol(int descriptor) { \
    NEXT(symbol); \
    return on_descriptor(descriptor) && fails(name) ? -1 : next(descriptor); \
  }
ON_DESCRIPTOR(fsync, "fsync")
ON_DESCRIPTOR(fdatasync, "fsync")

#define FTRUNCATE(symbol) \
  int symbol(int descriptor, off_t length) { \
    NEXT(symbol); \
    return on_descriptor(descriptor) && fails("ftruncate") ? -1 : next(descriptor, length); \
  }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

int flock(int descriptor, int operation) {
  NEXT(flock);
  return on_descriptor(descriptor) && fails("flock") ? -1 : next(descriptor, operation);
}

#define FCNTL(symbol) \
  int symbol(int descriptor, int command, ...) { \
    NEXT(symbol); \
    va_list rest; \
    va_start(rest, command); \
    void *argument = va_arg(rest, void *); \
    va_end(rest); \
    int is_lock = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW; \
    return is_lock && on_descriptor(descriptor) && fails("fcntl") ? -1 : next(descriptor, command, argument); \
  }
FCNTL(fcntl)
FCNTL(fcntl64)

int rename(const char *old, const char *new) {
  NEXT(rename);
  return on_path(AT_FDCWD, new) && fails("rename") ? -1 : next(old, new);
}
int renameat(int old_start, const char *old, int new_start, const char *new) {
  NEXT(renameat);
  return on_path(new_start, new) && fails("rename") ? -1 : next(old_start, old, new_start, new);
}
int renameat2(int old_start, const char *old, int new_start, const char *new, unsigned flags) {
  NEXT(renameat2);
  return on_path(new_start, new) && fails("rename") ? -1 : next(old_start, old, new_start, new, flags);
}
int link(const char *old, const char *new) {
  NEXT(link);
  return on_path(AT_FDCWD, new) && fails("link") ? -1 : next(old, new);
}
int linkat(int old_start, const char *old, int new_start, const char *new, int flags) {
  NEXT(linkat);
  return on_path(new_start, new) && fails("link") ? -1 : next(old_start, old, new_start, new, flags);
}
int unlink(const char *path) {
  NEXT(unlink);
  return on_path(AT_FDCWD, path) && fails("unlink") ? -1 : next(path);
}
int unlinkat(int start, const char *path, int flags) {
  NEXT(unlinkat);
  return on_path(start, path) && fails("unlink") ? -1 : next(start, path, flags);
}
int mkdir(const char *path, mode_t mode) {
  NEXT(mkdir);
  return on_path(AT_FDCWD, path) && fails("mkdir") ? -1 : next(path, mode);
}
DIR *opendir(const char *path) {
  NEXT(opendir);
  return on_path(AT_FDCWD, path) && fails("opendir") ? NULL : next(path);
}
