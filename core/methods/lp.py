"""LP: a linear probe by logistic regression; the tower does not change."""

from collections.abc import Generator

from core.events import Event, Warned
from core.methods.base import Method
from core.models.backbone import BackboneParams, plug_in
from core.models.classifier import Classifier
from core.training.linear_probe import NO_VALIDATION, probed_head


class LinearProbe(Method):
    """L2-regularised logistic regression on unit image features, with C chosen on validation.

    The recipe of LP-FT's official code; `core.training.linear_probe.fit_probe` describes it and our
    changes. Images are used in their evaluation view.
    """

    name = "lp"
    family = "features"
    title = "Linear probe (LP)"
    paper = "Kumar et al. 2022 (LP-FT), arXiv 2202.10054"
    summary = "Fits only the class head, by logistic regression on CLIP's features: seconds."

    class Params(BackboneParams):
        """The settings of the probe's features and of the form of its head."""

        fold_scale: bool = True
        """Fit a bias and put CLIP's temperature into the weights, as published. Off: weights under
        a fixed temperature and no bias (Lipsum-FT's head).
        """

    params: Params

    def fit(self) -> Generator[Event, None, Classifier]:
        """Fit the head at once, without steps."""
        clip = plug_in(self.clip, self.params.backbone)
        if not self.task.val:
            yield Warned(NO_VALIDATION)
        head = probed_head(clip, self.task, self.params.fold_scale)
        self.classifier = clip.with_head(head).requires_grad_(False)
        return self.classifier
