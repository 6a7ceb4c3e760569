#!/usr/bin/env bash
# Builds against the LibTorch inside a PyTorch wheel, as researchers have it, and runs the tests of what uses LibTorch on the
# CPU. The wheel comes from PyPI into a virtual environment; the CUDA build takes several gigabytes.
#
#   scripts/test_torch_wheel.sh [VERSION] [ctest arguments]     the newest unless told
#   TESSERA_WHEELS=DIR                                          keeps the environments in DIR, build/wheels unless told
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=newest
if [[ ${1-} =~ ^[0-9] ]]; then
  version=$1
  shift
fi
scripts/install_dependencies.sh --all
environment=${TESSERA_WHEELS:-build/wheels}/$version
python=$environment/bin/python
if ! [[ -x $python ]] || ! "$python" -c 'import torch' 2> /dev/null; then
  python3 -m venv "$environment" || { echo "python3 -m venv failed: on Debian, install python3-venv." >&2; exit 1; }
  if [[ $version == newest ]]; then wanted=torch; else wanted=torch==$version; fi
  "$python" -m pip install --quiet "$wanted" numpy
fi
prefix=$("$python" -c 'import torch; print(torch.utils.cmake_prefix_path)')
echo "PyTorch $("$python" -c 'import torch; print(torch.__version__)') in $prefix"
scripts/build.sh --tests --torch-prefix "$prefix" --build "build/torch-$version"
ctest --test-dir "build/torch-$version" --output-on-failure --no-tests=error -L torch --parallel "$(nproc)" "$@"
