// System calls that Swift's Glibc module does not expose because they are variadic or GNU extensions.
#pragma once
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
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

// Names the calling thread, for debuggers.
static inline void platform_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

// Starts a child in another folder (glibc 2.29 and later).
int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
