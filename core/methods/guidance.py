"""Text guidance: the fine-tuned tower keeps the frozen tower's similarities to a set of texts.

CAR-FT and Lipsum-FT are two cells of one grid (Lipsum-FT, arXiv 2404.00860, Tables 3 and 9): fixed
or random texts, compared by a divergence or by squares. This module is the grid; the methods are
defaults in it.
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.data.prompts import resolve_templates
from core.errors import UserError
from core.methods.base import GradientMethod
from core.models.clip import ClipModel, unit
from core.models.prototypes import contexts_of
from core.models.random_texts import encode_tokens, random_texts, vocabulary
from core.params import Params as BaseParams
from core.params import Sensible
from core.training.frozen import FrozenViews
from core.training.loop import Batch
from core.training.settings import TrainingParams

LARGE_TEXT_TOWER = 20_000_000
"""Weights of a large text tower. A smaller one reads random texts as fast as a cache returns
them.
"""

Distance = Literal["kld", "mse"]
Direction = Literal["frozen-tuned", "tuned-frozen"]


def divergence(first: Tensor, second: Tensor) -> Tensor:
    """Batch mean of KL(softmax(first)‖softmax(second)) in nats, of logits `(B, K)`."""
    log_first, log_second = F.log_softmax(first, dim=1), F.log_softmax(second, dim=1)
    return (log_first.exp() * (log_first - log_second)).sum(dim=1).mean()


def guidance_loss(
    tuned: Tensor, frozen: Tensor, texts: Tensor, distance: Distance, direction: Direction
) -> Tensor:
    """Distance between the fine-tuned and the frozen tower's logits over the texts.

    Features are unit `(B, D)`, texts `(M, D)` include τ; v(x) = f̂(x)·textsᵀ are the logits (B, M).
    `mse`: R̂ = 1/(2M)·‖v_θ − v_θ₀‖², batch mean (Lipsum-FT, Eq. 7; its text prints plain inner
    products, its code multiplies them by τ, and so do we). It is linear in the features, so it is
    computed from their difference. `kld`: KL over the softmax of v, batch mean, not divided by M
    (CAR-FT, arXiv 2211.16175); `direction` names the first distribution.
    """
    if distance == "mse":
        gap = (tuned - frozen) @ texts.T  # (B, M)
        return gap.square().sum(dim=1).mean() / (2 * len(texts))
    answers, expected = tuned @ texts.T, frozen @ texts.T
    if direction == "frozen-tuned":
        return divergence(expected, answers)
    return divergence(answers, expected)


class GuidanceParams(TrainingParams):
    """The settings of the grid in addition to those of the loop; a method's defaults select its
    cell.
    """

    guidance: Literal["fixed", "random"]
    """`fixed`: the templates averaged over the classes, one text per template. `random`: new texts
    of random tokens at every step.
    """
    distance: Distance
    """`kld`: divergence between the two distributions over the texts. `mse`: half the mean squared
    difference of the logits over the texts.
    """
    direction: Direction = "frozen-tuned"
    """First distribution in the divergence: KL(P₀‖P_t) as in distillation (`frozen-tuned`), or
    KL(P_t‖P₀). No effect on `mse`.
    """
    guidance_weight: Annotated[float, Field(ge=0), Sensible(0.1, 100, log=True)] = 1.0
    """Weight λ of the guidance; 0 is plain fine-tuning. 1 is Lipsum-FT's value; CAR-FT's is not
    known to us. The guidance grows with the square of the model's temperature τ. So it holds a
    model with τ below CLIP's 100 less tightly: raise the weight there if the model forgets.
    """
    contexts: Literal["openai-80", "tip-7", "dataset"] = "openai-80"
    """Templates for the fixed texts; `dataset` uses the run's own prompts."""
    random_texts: Annotated[int, Field(ge=1), Sensible(10, 320, log=True)] = 80
    """Number of random texts per step (M). Published results hardly depend on it."""
    text_length: Annotated[int, Field(ge=1), Sensible(1, 32, log=True)] = 8
    """Number of tokens in a random text (L), without start and end. Published results are best at 4
    to 8.
    """


