"""Published recipes that several methods share."""

from collections.abc import Mapping
from typing import Any

LIPSUM_FT: Mapping[str, Any] = {
    "lr": 1e-5,
    "batch_size": 256,
    "epochs": 10,
    "schedule": "cosine-from-zero",
    "clip_norm": 0.0,
    "crop_min": 0.08,
    "keep": "best",
}
"""The training of Lipsum-FT and of everything it compares with (arXiv 2404.00860, App. B.1 and
official code), where it differs from our defaults: Adam without weight decay, unit head, 10 %
warm-up from 0, cosine to 0, no clipping, Inception crops and flips. 50,000 steps of 256 are ten
epochs of ImageNet, 5,000 about ten of DomainNet's real images. Its best checkpoint was the best on
the reported split; ours is the best on the validation images.
"""
