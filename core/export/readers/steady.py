"""Classes of photos by a steady run, and how familiar they look: python steady.py photo.jpg …"""

import json
import sys
from pathlib import Path

import open_clip
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file, safe_open  # type: ignore[attr-defined]

HERE, heard = Path(__file__).parent, dict[torch.nn.Module, torch.Tensor]()
told = {n: json.loads(t) for n, t in safe_open(HERE / "gate.safetensors", "pt").metadata().items()}
if safe_open(HERE / told["weights"], "pt").metadata().get("fingerprint") != told["fingerprint"]:
    sys.exit("zero-shot/ holds other weights than those that the gate was made for.")
gate, *heads = (load_file(HERE / name) for name in told["tensors"])
ends = [open_clip.create_model_and_transforms(f"local-dir:{HERE / end}") for end in told["ends"]]
models, view = [model.eval().requires_grad_(False) for model, _, _ in ends], ends[0][2]
for early in map(models[0].visual.get_submodule, told["layers"]):
    early.register_forward_hook(lambda layer, _, output: heard.update({layer: output}))


def answer(photos: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities (N, C) and familiarity (N,), from 0 to 1, of image files."""
    up = [ImageOps.exif_transpose(Image.open(photo)) for photo in photos]
    up = [i.convert("I").point(lambda v: v / 257 + 0.5) if ";16" in i.mode else i for i in up]
    up = [Image.alpha_composite(Image.new("RGBA", i.size, "white"), i.convert("RGBA")) for i in up]
    x, each = torch.stack([*map(view, up)]), zip(models, heads, told["temperatures"], strict=True)
    z0, z = ((m.encode_image(x, True) @ h["weight"].T + h.get("bias", 0)) / t for m, h, t in each)
    flat = [y.flatten(2) if y.dim() == 4 else y.transpose(1, 2) for y in heard.values()]
    s = torch.cat([part for y in flat for part in (y.mean(2), y.std(2, correction=0))], 1)
    away = ((s - gate["mean"]) / gate["std"])[:, None] - gate["bank"]  # (N, images, statistics)
    near = away.norm(dim=2).topk(told["neighbours"], largest=False).values.mean(1)
    g = torch.sigmoid((gate["threshold"] - near) / gate["width"])
    return torch.lerp(z0.softmax(1), z.softmax(1), (g + (1 - g) * told["unfamiliar"])[:, None]), g


if __name__ == "__main__":
    for photo, p, g in zip(sys.argv[1:], *answer(sys.argv[1:]), strict=True):
        print(f"{photo}: {told['names'][p.argmax()]} {p.max():.1%}, familiarity {g:.2f}")
