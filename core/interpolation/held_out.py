"""The images that a combination is chosen on: validation images, or test images as an oracle."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.interpolation.base import Member
from core.models.classifier import Predictor
from core.models.clip import ClipModel
from core.params import Params

ChooseOn = Literal["val", "oracle"]


class ChoosingParams(Params):
    """The setting of all interpolators that choose."""

    choose_on: ChooseOn = "val"
    """Images that the choice is made on: validation. `oracle` uses the test images, as some papers
    did. The record says so, and test accuracy then means nothing. For comparison only.
    """


class HeldOut:
    """The accuracy of candidates on one set of images."""

    def __init__(self, clip: ClipModel, task: FewShotTask, choose_on: ChooseOn) -> None:
        self.items = task.test if choose_on == "oracle" else task.val
        self.labels = torch.tensor([item.label for item in self.items])
        self._clip, self._root, self._choose_on = clip, task.root, choose_on

    def logits(self, classifier: Predictor) -> Tensor:
        """The logits `(N, C)` on the CPU."""
        return classifier.outputs_of(self._clip, self._root, self.items)[1]

    def accuracy(self, classifier: Predictor) -> float:
        """The fraction of images that the classifier gets right."""
        return accuracy(self.logits(classifier), self.labels)

    def accuracy_of(self, member: Member) -> float:
        """The member's accuracy: the known one if it was measured on these images, else measured
        now.
        """
        if self._choose_on == "val" and member.accuracy is not None:
            return member.accuracy
        return self.accuracy(member.load())


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """The share of `(N, C)` logits whose largest entry is the label `(N,)`."""
    return int((logits.argmax(1) == labels).sum()) / len(labels)


def nll(logits: Tensor, labels: Tensor) -> float:
    """Mean negative log-likelihood in nats."""
    return float(F.cross_entropy(logits.double(), labels))