class GuidedMethod(GradientMethod):
    """L = CE + the guidance of the grid's cell that `params` select."""

    Params: ClassVar[type[BaseParams]] = GuidanceParams
    params: GuidanceParams

    @classmethod
    def check(cls, params: Any, templates: Sequence[str]) -> tuple[str, ...]:
        """Refuses a divergence over only one text: any image's distribution over it is 1."""
        if params.distance == "mse" or not params.guidance_weight:
            return ()
        if params.guidance == "random":
            setting, count = "random_texts", params.random_texts
            mend = "Raise random_texts"
        else:
            setting, count = "contexts", len(set(resolve_templates(params.contexts, templates)))
            mend = "Write at least 2 templates, set contexts to openai-80"
        if count < 2:
            raise UserError(
                f"{setting}: {cls.title} compares an image with several texts, and there is "
                f"{count}, so it would have no effect. {mend}, set distance to mse, or choose ft."
            )
        return ()

    def setup(self) -> None:
        """Create the classifier and the texts of the guidance."""
        super().setup()
        self.guidance = TextGuidance(self.clip, self.task, self.params)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy, and the distance from the frozen tower's logits on the same views."""
        tuned = self.classifier.features(batch.images)  # (B, D)
        return {
            "class": self.cross_entropy(self.classifier.head(tuned), batch.labels),
            "guidance": self.guidance.term(tuned, batch),
        }


class TextGuidance:
    """The guidance term of the loss, for the grid's cell that `params` select."""

    def __init__(self, clip: ClipModel, task: FewShotTask, params: GuidanceParams) -> None:
        self._clip = clip
        self._params = params
        self._frozen = FrozenViews(clip, task, params.augmentation)
        if params.guidance == "random":
            self._vocabulary = vocabulary(clip)
            # A negative seed: no other random stream of the run starts with it.
            self._generator = torch.Generator().manual_seed(-1 - task.seed)
            weights = sum(w.numel() for w in clip.model.parameters())
            weights -= sum(w.numel() for w in clip.model.visual.parameters())
            self._keeps_texts = clip.cache.is_kept and weights > LARGE_TEXT_TOWER
        else:
            templates = resolve_templates(params.contexts, task.templates)
            self._fixed = self._scaled(contexts_of(clip, task, templates))

    def term(self, tuned: Tensor, batch: Batch) -> Tensor:
        """λ · guidance loss of the fine-tuned features `(B, D)` of a batch, against the frozen
        tower on the same views.
        """
        params = self._params
        frozen = self._frozen.view(batch.view)[batch.index]  # (B, D)
        loss = guidance_loss(tuned, frozen, self.texts(), params.distance, params.direction)
        return params.guidance_weight * loss

    def texts(self) -> Tensor:
        """Texts `(M, D)` that include τ; every call draws new random ones."""
        if self._params.guidance == "fixed":
            return self._fixed
        count, length = self._params.random_texts, self._params.text_length
        tokens = random_texts(count, length, self._generator, self._vocabulary)
        return self._scaled(self._read(tokens))

    def _read(self, tokens: Tensor) -> Tensor:
        """The unit features of random texts. A seed draws the same texts in every run, so the
        features from a large tower are cached for the next run: 160 kB per step.
        """

        def compute() -> Tensor:
            return unit(encode_tokens(self._clip, tokens))

        if not self._keeps_texts:
            return compute()
        ids = hashlib.sha256(tokens.numpy().tobytes()).hexdigest()
        return self._clip.cache.get(self._clip.key("random texts", (), tokens=ids), compute)

    def _scaled(self, texts: Tensor) -> Tensor:
        return (texts * self._clip.logit_scale).to(self._clip.precision.device)
