// System calls that Swift's Glibc module does not expose because they are variadic or GNU extensions.
#pragma once
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

// Whether the kernel refuses the system call of OpenMPI's single-copy transport; tries it on this process.
static inline int platform_single_copy_is_refused(void) {
  char source = 1, target = 0;
  struct iovec from = {&source, 1}, into = {&target, 1};
  return syscall(SYS_process_vm_readv, getpid(), &into, 1UL, &from, 1UL, 0UL) != 1;
}

// The magic number of the file system of a path; 0 if unknown. Glibc's module has no statfs.
static inline unsigned int platform_file_system_type(const char *path) {
  struct statfs status;
  return statfs(path, &status) == 0 ? (unsigned int)status.f_type : 0;
}

// An open file without a path, in memory; -1 if there is none.
static inline int platform_memory_file(const char *name) {
  return (int)syscall(SYS_memfd_create, name, 1U /* MFD_CLOEXEC */);
}

// Names the calling thread, for debuggers.
static inline void platform_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

// Starts a child in another folder (glibc 2.29 and later).
int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);

// The state letter of a process and, if wanted, the number of its process group and of its terminal's foreground
// group; 0 if there is no such process. Async-signal-safe.
static inline char platform_process_state(pid_t process, int *group, int *foreground) {
  char text[512], name[32] = "/proc/", digits[12];
  int length = 6, count = 0;
  for (pid_t rest = process; rest > 0; rest /= 10) digits[count++] = (char)('0' + rest % 10);
  while (count > 0) name[length++] = digits[--count];
  for (const char *tail = "/stat"; *tail; tail++) name[length++] = *tail;
  name[length] = 0;
  int file = open(name, O_RDONLY);
  if (file < 0) return 0;
  ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  if (size <= 0) return 0;
  text[size] = 0;
  // The program's name, in parentheses, may itself hold any character.
  char *field = text + size;
  while (field > text && *field != ')') field--;
  if (size - (field - text) < 3) return 0;
  char state = field[2];
  // State, parent, group, session, terminal, foreground group.
  int values[5] = {0}, index = -1;
  for (char *at = field + 3; *at && index < 5; at++) {
    if (*at == ' ') {
      index++;
    } else if (index >= 0 && index < 5 && *at >= '0' && *at <= '9') {
      values[index] = values[index] * 10 + (*at - '0');
    }
  }
  if (group) *group = values[1];
  if (foreground) *foreground = values[3] == 0 ? 0 : values[4];
  return state;
}

// Starts a small process that makes Ctrl-Z complete for a job of the terminal's: mpirun stops its ranks, but not
// itself, and the shell would wait for ever. Where every one of `ranks` is stopped and `launcher`, in the terminal's
// foreground, is not, it stops `launcher`; the shell's `fg` continues it, and it its ranks. Ends with its parent.
static inline pid_t platform_complete_terminal_stops(pid_t launcher, const pid_t *ranks, int count) {
  pid_t parent = getpid();
  // Without handlers of fork, which would stop the threads of libraries in this process.
  pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child != 0) return child;
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  prctl(PR_SET_NAME, "terminal-stops", 0, 0, 0);
  signal(SIGTERM, SIG_DFL);
#ifdef SYS_close_range
  syscall(SYS_close_range, 0, ~0U, 0);
#endif
  while (getppid() == parent) {
    struct timespec pause = {0, 250000000};
    nanosleep(&pause, 0);
    int stopped = 0, group = 0, foreground = 0;
    while (stopped < count && platform_process_state(ranks[stopped], 0, 0) == 'T') stopped++;
    if (stopped < count) continue;
    char state = platform_process_state(launcher, &group, &foreground);
    if (state != 0 && state != 'T' && foreground != 0 && group == foreground) kill(launcher, SIGSTOP);
  }
  _exit(0);
}
