#!/usr/bin/env bash
# Hostile files, the long version: random damage to checkpoints (under right digests, so that libhdf5 and the reader
# see it), impossible values in them, and damage to corpora. Nothing may crash, hang, or load what was not saved.
#   scripts/fuzz.sh [CASES]              10,000 of each by default
#   scripts/fuzz.sh --sanitize [CASES]   in a build of its own under AddressSanitizer, 1,000 of each by default: our
#                                        code, and the C library's functions that libhdf5 calls; not libhdf5's code
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cases=10000 build=()
if [ "${1:-}" = --sanitize ]; then
  shift
  cases=1000
  build=(--sanitize=address --scratch-path .build-asan)
  # Leaks are not looked for: HDF5, OpenBLAS and MPI keep memory to their end, and the search needs ptrace.
  export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1
fi
cases=${1:-$cases}
[[ $# -le 1 && "$cases" =~ ^[1-9][0-9]*$ ]] ||
  die "'$*' is no number of cases: give one from 1, after --sanitize if you want that"
"$root/scripts/setup.sh"
need_swift
cd "$root"
export MICROGPT_FUZZ_CASES=$cases
exec swift test ${build[@]+"${build[@]}"} \
  --filter 'CheckpointingTests.FuzzTests|CheckpointingTests.ValueFuzzTests|CorporaTests.CorpusFuzz'
