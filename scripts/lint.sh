#!/usr/bin/env bash
# The rules of the house that the compiler does not enforce; names each violation, exits 1 if there is one.
# Usage: scripts/lint.sh [--no-build]   (--no-build omits the clean build that looks for warnings)
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

build=yes
case "${1:-}" in
  '') ;;
  --no-build) build= ;;
  *) die "unknown option '$1': the only one is --no-build" ;;
esac
need_swift

violations=0
violation() {
  printf 'lint: %s\n' "$*"
  violations=$((violations + 1))
}
# Each line of standard input is a violation. Not for the end of a pipe: a subshell would forget the count.
violation_lines() {
  local line
  while IFS= read -r line; do
    [ -z "$line" ] || violation "$1: $line"
  done
}

# A module may import only modules of lower floors; Sources/README.md says what lives on each.
floor_of() {
  case "$1" in
    COpenMPI | COpenBLAS | CHDF5 | CZlib | CZstd | CTargetFeatures | CPlatform | CBuildFacts) echo 0 ;;
    Platform | Reproducibility | Kernels | Reduction | Liveness | TerminalDisplay) echo 1 ;;
    CommandLineOptions | GPTModel | DataParallel | Launching | CorpusFiles | CheckpointFamilies | LineEditing | RunCurves) echo 2 ;;
    Corpora | TrainingState | RunPage) echo 3 ;;
    Checkpointing | Training | Capacity | TextDelivery) echo 4 ;;
    RunFiles | RunDisplay | CheckpointTools | BuildFacts | Diagnosis) echo 5 ;;
    RunPlanning) echo 6 ;;
    TrainerProgram | SamplerProgram) echo 7 ;;
    gpt-ddp | gpt_ddp | gpt-sample | gpt_sample | gpt-bench | gpt_bench) echo 8 ;;
  esac
}

# Why `module` must not import `imported` although the floors allow it; nothing if it may.
forbidden_reason() {
  case "$1:$2" in
    DataParallel:COpenMPI | Checkpointing:CHDF5 | Kernels:COpenBLAS | CorpusFiles:CZlib | CorpusFiles:CZstd | \
      Platform:CPlatform) ;;
    *:COpenMPI) echo "only DataParallel talks to MPI" ;;
    *:CHDF5) echo "only Checkpointing talks to HDF5" ;;
    *:COpenBLAS) echo "only Kernels talks to BLAS" ;;
    *:CZlib | *:CZstd) echo "only CorpusFiles decompresses" ;;
    BuildFacts:CBuildFacts) ;;
    *:CBuildFacts) echo "only BuildFacts says what a build is" ;;
    *:CPlatform) echo "only Platform asks the system" ;;
    SamplerProgram:DataParallel | SamplerProgram:Launching | SamplerProgram:Training | SamplerProgram:Corpora | \
      SamplerProgram:CorpusFiles | SamplerProgram:RunFiles | SamplerProgram:RunDisplay | SamplerProgram:Capacity | \
      SamplerProgram:Diagnosis | SamplerProgram:RunPlanning)
      echo "gpt-sample needs neither MPI nor a corpus" ;;
    gpt-ddp:TrainerProgram | gpt-sample:SamplerProgram) ;;
    gpt-ddp:* | gpt-sample:*) echo "an executable is its program library and nothing else" ;;
  esac
}

# Floor 1 has one edge of its own, declared in the manifest: errors are Platform's everywhere.
same_floor_allowed() { [ "$2" = Platform ] && [ "$1" != Platform ]; }

# One way to do each thing the system is asked for: these calls belong to Platform.
check_system_calls() {
  violation_lines "only Platform does this" < <(
    grep -rnE --include='*.swift' \
      '\b(posix_spawnp?|pthread_create|clock_gettime|ContinuousClock|rename|fsync|waitpid|fork)\b *[(.]' Sources |
      grep -v '^Sources/Platform/' || true)
  violation_lines "only CheckpointReader opens objects of a file" < <(
    grep -rnE --include='*.swift' '\bH5(Dopen|Oopen|Gopen|Topen|Aopen|Rdereference|Rget_region|Fmount)' Sources |
      grep -v '^Sources/Checkpointing/CheckpointReader.swift:' || true)
}

