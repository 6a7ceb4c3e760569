#!/usr/bin/env bash
# Installs, builds the release and runs its tests. Arguments go to ctest: scripts/test.sh -R tokens
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$root/scripts/install_dependencies.sh" --all
"$root/scripts/build.sh" --tests
cd "$root"
ctest --preset release --no-tests=error --parallel "$(nproc)" "$@"
