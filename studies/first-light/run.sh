#!/usr/bin/env bash
# Plain against CRT, and plain at two smaller codebooks, at equal compute: three seeds of Fashion-MNIST and CIFAR-10.
#
#   studies/first-light/run.sh fashion-mnist            20 minutes a seed on two cores
#   studies/first-light/run.sh cifar10 DIR              DIR holds train-*.tar and test-*.tar, tars of class folders
#
# Results go to runs/first-light/<data set>/<seed>; stopped and started again, it goes on where it was.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
name=${1:?"usage: run.sh fashion-mnist | cifar10 DIR"}
case $name in
  fashion-mnist) data=(--data fashion-mnist --held-out fashion-mnist-test) ;;
  cifar10)
    dir=${2:?"usage: run.sh cifar10 DIR"}
    data=(--data "$dir/train-*.tar" --held-out "$dir/test-*.tar") ;;
  *) echo "run.sh: '$name' is neither fashion-mnist nor cifar10" >&2; exit 2 ;;
esac
for seed in ${SEEDS:-1 2 3}; do
  build/release/tessera demo --recipe "recipes/$name.toml" "${data[@]}" --seed "$seed" \
    --features "runs/first-light/$name/features" --out "runs/first-light/$name/$seed" \
    --samples 10000 --guidance 1 1.25 1.5 2 3 \
    --arm "plain: regularizer.weight=0" --arm "CRT:" \
    --arm "plain-256: regularizer.weight=0 tokenizer.codebook_size=256" \
    --arm "plain-128: regularizer.weight=0 tokenizer.codebook_size=128"
done
