"""What published checkpoints compute, in plain PyTorch: the oracle of tests/import_parity_test.cpp.

Written from the description of the architectures (LlamaGen, arXiv 2406.06525; taming-transformers, arXiv 2012.09841), not
from their code. Weights are a dictionary by the names of the published files. Nothing here shares code with src/.
"""
import math

import torch
import torch.nn.functional as F


# ---- the VQ tokenizer

class Llamagen:
    """Where LlamaGen's files keep a part."""
    down = staticmethod(lambda level, levels: f"encoder.conv_blocks.{level}")
    up = staticmethod(lambda level, levels: f"decoder.conv_blocks.{levels - 1 - level}")
    block = "res"
    mid = ("mid.0", "mid.1", "mid.2")
    unit_length = True


class Taming:
    """Where taming-transformers' files keep it."""
    down = staticmethod(lambda level, levels: f"encoder.down.{level}")
    up = staticmethod(lambda level, levels: f"decoder.up.{level}")
    block = "block"
    mid = ("mid.block_1", "mid.attn_1", "mid.block_2")
    unit_length = False


def conv(w, name, x, **options):
    return F.conv2d(x, w[name + ".weight"], w[name + ".bias"], **options)


def norm(w, name, x):
    return F.group_norm(x, 32, w[name + ".weight"], w[name + ".bias"], eps=1e-6)


def swish(x):
    return x * torch.sigmoid(x)


def residual(w, name, x):
    h = conv(w, name + ".conv1", swish(norm(w, name + ".norm1", x)), padding=1)
    h = conv(w, name + ".conv2", swish(norm(w, name + ".norm2", h)), padding=1)
    if name + ".nin_shortcut.weight" in w:
        x = conv(w, name + ".nin_shortcut", x)
    return x + h


def attention(w, name, x):
    b, c, rows, columns = x.shape
    h = norm(w, name + ".norm", x)
    q, k, v = (conv(w, f"{name}.{part}", h).reshape(b, c, rows * columns) for part in "qkv")
    weights = torch.softmax(torch.einsum("bci,bcj->bij", q, k) / math.sqrt(c), dim=2)
    mixed = torch.einsum("bij,bcj->bci", weights, v).reshape(b, c, rows, columns)
    return x + conv(w, name + ".proj_out", mixed)


def middle(w, side, scheme, x):
    first, between, last = (f"{side}.{part}" for part in scheme.mid)
    return residual(w, last, attention(w, between, residual(w, first, x)))


def level_blocks(w, place, scheme, x):
    block = 0
    while f"{place}.{scheme.block}.{block}.conv1.weight" in w:
        x = residual(w, f"{place}.{scheme.block}.{block}", x)
        if f"{place}.attn.{block}.q.weight" in w:
            x = attention(w, f"{place}.attn.{block}", x)
        block += 1
    return x


def levels_of(w, scheme):
    levels = 0
    while f"{scheme.down(levels, 0)}.{scheme.block}.0.conv1.weight" in w:
        levels += 1
    return levels


def encode(w, images, scheme):
    """[B, 3, H, W] in [-1, 1] -> latents before quantization [B, code size, h, w]."""
    levels = levels_of(w, scheme)
    x = conv(w, "encoder.conv_in", images, padding=1)
    for level in range(levels):
        place = scheme.down(level, levels)
        x = level_blocks(w, place, scheme, x)
        if level + 1 < levels:
            x = conv(w, place + ".downsample.conv", F.pad(x, (0, 1, 0, 1)), stride=2)
    x = middle(w, "encoder", scheme, x)
    x = conv(w, "encoder.conv_out", swish(norm(w, "encoder.norm_out", x)), padding=1)
    x = conv(w, "quant_conv", x)
    return F.normalize(x, dim=1) if scheme.unit_length else x


def codebook(w, scheme):
    codes = w["quantize.embedding.weight"]
    return F.normalize(codes, dim=1) if scheme.unit_length else codes


def distances(w, latents, scheme):
    """Squared distance of every latent to every code, [B, h * w, V], in double precision."""
    rows = latents.double().flatten(2).transpose(1, 2)
    return (rows.unsqueeze(2) - codebook(w, scheme).double()).square().sum(3)


