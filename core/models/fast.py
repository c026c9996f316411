"""The same towers in less time: what stands for slower modules while nobody looks inside."""

from torch import Tensor, nn

from core.models import attention, class_token, patches
from core.models.folding import fold, unfold


def make_fast(tower: nn.Module, image: Tensor) -> None:
    """Fold batch norms, replace slow attentions and patch embeddings, and leave out of a last block
    what nobody reads, in place.

    Weights keep their names, shapes and gradients. `image` is a batch to run the tower on once.
    """
    fold(tower, image)
    attention.go_direct(tower)
    patches.go_flat(tower)
    class_token.go_first(tower)


def make_plain(tower: nn.Module) -> None:
    """Undo `make_fast`, for whoever changes what a module computes (LoRA) or writes it for another
    program (ONNX).
    """
    unfold(tower)
    attention.go_back(tower)
    patches.go_back(tower)
    class_token.go_back(tower)
