#!/usr/bin/python3
"""Rewrites golden/: tiny checkpoints in the forms PyTorch writes, and what they compute. Needs python3-torch; the tests do
not.

The weights of a checkpoint are views of one small block of random numbers, so that the files stay small and views,
offsets and strides are read too.
"""
import pathlib
from argparse import Namespace

import numpy as np
import torch

import llamagen as ref

OUT = pathlib.Path(__file__).parent / "golden"
GRID, HEADS, CODES = 4, 4, 64


def pool(count, scale, dtype, seed):
    return (torch.randn(count, generator=torch.Generator().manual_seed(seed)) * scale).to(dtype)


class Weights(dict):
    """Tensors by name, each a view of a block from a place of its own."""

    def __init__(self, dtype, seed):
        super().__init__()
        self.block, self.ones = pool(40000, 0.06, dtype, seed), pool(512, 0.1, dtype, seed + 1) + 1
        self.place = 0

    def add(self, name, *shape):
        count = int(np.prod(shape))
        is_scale = len(shape) == 1 and "norm" in name and name.endswith("weight")
        block = self.ones if is_scale else self.block
        self.place = (self.place + 997) % (len(block) - count + 1)
        self[name] = block[self.place:self.place + count].view(*shape)

    def layer(self, name, *shape):
        self.add(name + ".weight", *shape)
        self.add(name + ".bias", shape[0])


def vq(scheme, multipliers, code_size, dtype, seed, channels=32, latents=16):
    w = Weights(dtype, seed)
    levels = len(multipliers)

    def residual(name, inside, outside):
        w.layer(name + ".norm1", inside)
        w.layer(name + ".conv1", outside, inside, 3, 3)
        w.layer(name + ".norm2", outside)
        w.layer(name + ".conv2", outside, outside, 3, 3)
        if inside != outside:
            w.layer(name + ".nin_shortcut", outside, inside, 1, 1)

    def attention(name, width):
        w.layer(name + ".norm", width)
        for part in ("q", "k", "v", "proj_out"):
            w.layer(f"{name}.{part}", width, width, 1, 1)

    def level(place, inside, outside, blocks, lowest):
        for block in range(blocks):
            residual(f"{place}.{scheme.block}.{block}", inside if block == 0 else outside, outside)
            if lowest:
                attention(f"{place}.attn.{block}", outside)

    def middle(side, width):
        residual(f"{side}.{scheme.mid[0]}", width, width)
        attention(f"{side}.{scheme.mid[1]}", width)
        residual(f"{side}.{scheme.mid[2]}", width, width)

    widths = [channels * m for m in multipliers]
    w.layer("encoder.conv_in", channels, 3, 3, 3)
    for l in range(levels):
        level(scheme.down(l, levels), widths[max(l - 1, 0)] if l else channels, widths[l], 2, l + 1 == levels)
        if l + 1 < levels:
            w.layer(scheme.down(l, levels) + ".downsample.conv", widths[l], widths[l], 3, 3)
    middle("encoder", widths[-1])
    w.layer("encoder.norm_out", widths[-1])
    w.layer("encoder.conv_out", latents, widths[-1], 3, 3)
    w.layer("decoder.conv_in", widths[-1], latents, 3, 3)
    middle("decoder", widths[-1])
    for l in reversed(range(levels)):
        level(scheme.up(l, levels), widths[min(l + 1, levels - 1)], widths[l], 3, l + 1 == levels)
        if l > 0:
            w.layer(scheme.up(l, levels) + ".upsample.conv", widths[l], widths[l], 3, 3)
    w.layer("decoder.norm_out", widths[0])
    w.layer("decoder.conv_out", 3, widths[0], 3, 3)
    w["quantize.embedding.weight"] = pool(CODES * code_size, 0.3, dtype, seed + 2).view(CODES, code_size)
    w.layer("quant_conv", code_size, latents, 1, 1)
    w.layer("post_quant_conv", latents, code_size, 1, 1)
    return w


