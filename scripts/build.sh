#!/usr/bin/env bash
# Builds the release, build/release/tessera, and its tests. Dependencies: scripts/install_dependencies.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cmake --preset release
# As many jobs as cores: LibTorch's headers take over a gigabyte of memory per job.
cmake --build --preset release --parallel "$(nproc)"
