#!/usr/bin/env bash
# Builds the Debian package of the engine, tessera-lite_VERSION_ARCHITECTURE.deb, in build/package and prints its path.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cmake --preset engine -DTESSERA_TESTS=OFF -B build/package > /dev/null
cmake --build build/package >&2
(cd build/package && rm -f ./*.deb && cpack -G DEB > cpack.log) || { cat build/package/cpack.log >&2; exit 1; }
ls "$PWD"/build/package/*.deb
