#!/usr/bin/python3
"""check_export.py EXPORTED CHECKPOINT TABLE: whether torch.load reads a file that `tessera export` wrote, with the weights
of the checkpoint that had been imported. Exit code 77 without PyTorch.
"""
import sys

try:
    import torch
except ImportError:
    sys.exit(77)

exported = torch.load(sys.argv[1], weights_only=True)
assert list(exported) == ["model"], list(exported)
original = torch.load(sys.argv[2])[sys.argv[3]]
ignored = {"quantize.codebook_used", "freqs_cis"}
assert set(exported["model"]) - ignored == set(original) - ignored
for name in set(original) - ignored:
    assert torch.equal(exported["model"][name], original[name].float()), name
if "quantize.embedding.weight" in original:  # LlamaGen loads strictly, and has this buffer
    assert torch.equal(exported["model"]["quantize.codebook_used"], torch.zeros(65536))
