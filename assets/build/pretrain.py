"""Pretrain the demo model on the seen concept x style pairs and write assets/model.

Run `python assets/build/pretrain.py` (after render.py). Three stages: the text tower learns to read
ImageNet's frozen image tower (LiT), both towers learn at 96 px, both at 128 px. A checkpoint in
shipping form is written to the work folder every 100 steps; `--scale 0.1` gives a quick draft.
Seeded; bit-exact only on the same machine, thread count and library versions.
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from captions import (
    CLASS_PATTERNS,
    NAME_PATTERNS,
    STYLE_WORDS,
    STYLED_PATTERNS,
    SYNONYMS,
    class_caption,
    class_of,
    name_caption,
)
from catalogue import CLASSES, PRETRAIN_STYLES, Concept, concepts
from measure import zero_shot
from model import CONFIG, MODEL, freeze_batch_norm, new_model, save
from open_clip import SimpleTokenizer
from PIL import Image
from sources import work_folder
from split import Split, make_split
from torch import Tensor
from views import plain_views, random_views

SEED = 0
BATCH = 128
EMA_DECAY = 0.99
ALL_BLOCKS = 7
# Stem and first two blocks: edges and colours, under 1 % of the weights, 40 % of a step's time.
EARLY_BLOCKS = 2
CHECKPOINT_STEPS = 100
LABEL_SMOOTHING = 0.1  # keeps logit_scale, and with it the confidence, moderate


@dataclass(frozen=True)
class Stage:
    """A stretch of training with its own resolution and peak learning rates."""

    name: str
    steps: int
    size: int
    frozen_blocks: int  # of the image trunk's seven, counted from the stem, which is frozen too
    lr_image: float
    lr_text: float
    final_fraction: float = 0.0  # where the cosine ends, as a fraction of the peak


STAGES = (
    Stage("lit", 100, 96, ALL_BLOCKS, 0.0, 1e-3, 0.5),
    Stage("towers", 500, 96, EARLY_BLOCKS, 4e-4, 6e-4, 0.4),
    Stage("towers at 128 px", 150, 128, EARLY_BLOCKS, 1.6e-4, 2.4e-4),
)


class Captioner:
    """Tokenises captions with CLIP's tokenizer, over only those tokens our captions can hold.

    A dense gradient for 49,408 rows would cost more than the rest of the text tower.
    """

    def __init__(self, everything: list[Concept]) -> None:
        self.tokenizer = SimpleTokenizer(
            context_length=CONFIG["model_cfg"]["text_cfg"]["context_length"]
        )
        texts = [*NAME_PATTERNS, *STYLED_PATTERNS, *CLASS_PATTERNS, *CLASSES]
        texts += [word for words in STYLE_WORDS.values() for word in words]
        texts += [word for words in SYNONYMS.values() for word in words]
        for concept in everything:
            texts += [concept.name, class_of(concept), *concept.keywords]
        # CLIP's tokenizer joins neighbouring signs, as in "(blood type).", into one token.
        ends = ("", ".", ",")
        self.used = torch.unique(self.tokenizer([text + end for text in texts for end in ends]))

    def __call__(self, captions: list[str]) -> Tensor:
        """Rows of the compact table.  # -> (N, 24)"""
        tokens = self.tokenizer(captions)
        rows = torch.searchsorted(self.used, tokens)
        assert torch.equal(self.used[rows], tokens), "a caption holds a token not collected"
        return rows


@dataclass(frozen=True)
class Data:
    """The seen drawings in memory, with what captions need to know about each."""

    images: Tensor  # (N, 4, 128, 128) uint8
    concept: list[Concept]
    style: list[str]
    weight: Tensor  # (N,) how often each is drawn
    classes: list[str]
    label: Tensor  # (N,) index into classes, -100 where the concept has no clear class


def load_drawing(style: str, slug: str) -> Tensor:
    """One drawing as (4, 128, 128) uint8."""
    with Image.open(work_folder() / "images" / style / f"{slug}.webp") as image:
        return torch.from_numpy(np.array(image.convert("RGBA"))).permute(2, 0, 1)


