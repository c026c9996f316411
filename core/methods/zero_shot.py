"""Zero-shot: CLIP without training. Every other method is compared with it."""

from collections.abc import Generator

from core.events import Event
from core.methods.base import Method
from core.models.classifier import Classifier
from core.models.heads import LinearHead


class ZeroShot(Method):
    """No training: the head is the class prototypes of the prompts."""

    name = "zero-shot"
    family = "baseline"
    title = "Zero-shot CLIP"
    paper = "Radford et al. 2021, arXiv 2103.00020"
    summary = "No training: CLIP reads the class names. The baseline for accuracy and robustness."

    def fit(self) -> Generator[Event, None, Classifier]:
        """Return the zero-shot classifier."""
        head = LinearHead(self.zero_shot_prototypes(), self.clip.logit_scale)
        self.classifier = self.clip.with_head(head)
        yield from ()
        return self.classifier
