#!/usr/bin/env bash
# Runs all tests once, builds included; the last line is swift test's own. Its exit status is the answer.
# Usage: scripts/test.sh [options of swift test], for example scripts/test.sh --filter KernelsTests
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

"$root/scripts/setup.sh" --for-tests
allow_mpi_as_root
cd "$root"
# The programs that the tests start must be of the same sources as the tests: swift test builds both.
exec swift test "$@"