def load_data(everything: list[Concept], split: Split) -> Data:
    """All pairs that the split lets pretraining see."""
    by_slug = {c.slug: c for c in everything}
    pairs = sorted(split.seen)
    known = [by_slug[slug] for slug, _ in pairs]
    demo_groups = {c.group for c in everything if c.kind}
    classes = sorted({class_of(c) for c in everything if c.kind or c.group not in demo_groups})
    index = {name: i for i, name in enumerate(classes)}
    return Data(
        images=torch.stack([load_drawing(style, slug) for slug, style in pairs]),
        concept=known,
        style=[style for _, style in pairs],
        # Signs and arrows are many and matter least to the demo.
        weight=torch.tensor([1.0 if c.kind else 0.4 for c in known]),
        classes=classes,
        label=torch.tensor([index.get(class_of(c), -100) for c in known]),
    )


def contrast(z: Tensor, t: Tensor, scale: Tensor, same: Tensor) -> Tensor:
    """CLIP's symmetric loss where several captions may be right.  # z, t (B, D), same (B, B)"""
    logits = scale * z @ t.T
    target = same / same.sum(1, keepdim=True)  # `same` is symmetric
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def batches(data: Data, size: int, g: torch.Generator) -> Iterator[tuple[Tensor, list[int]]]:
    """Endless augmented batches: images (B, 3, size, size) and their indices."""
    while True:
        chosen = torch.multinomial(data.weight, BATCH, generator=g)
        yield random_views(data.images[chosen], size, g), chosen.tolist()


def encode_image(model: torch.nn.Module, images: Tensor, frozen_blocks: int) -> Tensor:
    """The image tower with its first blocks outside of autograd, in bfloat16.  # (B, D)"""
    trunk = model.visual.trunk
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        x = trunk.bn1(trunk.conv_stem(images))
        x = trunk.blocks[:frozen_blocks](x)
    x = trunk.blocks[frozen_blocks:](x.float())
    return model.visual.head(trunk.forward_head(trunk.bn2(trunk.conv_head(x))))


def loss_of(
    model: torch.nn.Module, images: Tensor, chosen: list[int], data: Data, read: Captioner,
    rng: random.Random, frozen_blocks: int,
) -> Tensor:  # fmt: skip
    """Name captions against images of the batch, and class captions of all classes against them."""
    names = [name_caption(data.concept[i], data.style[i], rng) for i in chosen]
    kinds = [class_caption(name, rng) for name in data.classes]
    t = F.normalize(model.encode_text(read(names + kinds)), dim=-1)
    z = F.normalize(encode_image(model, images, frozen_blocks), dim=-1)
    scale = model.logit_scale.exp()
    slugs = [data.concept[i].slug for i in chosen]
    same = torch.tensor([[a == b for b in slugs] for a in slugs]).float()
    by_class = F.cross_entropy(
        scale * z @ t[len(names) :].T, data.label[chosen], label_smoothing=LABEL_SMOOTHING
    )
    return contrast(z, t[: len(names)], scale, same) + by_class


def optimizer_for(model: torch.nn.Module, stage: Stage) -> torch.optim.AdamW:
    """AdamW with one group per learning rate and no decay on vectors; remembers its peak rates."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    trunk = "visual.trunk."
    frozen = tuple(f"{trunk}blocks.{i}." for i in range(stage.frozen_blocks))
    frozen += (f"{trunk}conv_stem", f"{trunk}bn1")
    for name, parameter in model.named_parameters():
        lr = stage.lr_image if name.startswith("visual.trunk") else stage.lr_text
        lr = 0.0 if name.startswith(frozen) else lr
        parameter.requires_grad_(lr > 0)
        decay = 0.05 if parameter.ndim > 1 else 0.0
        if lr > 0:
            groups.setdefault((lr, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "lr": lr, "peak": lr, "weight_decay": wd} for (lr, wd), p in groups.items()],
        betas=(0.9, 0.98),
    )


def set_rate(optimizer: torch.optim.Optimizer, stage: Stage, step: int) -> None:
    """Warm-up over 30 steps, then a cosine down to the stage's final fraction."""
    cosine = 0.5 * (1 + math.cos(math.pi * step / stage.steps))
    factor = min(1, (step + 1) / 30) * (stage.final_fraction + (1 - stage.final_fraction) * cosine)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