def gpt(layers, dim, classes, dtype, seed):
    w = Weights(dtype, seed)
    ffn = (2 * 4 * dim // 3 + 255) // 256 * 256
    w.add("cls_embedding.embedding_table.weight", classes + 1, dim)
    w.add("tok_embeddings.weight", CODES, dim)
    for l in range(layers):
        for name, *shape in (("attention.wqkv", 3 * dim, dim), ("attention.wo", dim, dim), ("feed_forward.w1", ffn, dim),
                             ("feed_forward.w3", ffn, dim), ("feed_forward.w2", dim, ffn), ("attention_norm", dim),
                             ("ffn_norm", dim)):
            w.add(f"layers.{l}.{name}.weight", *shape)
    w.add("norm.weight", dim)
    w.add("output.weight", CODES, dim)
    # Two matrices are stored as their transposes are, so that strides matter; the head is enlarged, to have opinions.
    w["output.weight"] = (8 * w["output.weight"]).T.contiguous().T
    w["layers.0.attention.wo.weight"] = w["layers.0.attention.wo.weight"].T
    return w


def as_float(w):
    return {name: tensor.float() for name, tensor in w.items()}


def save(name, array):
    np.save(OUT / (name + ".npy"), array.numpy() if isinstance(array, torch.Tensor) else array)


def write_vq_answers(name, weights, scheme, images):
    w = as_float(weights)
    latents = ref.encode(w, images, scheme)
    codes = ref.distances(w, latents, scheme).argmin(2)
    save(name + "_latents", latents)
    save(name + "_codes", codes.int())
    save(name + "_pixels", ref.decode(w, codes, *latents.shape[2:], scheme))
    print(f"{name}: {len(codes.unique())} of {CODES} codes used, {sum(t.numel() for t in w.values())} numbers")


def main():
    torch.manual_seed(1)
    OUT.mkdir(exist_ok=True)
    base = torch.rand(2, 3, 8, 8) * 2 - 1
    images = torch.nn.functional.interpolate(base, scale_factor=4.0, mode="bicubic", align_corners=False).clamp(-1, 1)
    save("images", images)

    llamagen = vq(ref.Llamagen, (1, 2), 8, torch.float16, seed=10)
    trained = dict(llamagen)  # what "ema" replaces: the same but for a tensor
    trained["decoder.conv_out.bias"] = torch.tensor([9.0, 9.0, 9.0]).half()
    for table in (trained, llamagen):
        table["quantize.codebook_used"] = torch.zeros(16)
    torch.save({"model": trained, "ema": dict(llamagen), "optimizer": {"state": {0: {"step": 3}}}, "steps": 7,
                "args": Namespace(vq_model="VQ-16", codebook_size=CODES)}, OUT / "vq.pt")
    del llamagen["quantize.codebook_used"]
    write_vq_answers("vq", llamagen, ref.Llamagen, images)

    taming = vq(ref.Taming, (1, 1, 2), 16, torch.bfloat16, seed=20)
    table = dict(taming)
    table["loss.discriminator.main.0.weight"] = torch.ones(4, 3)
    torch.save({"epoch": 3, "state_dict": table}, OUT / "taming.ckpt", _use_new_zipfile_serialization=False)
    write_vq_answers("taming", taming, ref.Taming, images)

    transformer = gpt(layers=3, dim=32, classes=5, dtype=torch.float32, seed=30)
    saved = dict(transformer)
    saved["freqs_cis"] = torch.zeros(2, 2)
    torch.save({"model": saved, "steps": 9}, OUT / "gpt.pt")
    torch.save(saved, OUT / "gpt_flat_old.pt", _use_new_zipfile_serialization=False)
    w = as_float(transformer)
    classes = torch.tensor([0, 3, 5])  # 5 is the null class
    tokens = torch.randint(0, CODES, (3, GRID * GRID))
    save("gpt_classes", classes.int())
    save("gpt_tokens", tokens.int())
    answers = ref.logits(w, classes, tokens[:, :-1], GRID, HEADS)
    save("gpt_logits", answers)
    print(f"gpt: logits have deviation {answers.std():.3f}")
    for cfg in (1.0, 2.0):
        drawn, lead = ref.greedy(w, torch.arange(5), GRID, HEADS, cfg)
        assert lead > 1e-3, f"a near-tie ({lead}) at guidance {cfg}: choose another seed"
        save(f"gpt_greedy_cfg{cfg:.0f}", drawn.int())
        print(f"gpt: greedy with guidance {cfg}: {len(drawn.unique())} tokens used, smallest lead {lead:.4f}")
    print(f"golden/: {sum(f.stat().st_size for f in OUT.iterdir()) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
