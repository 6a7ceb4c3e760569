#!/usr/bin/env bash
# Plain against CRT at equal compute, over seeds: trains, samples and measures every arm of a part of the study.
#
#   studies/first-light/run.sh fashion-mnist-search       forms and weights, measured on held-out training images
#   studies/first-light/run.sh fashion-mnist              plain, CRT, plain at smaller codebooks; the test images
#   studies/first-light/run.sh cifar10-search DIR         the same for CIFAR-10; DIR holds train-*.tar and test-*.tar,
#   studies/first-light/run.sh cifar10 DIR                tars of class folders
#
# "small-plain<plain: ..." is an arm that takes the tokenizer and the tokens of another.
#
# One arm of one seed is one process of one thread, as many at a time as there are cores (WORKERS): for models this small
# that is half as fast again as one process of all threads. Runs are in runs/first-light/PART/ARM-SEED; stopped and
# started again, they go on where they were. What was measured is copied to studies/first-light/results/PART; an arm whose
# result is there is not run again, so that several machines can share the work: SEEDS="1 2" and ARMS="plain crt" name some.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=${TESSERA:-$root/build/release/tessera}
here=studies/first-light
cd "$root"

part=${1:?"usage: run.sh fashion-mnist-search | fashion-mnist | cifar10-search DIR | cifar10 DIR"}
set=${part%-search}
case $set in
  fashion-mnist) data=(--data fashion-mnist --held-out fashion-mnist-test) ;;
  cifar10)
    dir=${2:?"run.sh $part DIR: DIR holds train-*.tar and test-*.tar"}
    data=(--data "$dir/train-*.tar" --held-out "$dir/test-*.tar") ;;
  *) echo "run.sh: '$set' is neither fashion-mnist nor cifar10" >&2; exit 2 ;;
esac

small="generator.layers=2 generator.dim=64 generator.heads=2"  # 0.17M parameters instead of 0.99M
guidance="1 1.25 1.5 2 3 4"
finish="tokenizer_training.decoder_only_fraction=0.3"
if [[ $part == *-search ]]; then
  seeds=${SEEDS:-7}
  data+=(--search --samples 5000)
  guidance="1 1.25 1.5 2 3"
  # CIFAR-10 is searched at two lengths of training: a short one, and the recipe's.
  length=""
  [[ $set != cifar10 ]] || length="tokenizer_training.steps=600 generator_training.steps=600"
  arms=(
    "crt-0.1: regularizer.weight=0.1 $length"
    "crt-0.03: regularizer.weight=0.03 $length"
    "small-crt-0.1<crt-0.1: regularizer.weight=0.1 $small $length"
    "small-crt-0.03<crt-0.03: regularizer.weight=0.03 $small $length"
    "plain: regularizer.weight=0 $length"
    "small-plain<plain: regularizer.weight=0 $small $length"
  )
  # What Fashion-MNIST has settled is not asked again.
  long="tokenizer_training.steps=1500 generator_training.steps=1200"
  [[ $set != cifar10 ]] || arms+=(
    "plain-long: regularizer.weight=0 $long"
    "crt-0.1-long: regularizer.weight=0.1 $long"
    "small-plain-long<plain-long: regularizer.weight=0 $long $small"
    "small-crt-0.1-long<crt-0.1-long: regularizer.weight=0.1 $long $small"
  )
  [[ $set == cifar10 ]] || arms+=(
    "plain-finish: regularizer.weight=0 $finish"
    "crt-0.1-finish: regularizer.weight=0.1 $finish"
    "crt-0.3-finish: regularizer.weight=0.3 $finish"
    "small-plain-finish<plain-finish: regularizer.weight=0 $finish $small"
    "small-crt-0.1-finish<crt-0.1-finish: regularizer.weight=0.1 $finish $small"
    "small-crt-0.3-finish<crt-0.3-finish: regularizer.weight=0.3 $finish $small"
    "literal-1: regularizer.weight=1 regularizer.input=continuous regularizer.variance_normalised=false"
    "literal-4: regularizer.weight=4 regularizer.input=continuous regularizer.variance_normalised=false"
    "continuous-0.1: regularizer.weight=0.1 regularizer.input=continuous"
    "detached-0.1: regularizer.weight=0.1 regularizer.detach_target=true"
  )
else
  seeds=${SEEDS:-1 2 3}
  data+=(--samples 10000)
  # Two thirds of CIFAR-10's recipe, for machine time.
  length=""
  [[ $set != cifar10 ]] || length="tokenizer_training.steps=1000 generator_training.steps=800"
  arms=(
    "plain: regularizer.weight=0 $length"
    "crt: regularizer.weight=0.1 $length"
    "small-plain<plain: regularizer.weight=0 $small $length"
    "small-crt<crt: regularizer.weight=0.1 $small $length"
    "small-plain-256: regularizer.weight=0 tokenizer.codebook_size=256 $small $length"
    "small-plain-128: regularizer.weight=0 tokenizer.codebook_size=128 $small $length"
    "plain-256<small-plain-256: regularizer.weight=0 tokenizer.codebook_size=256 $length"
    "plain-128<small-plain-128: regularizer.weight=0 tokenizer.codebook_size=128 $length"
  )
fi

# Gives an arm the tokenizer and the tokens of another, once they are made there. Where that arm was run on another
# machine there is nothing to take, and the same tokenizer is trained again.
take_tokenizer() {
  local from=$1 result=$2 to=$3
  until [[ -e $from/stages/encode-held-out.json ]]; do
    [[ ! -e $result ]] || return 0
    sleep 5
  done
  mkdir -p "$to/stages"
  cp -r "$from"/{tokenizer,train.safetensors,valid.safetensors,held-out.safetensors} "$to"
  cp "$from"/stages/{tokenizer,encode-train,encode-valid,encode-held-out}.json "$to/stages"
}

# The feature networks are trained once and kept, so that numbers of all runs can be compared.
run_arm() {
  local seed=$1 arm=$2 name=${2%%:*} runs=runs/first-light/$part
  local base=${name#*<}
  name=${name%%<*}
  local out=$runs/$name-$seed results=$here/results/$part
  [[ ! -e $results/$name-$seed.json ]] || return 0
  mkdir -p "$out" "$results"
  [[ $base == "$name" || -e $out/$name/stages/tokenizer.json ]] ||
    take_tokenizer "$runs/$base-$seed/$base" "$results/$base-$seed.json" "$out/$name"
  "$program" demo --quiet --threads 1 --recipe "recipes/$set.toml" "${data[@]}" --seed "$seed" \
    --arm "$name:${arm#*:}" --features "$here/features/$set" --out "$out" --guidance $guidance \
    > "$out/log" 2>&1 || { echo "failed: $out/log" >&2; return 1; }
  # Where the images lay on this machine is nobody's business.
  sed "s#${dir:-no folder}/#$set/#g" "$out/results.json" > "$results/$name-$seed.json.new"
  mv "$results/$name-$seed.json.new" "$results/$name-$seed.json"
  echo "$(date +%T) done: $part $name, seed $seed"
}

workers=${WORKERS:-$(nproc)}
for seed in $seeds; do
  for arm in "${arms[@]}"; do
    name=${arm%%[:<]*}
    [[ " ${ARMS:-$name} " == *" $name "* ]] || continue
    while (($(jobs -rp | wc -l) >= workers)); do wait -n; done
    run_arm "$seed" "$arm" &
    # The first process trains the feature networks; nobody else may.
    until [[ -e $here/features/$set/stages/metric.json ]]; do sleep 1; jobs -rp | grep -q . || exit 1; done
  done
done
while jobs -rp | grep -q .; do wait -n; done
