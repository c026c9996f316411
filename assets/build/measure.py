"""Zero-shot accuracy of assets/model on assets/demo, with plain open_clip and nothing of Evenkeel.

Run `python assets/build/measure.py`. It is the independent check of `evenkeel evaluate`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
import yaml
from render import DEMO, TEMPLATES, on_white
from torch import Tensor


@torch.no_grad()
def zero_shot(
    model: torch.nn.Module,
    tokenize: Callable[[list[str]], Tensor],
    images: Tensor,
    names: list[str],
) -> Tensor:
    """Predicted class of each image: nearest mean of the normalised template embeddings.  # (N,)"""
    model.eval()
    texts = tokenize([template.format(name) for name in names for template in TEMPLATES])
    t = F.normalize(model.encode_text(texts), dim=-1).view(len(names), len(TEMPLATES), -1)
    head = F.normalize(t.mean(1), dim=-1)  # (C, D)
    z = torch.cat([F.normalize(model.encode_image(part), dim=-1) for part in images.split(128)])
    return (z @ head.T).argmax(1)


def wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % Wilson score interval of right / n."""
    p = right / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def measure(model_folder: Path, demo: Path) -> None:
    """Prints one line per domain: accuracy over all images, its interval, n."""
    import open_clip  # only here: pretrain.py uses zero_shot without it

    source = f"local-dir:{model_folder}"
    model, _, preprocess = open_clip.create_model_and_transforms(source)
    tokenizer = open_clip.get_tokenizer(source)
    classes = yaml.safe_load((demo / "dataset.yaml").read_text())["classes"]
    kinds = sorted(classes)
    for domain in (demo / "val", demo / "test", *sorted((demo / "ood").iterdir())):
        files = sorted(domain.rglob("*.webp"))
        images = torch.stack([preprocess(on_white(file)) for file in files])
        labels = torch.tensor([kinds.index(file.parent.name) for file in files])
        predicted = zero_shot(model, tokenizer, images, [classes[kind] for kind in kinds])
        hits = predicted == labels
        macro = torch.stack([hits[labels == label].float().mean() for label in labels.unique()])
        low, high = wilson(int(hits.sum()), len(hits))
        print(
            f"{domain.relative_to(demo)!s:20} {hits.float().mean():.3f} "
            f"[{low:.3f}, {high:.3f}] n {len(hits)}, macro {macro.mean():.3f}"
        )
    print(f"logit_scale {model.logit_scale.exp():.1f}")


if __name__ == "__main__":
    import sys

    from sources import ASSETS

    measure(Path(sys.argv[1]) if len(sys.argv) > 1 else ASSETS / "model", DEMO)
