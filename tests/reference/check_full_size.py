#!/usr/bin/python3
"""check_full_size.py TESSERA FOLDER: imports VQ-16 and B with random weights (make_full_size.py's, made in FOLDER unless they are
there) and holds what the program computes against llamagen.py: codes, pixels, logits, greedy tokens. Needs python3-torch and some
minutes; ends with 1 where they differ by more than rounding.
"""
import json
import pathlib
import subprocess
import sys

import numpy as np
import torch

import llamagen as ref

GRID, HEADS, IMAGES = 16, 12, 2


def codes_of(path):
    """The codes [images, T] of a token file, which is safetensors with u16 codes [images, crops, T]."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    entry = json.loads(data[8:8 + length])["codes"]
    begin, end = (8 + length + offset for offset in entry["data_offsets"])
    codes = np.frombuffer(data[begin:end], dtype="<u2").reshape(entry["shape"])
    return torch.from_numpy(codes[:, 0].astype(np.int64))


def relative_error(found, expected):
    return ((found - expected).abs().max() / expected.abs().max()).item()


class Check:
    def __init__(self, tessera, folder):
        self.tessera, self.folder, self.wrong = tessera, folder, 0

    def run(self, *arguments):
        subprocess.run([self.tessera, *map(str, arguments), "--quiet"], check=True, cwd=self.folder)

    def weights(self, kind, name):
        path = self.folder / name
        if not path.exists():
            subprocess.run(["/usr/bin/python3", pathlib.Path(__file__).with_name("make_full_size.py"), kind, path], check=True)
        return torch.load(path)["model"]

    def array(self, name, values):
        np.save(self.folder / name, values)

    def report(self, what, value, most):
        verdict = "" if value <= most else f", expected at most {most}"
        self.wrong += value > most
        print(f"{what}: {value:.2g}{verdict}")

    def tokenizer(self):
        weights = self.weights("VQ-16", "vq16.pt")
        if not (self.folder / "vq16").exists():
            self.run("import", "llamagen-vq", "vq16.pt", "--out", "vq16")
        images = torch.rand(IMAGES, 3, 16 * GRID, 16 * GRID, generator=torch.Generator().manual_seed(1)) * 2 - 1
        self.array("images.npy", images.numpy())
        self.run("encode", "--tokenizer", "vq16", "--data", "images.npy", "--split", "all", "--out", "codes.safetensors")
        distances = ref.distances(weights, ref.encode(weights, images, ref.Llamagen), ref.Llamagen)
        expected, found = distances.argmin(2), codes_of(self.folder / "codes.safetensors")
        ties = (distances.gather(2, found[..., None]) - distances.min(2, keepdim=True).values).max().item()
        self.report("VQ-16, share of codes that differ", (found != expected).double().mean().item(), 0.01)
        self.report("VQ-16, by how much a differing code is further away", ties, 1e-5)
        self.array("codes.npy", expected.to(torch.int32).numpy())
        self.run("decode", "--tokenizer", "vq16", "--tokens", "codes.npy", "--raw", "--out", "pixels.npy")
        pixels = torch.from_numpy(np.load(self.folder / "pixels.npy"))
        self.report("VQ-16, pixels", relative_error(pixels, ref.decode(weights, expected, GRID, GRID, ref.Llamagen)), 1e-4)

    def generator(self):
        weights = self.weights("B", "b.pt")
        if not (self.folder / "b").exists():
            self.run("import", "llamagen-gpt", "b.pt", "--tokenizer", "vq16", "--out", "b")
        tokens = torch.randint(16384, (1, GRID * GRID), generator=torch.Generator().manual_seed(2))
        self.array("tokens.npy", tokens.to(torch.int32).numpy())
        self.run("logits", "--generator", "b", "--tokens", "tokens.npy", "--classes", "207", "--out", "logits.npy")
        logits = torch.from_numpy(np.load(self.folder / "logits.npy"))
        label = torch.tensor([207])
        self.report("B, logits", relative_error(logits, ref.logits(weights, label, tokens[:, :-1], GRID, HEADS)), 1e-4)
        self.run("sample", "--generator", "b", "--tokenizer", "vq16", "--classes", "207", "--count", 1, "--cfg", 2,
                 "--temperature", 0, "--tokens-out", "drawn.safetensors")
        expected, lead = ref.greedy(weights, label, GRID, HEADS, 2.0)
        differ = (codes_of(self.folder / "drawn.safetensors") != expected).sum().item()
        print(f"B, smallest lead of a greedy token: {lead:.2g}")
        self.report("B, greedy tokens that differ of 256", differ, 0)


def main():
    check = Check(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve())
    check.folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        check.tokenizer()
        check.generator()
    sys.exit(check.wrong > 0)


if __name__ == "__main__":
    main()
