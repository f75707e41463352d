// The raw system calls with which a process gives up what it no longer needs; see Platform's Confinement.
#pragma once
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Closes all descriptors from `first` on.
static inline void platform_close_from(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
#endif
  // Kernels before 5.9.
  long count = sysconf(_SC_OPEN_MAX);
  for (int descriptor = first; descriptor < count && descriptor < 65536; descriptor++) close(descriptor);
}

// Gives up all capabilities, also for programs started later. Returns 0 or -1.
static inline int platform_drop_capabilities(void) {
  for (int capability = 0; capability < 64; capability++) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
  return (int)syscall(SYS_capset, &header, none);
}

// No new privileges, no core file or debugger, an end with the parent's. Returns 0 or -1.
static inline int platform_withdraw(void) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

#if defined(__x86_64__)
#define PLATFORM_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define PLATFORM_AUDIT_ARCH AUDIT_ARCH_AARCH64
#endif

// From here on, memory (never executable), writing to standard output, clocks and the end are all that the kernel
// does for the threads of this process; everything else fails with EPERM. Returns 0, or -1 where the kernel has no such filter.
static inline int platform_filter_system_calls(void) {
#ifdef PLATFORM_AUDIT_ARCH
#define PLATFORM_LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define PLATFORM_RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)
#define PLATFORM_UNLESS(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped)
#define PLATFORM_ALLOW(name) PLATFORM_UNLESS(SYS_##name, 1), PLATFORM_RETURN(SECCOMP_RET_ALLOW)
  struct sock_filter rules[] = {
      PLATFORM_LOAD(arch),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PLATFORM_AUDIT_ARCH, 1, 0),
      PLATFORM_RETURN(SECCOMP_RET_KILL_PROCESS),
      PLATFORM_LOAD(nr),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0),
      PLATFORM_UNLESS(SYS_mprotect, 4),
      PLATFORM_LOAD(args[2]),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
      PLATFORM_RETURN(SECCOMP_RET_ERRNO | EPERM),
      PLATFORM_RETURN(SECCOMP_RET_ALLOW),
      PLATFORM_UNLESS(SYS_write, 4),
      PLATFORM_LOAD(args[0]),
      PLATFORM_UNLESS(STDOUT_FILENO, 1),
      PLATFORM_RETURN(SECCOMP_RET_ALLOW),
      PLATFORM_RETURN(SECCOMP_RET_ERRNO | EPERM),
      PLATFORM_ALLOW(brk),
      PLATFORM_ALLOW(munmap),
      PLATFORM_ALLOW(mremap),
      PLATFORM_ALLOW(madvise),
      PLATFORM_ALLOW(futex),
      PLATFORM_ALLOW(clock_gettime),
      PLATFORM_ALLOW(gettimeofday),
      PLATFORM_ALLOW(getrandom),
      PLATFORM_ALLOW(getpid),
      PLATFORM_ALLOW(gettid),
      PLATFORM_ALLOW(sched_yield),
      PLATFORM_ALLOW(rt_sigprocmask),
      PLATFORM_ALLOW(rt_sigreturn),
      PLATFORM_ALLOW(exit),
      PLATFORM_ALLOW(exit_group),
      PLATFORM_RETURN(SECCOMP_RET_ERRNO | EPERM),
  };
  struct sock_fprog program = {sizeof rules / sizeof rules[0], rules};
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
#else
  return -1;
#endif
}
