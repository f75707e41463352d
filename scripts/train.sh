#!/usr/bin/env bash
# From a fresh clone to a sample: installs what is missing, builds, trains on all cores, says how to sample.
# Usage: scripts/train.sh [options of gpt-ddp], for example scripts/train.sh --preset names
# --np N (or MICROGPT_NP) sets the number of ranks; the default is one a core.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ranks=${MICROGPT_NP:-$(core_count)}
# How many ranks, and the checkpoint that these options write.
preset=shakespeare
checkpoint=
saves=yes
arguments=("$@")
for ((i = 0; i < ${#arguments[@]}; i++)); do
  next=${arguments[i + 1]:-}
  case "${arguments[i]}" in
    --preset) preset=$next ;;
    --preset=*) preset=${arguments[i]#*=} ;;
    --checkpoint) checkpoint=$next ;;
    --checkpoint=*) checkpoint=${arguments[i]#*=} ;;
    --np) ranks=$next ;;
    --np=*) ranks=${arguments[i]#*=} ;;
    --no[-_]save | -h | --help) saves= ;;
  esac
done
[ "$preset" = names ] || preset=shakespeare
: "${checkpoint:=checkpoints/$preset.jld2}"
[[ "$ranks" =~ ^[1-9][0-9]*$ ]] || die "--np (or MICROGPT_NP) is '$ranks': give a number of ranks from 1"

"$root/scripts/setup.sh"
say "building (release)"
swift build --package-path "$root" -c release
allow_mpi_as_root
if [ "$ranks" -gt "$(core_count)" ]; then
  export OMPI_MCA_rmaps_base_oversubscribe=1
fi

program=.build/release
[ "$PWD" -ef "$root" ] || program=$root/.build/release
say "mpirun -np $ranks $program/gpt-ddp $*"
mpirun -np "$ranks" "$program/gpt-ddp" "$@"

if [ -n "$saves" ]; then
  say "more text from this model:"
  printf '    %s/gpt-sample --checkpoint %q\n' "$program" "$checkpoint"
fi
