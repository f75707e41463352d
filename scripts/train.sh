#!/usr/bin/env bash
# From a fresh clone to a sample: installs what is missing, builds, trains on all cores.
# Usage: scripts/train.sh [options of gpt-ddp], for example scripts/train.sh --preset names
# --np N (or MICROGPT_NP) sets the number of ranks; the default is one a core.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ranks=${MICROGPT_NP:-$(core_count)}
arguments=("$@")
for ((i = 0; i < ${#arguments[@]}; i++)); do
  case "${arguments[i]}" in
    --np) ranks=${arguments[i + 1]:-} ;;
    --np=*) ranks=${arguments[i]#*=} ;;
  esac
done
[[ "$ranks" =~ ^[1-9][0-9]*$ ]] || die "--np (or MICROGPT_NP) is '$ranks': give a number of ranks from 1"

"$root/scripts/setup.sh"
note_commit
say "building (release)"
swift build --package-path "$root" -c release
allow_mpi_as_root
if [ "$ranks" -gt "$(core_count)" ]; then
  export OMPI_MCA_rmaps_base_oversubscribe=1
fi

program=.build/release
[ "$PWD" -ef "$root" ] || program=$root/.build/release
say "mpirun -np $ranks $program/gpt-ddp $*"
exec mpirun -np "$ranks" "$program/gpt-ddp" "$@"