# A room that has grown too large wants to be two.
check_rooms() {
  local folder lines
  for folder in Sources/*/; do
    lines=$(find "$folder" -name '*.swift' -exec cat {} + | wc -l)
    [ "$lines" -le 2000 ] || violation "$folder: $lines lines; a room has 2000 at most"
  done
}

check_imports() {
  local folder module file imported floor imported_floor reason
  for folder in Sources/*/; do
    module=$(basename "$folder")
    floor=$(floor_of "$module")
    if [ -z "$floor" ]; then
      violation "$folder: module $module has no floor; give it one in scripts/lint.sh"
      continue
    fi
    while IFS=: read -r file imported; do
      [ -n "$file" ] || continue
      imported_floor=$(floor_of "$imported")
      [ -n "$imported_floor" ] || continue # of the toolchain
      if [ "$imported_floor" -ge "$floor" ] && ! { [ "$imported_floor" -eq "$floor" ] &&
        same_floor_allowed "$module" "$imported"; }; then
        violation "$file: $module (floor $floor) imports $imported (floor $imported_floor)"
      fi
      reason=$(forbidden_reason "$module" "$imported")
      [ -z "$reason" ] || violation "$file: imports $imported: $reason"
    done < <(grep -rHoE --include='*.swift' \
      '^ *(@[A-Za-z_]+(\([^)]*\))? +)*((public|package|internal|fileprivate|private) +)?import +((struct|class|enum|protocol|func|var|let|typealias) +)?[A-Za-z_][A-Za-z0-9_]*' \
      "$folder" | sed -E 's/^([^:]*):.* ([A-Za-z0-9_]+)$/\1:\2/' || true)
  done
}

check_swift_sources() {
  local file lines
  violation_lines "swift format" < <(swift format lint --strict -r Sources Tests Package.swift 2>&1 || true)
  while IFS= read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 400 ] || violation "$file: $lines lines; split it by topic (400 at most)"
  done < <(find Sources Tests -name '*.swift')
  violation_lines "try!" < <(grep -rnE --include='*.swift' '\btry!' Sources Tests || true)
}

check_scripts() {
  local file pycache
  while IFS= read -r file; do
    [ -x "$file" ] || [ "$(basename "$file")" = common.sh ] || violation "$file: is not executable"
    violation_lines "bash -n" < <(bash -n "$file" 2>&1 || true)
  done < <(find scripts -name '*.sh' -o -name '*.sbatch')
  if command -v shellcheck >/dev/null; then
    violation_lines "shellcheck" < <(
      find scripts .ci -type f \( -name '*.sh' -o -name '*.sbatch' -o -name run \) -exec shellcheck -x -f gcc {} + || true)
  else
    say "shellcheck is not installed: shell scripts are checked for syntax only"
  fi
  if command -v python3 >/dev/null; then
    pycache=$(mktemp -d)
    while IFS= read -r file; do
      violation_lines "py_compile" < <(
        PYTHONPYCACHEPREFIX=$pycache python3 -m py_compile "$file" 2>&1 || true)
    done < <(find scripts -name '*.py')
    rm -rf "$pycache"
  else
    say "python3 is not installed: Python scripts are not checked"
  fi
  # In brackets, so that this line does not find itself.
  violation_lines "unfinished" < <(grep -rnE '\b(TOD[O]|FIXM[E])\b' Sources Tests scripts .ci Package.swift || true)
}

# Everything is compiled again, so that every warning is printed again.
check_build() {
  local log
  log=$(mktemp)
  rm -rf .build-lint
  say "clean build into .build-lint, looking for warnings"
  if swift build --build-tests --scratch-path .build-lint >"$log" 2>&1; then
    violation_lines "build" < <(grep -E '(^|[^a-z])warning:' "$log" | sort -u || true)
    if strings -a .build-lint/debug/gpt-ddp | grep -iE 'injected|MICROGPT_FAULT|measure-' >/dev/null; then
      violation "gpt-ddp holds a test interface: $(strings -a .build-lint/debug/gpt-ddp | grep -iE 'injected|MICROGPT_FAULT|measure-' | head -1)"
    fi
    if ldd .build-lint/debug/gpt-sample | grep -E 'libmpi|libopen-(rte|pal)' >/dev/null; then
      violation "gpt-sample is linked with MPI: $(ldd .build-lint/debug/gpt-sample | grep -oE 'libmpi[^ ]*' | head -1)"
    fi
  else
    tail -n 20 "$log"
    violation "the build fails"
  fi
  rm -rf "$log" .build-lint
}

check_imports
check_system_calls
check_rooms
check_swift_sources
check_scripts
if [ -n "$build" ]; then check_build; fi

if [ "$violations" -gt 0 ]; then
  printf 'lint: %d violation(s)\n' "$violations"
  exit 1
fi
say "lint: nothing to complain about"
