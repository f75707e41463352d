#!/usr/bin/env bash
# Hostile files, the long version: random damage to checkpoints (under right digests, so that libhdf5 and the reader
# see it), impossible values in them, and damage to corpora. Nothing may crash, hang, or load what was not saved.
#   scripts/fuzz.sh [CASES]   10,000 of each by default
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cases=${1:-10000}
[[ "$cases" =~ ^[1-9][0-9]*$ ]] || die "'$cases' is no number of cases: give one from 1"
"$root/scripts/setup.sh"
need_swift
cd "$root"
export MICROGPT_FUZZ_CASES=$cases
exec swift test --filter 'CheckpointingTests.FuzzTests|CheckpointingTests.ValueFuzzTests|CorporaTests.CorpusFuzz'
