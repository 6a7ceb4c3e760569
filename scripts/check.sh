#!/usr/bin/env bash
# What can be said of the source without building it: format, layers, the shell scripts' syntax. Takes a second.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

git ls-files -z '*.h' '*.cpp' | xargs -0 clang-format --dry-run --Werror
echo "Format: as .clang-format says."
tools/check_layers
for script in scripts/*.sh .ci/run tools/check_layers; do bash -n "$script"; done
