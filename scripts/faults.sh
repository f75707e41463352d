#!/usr/bin/env bash
# The long version of the fault tests: at least 100 random kills, the promised seconds asserted, and a Markdown table
# of what was measured on standard output. As root it also tries full disks, namespaces and cut wires.
#   scripts/faults.sh                 100 random kills
#   scripts/faults.sh --kills 500     as many
#   scripts/faults.sh --seed 7        other victims and moments
#   scripts/faults.sh --output FILE   the table goes there as well
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

kills=100 seed=2026 output=
while [ $# -gt 0 ]; do
  case "$1" in
    --kills) kills=${2:-} ;;
    --seed) seed=${2:-} ;;
    --output) output=${2:-} ;;
    *) die "unknown option '$1': the options are --kills N, --seed N, --output FILE" ;;
  esac
  [ $# -ge 2 ] || die "$1 needs a value"
  shift 2
done
[[ "$kills" =~ ^[1-9][0-9]*$ ]] || die "--kills is '$kills': give a number from 1"
[[ "$seed" =~ ^[0-9]+$ ]] || die "--seed is '$seed': give a number from 0"

"$root/scripts/setup.sh" >&2
need_swift
allow_mpi_as_root
cd "$root"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
swift build --build-tests >&2
export MICROGPT_FAULTS=long MICROGPT_FAULT_KILLS=$kills MICROGPT_FAULT_SEED=$seed
export MICROGPT_FAULT_TABLE=$work/table
status=0
# One test at a time: the seconds are to be the program's, not those of a crowd.
swift test --skip-build --no-parallel --filter FaultTests >"$work/log" 2>&1 || status=$?
grep -E '✘|skipped|Test run' "$work/log" >&2 || true
[ -s "$work/table" ] || die "no test has measured anything: $(tail -n 5 "$work/log")"

# Rows of one fault are added up; the seconds are those of the slowest try.
table() {
  echo '| # | fault | tries | survived | bits equal | seconds to a clean end |'
  echo '|---|---|---|---|---|---|'
  awk -F '\t' '
    { key = $1 "\t" $2; tries[key] += $3; survived[key] += $4; equal[key] += $5; compared[key] += $6
      if ($7 != "" && $7 + 0 >= seconds[key] + 0) seconds[key] = $7 }
    END {
      for (key in tries) {
        split(key, part, "\t")
        bits = compared[key] ? equal[key] "/" compared[key] : "–"
        end = seconds[key] == "" ? "–" : seconds[key]
        printf "%d\t| %d | %s | %d | %d | %s | %s |\n",
          part[1], part[1], part[2], tries[key], survived[key], bits, end
      }
    }' "$work/table" | sort -t "$(printf '\t')" -k1,1n -k2,2 | cut -f 2
  echo
  echo "$kills random kills, $(core_count) cores; \`scripts/faults.sh --kills $kills --seed $seed\`"
}
table
[ -z "$output" ] || table >"$output"
exit "$status"
