# Sourced by the other scripts, not run: where the repository is, how to speak, how to become root.
# shellcheck shell=bash

# shellcheck disable=SC2034  # used by those who source this file
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '==> %s\n' "$*"; }

die() {
  printf '%s: error: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Runs a command as root: directly, or through sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "needs root for '$*': run it as root, or install sudo"
  fi
}

need_swift() {
  command -v swift >/dev/null ||
    die "swift is not on PATH: install Swift 6.1 or newer from https://www.swift.org/install"
}

# A build folder keeps the path at which it was made: in a clone that was moved or copied, the compiler says "missing
# required module 'SwiftShims'" or "PCH was compiled with module cache path …".
forget_moved_build() {
  local plan physical
  physical=$(cd "$root" && pwd -P)
  for plan in "$root"/.build/{debug,release}.yaml; do
    if [ -e "$plan" ] && ! grep -qF -e "$root/.build/" -e "$physical/.build/" "$plan"; then
      say "this clone was moved after it was built: building anew (rm -rf $(printf '%q' "$root/.build"))"
      rm -rf "$root/.build"
      return
    fi
  done
}

# What --version says of the sources that are built now: their commit, and whether they differ from it. Nothing outside a
# clone.
note_commit() {
  local commit
  unset MICROGPT_COMMIT
  [ "$(git -C "$root" rev-parse --show-toplevel 2>/dev/null)" -ef "$root" ] || return 0
  commit=$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null) || return 0
  if [ -n "$(git -C "$root" status --porcelain -- Sources Package.swift)" ]; then commit+=-changed; fi
  export MICROGPT_COMMIT=$commit
}

# OpenMPI refuses to run as root unless told twice; nobody else needs these.
allow_mpi_as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
}

# Physical cores this process may use: mpirun counts these as slots, not hardware threads.
core_count() {
  local allowed physical
  allowed=$(nproc)
  physical=$(lscpu -p=Core,Socket 2>/dev/null | grep -v '^#' | sort -u | wc -l)
  if [ "$physical" -ge 1 ] && [ "$physical" -lt "$allowed" ]; then
    echo "$physical"
  else
    echo "$allowed"
  fi
}
