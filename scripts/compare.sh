#!/usr/bin/env bash
# One page (or picture) that compares the runs of metrics files, as gpt-ddp --metrics writes them.
# Usage: scripts/compare.sh [--page compare.html] [--svg loss.svg] RUN.jsonl…      without either: compare.html
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage_error() {
  printf 'compare.sh: error: %s\n' "$*" >&2
  exit 2
}

outputs=()
files=()
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help)
      sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    --page | --svg)
      [ $# -gt 1 ] || usage_error "$1 needs the name of a file"
      outputs+=("$1=$2")
      shift
      ;;
    --page=* | --svg=*) outputs+=("$1") ;;
    --)
      shift
      files+=("$@")
      break
      ;;
    -*) usage_error "unknown option '$1': there are --page FILE and --svg FILE" ;;
    *) files+=("$1") ;;
  esac
  shift
done
[ "${#files[@]}" -gt 0 ] || usage_error "name the metrics files to compare: scripts/compare.sh a.jsonl b.jsonl"
[ "${#outputs[@]}" -gt 0 ] || outputs=(--page=compare.html)

# An installed program, or what this clone has built.
program=
for candidate in "$root/.build/release/gpt-ddp" "$root/.build/debug/gpt-ddp" "$(command -v gpt-ddp || true)"; do
  if [ -x "$candidate" ]; then
    program=$candidate
    break
  fi
done
[ -n "$program" ] || die "gpt-ddp is not built: swift build -c release --package-path $(printf '%q' "$root")"
exec "$program" "${files[@]/#/--compare=}" "${outputs[@]}"