def decode(w, codes, rows, columns, scheme):
    """Codes [B, rows * columns] -> [B, 3, H, W]."""
    x = codebook(w, scheme)[codes].transpose(1, 2).reshape(codes.shape[0], -1, rows, columns)
    levels = levels_of(w, scheme)
    x = conv(w, "decoder.conv_in", conv(w, "post_quant_conv", x), padding=1)
    x = middle(w, "decoder", scheme, x)
    for level in reversed(range(levels)):
        place = scheme.up(level, levels)
        x = level_blocks(w, place, scheme, x)
        if level > 0:
            x = conv(w, place + ".upsample.conv", F.interpolate(x, scale_factor=2.0, mode="nearest"), padding=1)
    return conv(w, "decoder.conv_out", swish(norm(w, "decoder.norm_out", x)), padding=1)


# ---- the class-conditional transformer

def rms_norm(x, weight, eps=1e-5):
    return x.float() * torch.rsqrt(x.float().square().mean(-1, keepdim=True) + eps) * weight


def rotation(grid, head, base=10000.0):
    """cos and sin [1 + grid * grid, head / 2]: zero for the class; the first half of a head's pairs turns with the row."""
    quarter = head // 4
    frequency = base ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
    row = torch.arange(grid).repeat_interleave(grid)[:, None] * frequency
    column = torch.arange(grid).repeat(grid)[:, None] * frequency
    angle = torch.cat([row, column], 1)
    nothing = torch.zeros(1, head // 2, dtype=torch.float64)
    return torch.cat([nothing, angle.cos()]).float(), torch.cat([nothing, angle.sin()]).float()


def turn(x, cos, sin):
    """x [B, heads, T, head]: pairs are neighbours."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, odd * cos + even * sin], -1).flatten(-2)


def logits(w, classes, tokens, grid, heads):
    """Teacher-forced: position t sees the class and the tokens before t. [B, T, V] for T tokens given, and one more."""
    x = torch.cat([w["cls_embedding.embedding_table.weight"][classes][:, None],
                   w["tok_embeddings.weight"][tokens]], 1)
    b, t, dim = x.shape
    cos, sin = (part[:t] for part in rotation(grid, dim // heads))
    hidden = torch.full((t, t), float("-inf")).triu(1)
    layer = 0
    while f"layers.{layer}.attention.wqkv.weight" in w:
        part = lambda name: w[f"layers.{layer}.{name}.weight"]
        h = rms_norm(x, part("attention_norm")) @ part("attention.wqkv").T
        q, k, v = (p.reshape(b, t, heads, dim // heads).transpose(1, 2) for p in h.split(dim, -1))
        q, k = turn(q, cos, sin), turn(k, cos, sin)
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(dim // heads) + hidden, -1)
        x = x + (weights @ v).transpose(1, 2).reshape(b, t, dim) @ part("attention.wo").T
        h = rms_norm(x, part("ffn_norm"))
        x = x + (swish(h @ part("feed_forward.w1").T) * (h @ part("feed_forward.w3").T)) @ part("feed_forward.w2").T
        layer += 1
    return rms_norm(x, w["norm.weight"]) @ w["output.weight"].T


def greedy(w, classes, grid, heads, cfg):
    """The likeliest tokens [B, grid * grid] under guidance, and the smallest lead of a winner over the second."""
    null = w["cls_embedding.embedding_table.weight"].shape[0] - 1
    tokens = torch.zeros(len(classes), 0, dtype=torch.long)
    lead = math.inf
    while tokens.shape[1] < grid * grid:
        conditional = logits(w, classes, tokens, grid, heads)[:, -1]
        free = logits(w, torch.full_like(classes, null), tokens, grid, heads)[:, -1]
        guided = free + cfg * (conditional - free)
        best = guided.topk(2).values
        lead = min(lead, (best[:, 0] - best[:, 1]).min().item())
        tokens = torch.cat([tokens, guided.argmax(-1, keepdim=True)], 1)
    return tokens, lead