def full_state(state: dict[str, Tensor], used: Tensor) -> dict[str, Tensor]:
    """The state with CLIP's whole token table again, zeros where no caption reached."""
    text = CONFIG["model_cfg"]["text_cfg"]
    table = torch.zeros(text["vocab_size"], text["width"])
    table[used] = state["token_embedding.weight"]
    return {**state, "token_embedding.weight": table}


def dev_accuracy(model: torch.nn.Module, read: Captioner, split: Split, style: str) -> float:
    """Zero-shot accuracy on the concepts of train and val, never of test, drawn in `style`."""
    labelled = [
        (slug, label)
        for label, kind in enumerate(CLASSES)
        for slug in split.train[kind] + split.val[kind]
    ]
    images = plain_views(torch.stack([load_drawing(style, slug) for slug, _ in labelled]))
    names = [display for display, _ in CLASSES.values()]
    predicted = zero_shot(model, read, images, names)
    return (predicted == torch.tensor([label for _, label in labelled])).float().mean().item()


def train(scale: float) -> None:
    """All stages; leaves the averaged weights in assets/model."""
    torch.manual_seed(SEED)
    rng, g = random.Random(SEED), torch.Generator().manual_seed(SEED)
    everything = concepts()
    drawn = {p.name: {f.stem for f in p.iterdir()} for p in (work_folder() / "images").iterdir()}
    split = make_split(everything, drawn)
    data, read = load_data(everything, split), Captioner(everything)
    model = new_model().to(memory_format=torch.channels_last)
    model.token_embedding = torch.nn.Embedding(len(read.used), model.token_embedding.embedding_dim)
    torch.nn.init.normal_(model.token_embedding.weight, std=0.02)
    print(
        f"{len(data.images)} drawings in {len(PRETRAIN_STYLES)} styles, {len(data.classes)} classes"
    )
    average = {k: v.clone() for k, v in model.state_dict().items()}
    started, total = time.time(), 0
    for stage in (replace(s, steps=max(1, round(s.steps * scale))) for s in STAGES):
        optimizer = optimizer_for(model, stage)
        for step, (images, chosen) in zip(
            range(stage.steps), batches(data, stage.size, g), strict=False
        ):
            set_rate(optimizer, stage, step)
            images = images.contiguous(memory_format=torch.channels_last)
            loss = loss_of(model, images, chosen, data, read, rng, stage.frozen_blocks)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0, math.log(100))
                # A young average forgets its start quickly.
                decay = min(EMA_DECAY, (1 + total) / (10 + total))
                for key, value in model.state_dict().items():
                    if value.is_floating_point():
                        average[key].lerp_(value, 1 - decay)
            total += 1
            if total % CHECKPOINT_STEPS == 0 or step == stage.steps - 1:
                report(model, average, read, split, f"{stage.name} {total}", loss, started)
    shutil.copytree(work_folder() / "model", MODEL, dirs_exist_ok=True)


def report(
    model: torch.nn.Module, average: dict[str, Tensor], read: Captioner, split: Split,
    where: str, loss: Tensor, started: float,
) -> None:  # fmt: skip
    """Prints how far it is and writes the averaged weights to WORK/model in shipping form."""
    current = {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(average)
    accuracies = {s: dev_accuracy(model, read, split, s) for s in ("fluent-3d", "high-contrast")}
    model.load_state_dict(current)
    freeze_batch_norm(model)
    save(full_state(average, read.used), read.used, work_folder() / "model")
    print(
        f"{where}: {time.time() - started:.0f} s, loss {loss.item():.3f}, "
        f"scale {average['logit_scale'].exp():.1f}, "
        + ", ".join(f"dev {style} {value:.3f}" for style, value in accuracies.items()),
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="multiplies the steps of all stages"
    )
    train(parser.parse_args().scale)
