#!/usr/bin/python3
"""make_full_size.py B|L|XL|XXL|3B|VQ-16|VQ-8 FILE.pt: a checkpoint of a published size with random weights, to measure imports
with. Needs python3-torch, and as much memory as the file is long.
"""
import sys

import torch

import llamagen as ref
import make_golden

GENERATORS = {"B": (12, 768), "L": (24, 1024), "XL": (36, 1280), "XXL": (48, 1536), "3B": (24, 3200)}
TOKENIZERS = {"VQ-16": (1, 1, 2, 2, 4), "VQ-8": (1, 2, 2, 4)}


class RandomWeights(dict):
    """In place of make_golden.Weights: every tensor has numbers of its own."""

    def __init__(self, dtype, seed):
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def add(self, name, *shape):
        is_scale = len(shape) == 1 and name.endswith("weight")
        self[name] = torch.randn(*shape, generator=self.generator) * 0.02 + is_scale

    def layer(self, name, *shape):
        self.add(name + ".weight", *shape)
        self.add(name + ".bias", shape[0])


def main():
    kind, out = sys.argv[1:]
    make_golden.Weights = RandomWeights
    if kind in TOKENIZERS:
        make_golden.CODES = 16384
        weights = make_golden.vq(ref.Llamagen, TOKENIZERS[kind], 8, torch.float32, seed=1, channels=128, latents=256)
        weights["quantize.codebook_used"] = torch.zeros(65536)
    else:
        make_golden.CODES = 16384
        layers, dim = GENERATORS[kind]
        weights = make_golden.gpt(layers, dim, 1000, torch.float32, seed=1)
    print(f"{kind}: {sum(t.numel() for t in weights.values()) / 1e6:.2f}M numbers")
    torch.save({"model": dict(weights)}, out)


if __name__ == "__main__":
    main()
