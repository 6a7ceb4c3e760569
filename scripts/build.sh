#!/usr/bin/env bash
# Builds the program, build/release/tessera. Dependencies: scripts/install_dependencies.sh.
#
#   scripts/build.sh                        the programs tessera and tessera-lite
#   scripts/build.sh --tests                the tests, too
#   scripts/build.sh --torch-prefix DIR     with the LibTorch below DIR, such as that of a PyTorch wheel:
#                                           DIR=$(python3 -c 'import torch; print(torch.utils.cmake_prefix_path)')
#   scripts/build.sh --build FOLDER         in another folder than build/release
#   scripts/build.sh .. -- -DTESSERA_ENGINE=OFF    what follows -- goes to CMake
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=build/release options=() targets=(--target programs)
while (($#)); do
  case "$1" in
    --tests) options+=(-DTESSERA_TESTS=ON) targets=() ;;
    --torch-prefix)
      [[ -d ${2-} ]] || { echo "build.sh: --torch-prefix is '${2-}', expected a folder" >&2; exit 2; }
      options+=(-UTorch_DIR -DCMAKE_PREFIX_PATH="$(realpath "$2")")
      shift ;;
    --build) build=${2:?build.sh: --build expects a folder}; shift ;;
    --) shift; options+=("$@"); break ;;
    *) echo "build.sh: unknown argument '$1', expected --tests, --torch-prefix DIR, --build FOLDER or -- and CMake's" >&2; exit 2 ;;
  esac
  shift
done

cmake --preset release -B "$build" "${options[@]}"
# As many jobs as cores, but no more than memory has room for: LibTorch's headers take over a gigabyte a job.
jobs=$(nproc)
gigabytes=$(awk '/^MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
((jobs <= gigabytes / 2)) || jobs=$((gigabytes / 2 > 1 ? gigabytes / 2 : 1))
cmake --build "$build" --parallel "$jobs" "${targets[@]}"
