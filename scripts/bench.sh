#!/usr/bin/env bash
# Builds (release) and measures ours against PyTorch, interleaved. PyTorch is installed into a virtual environment
# outside the tree at first use; where that fails (no network), our own figures are measured alone.
# Usage: scripts/bench.sh [--only train,ddp,…] [--rounds N] [--json FILE]   (scripts/bench.py --help lists all)
# MICROGPT_BENCH_PYTHON names a Python that has PyTorch, if you have one.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

environment=${XDG_CACHE_HOME:-$HOME/.cache}/microgpt-bench-venv
has_torch() { "$1" -c 'import torch' 2>/dev/null; }

# Prints the Python that has PyTorch; installs it if none has. Fails where it cannot.
find_torch() {
  local python
  if [ -n "${MICROGPT_BENCH_PYTHON:-}" ]; then
    has_torch "$MICROGPT_BENCH_PYTHON" || die "MICROGPT_BENCH_PYTHON=$MICROGPT_BENCH_PYTHON has no PyTorch"
    echo "$MICROGPT_BENCH_PYTHON"
    return
  fi
  for python in python3 "$environment/bin/python"; do
    if has_torch "$python"; then
      command -v "$python"
      return
    fi
  done
  say "installing PyTorch into $environment" >&2
  if ! python3 -m venv "$environment" >&2; then
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y python3-venv >&2 || return 1
    python3 -m venv "$environment" >&2 || return 1
  fi
  # The CPU wheels are a tenth of the size; where their index cannot be reached, PyPI's do as well.
  local pip=("$environment/bin/python" -m pip install --quiet --disable-pip-version-check --timeout 15 --retries 1)
  "${pip[@]}" torch numpy --index-url https://download.pytorch.org/whl/cpu >&2 ||
    "${pip[@]}" torch numpy >&2 || return 1
  has_torch "$environment/bin/python" && echo "$environment/bin/python"
}

"$root/scripts/setup.sh"
command -v python3 >/dev/null || as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y python3
swift build --package-path "$root" -c release

# MICROGPT_BENCH_PYTHON without PyTorch is a mistake, not a reason to go on without.
if [ -n "${MICROGPT_BENCH_PYTHON:-}" ]; then
  torch=$(find_torch)
else
  torch=$(find_torch) || say "PyTorch cannot be installed here: measuring ours alone" >&2
fi
exec python3 "$root/scripts/bench.py" ${torch:+--python "$torch"} "$@"
