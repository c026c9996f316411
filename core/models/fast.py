"""Makes towers faster with modules that compute the same, and undoes it."""

from torch import Tensor, nn

from core.models import attention, class_token, patches
from core.models.folding import fold, unfold


def make_fast(tower: nn.Module, image: Tensor) -> None:
    """Fold batch norms, replace slow attentions and patch embeddings, and skip the part of the last
    block that is never read, in place.

    Weights keep their names, shapes and gradients. `image` is a batch to run the tower on once.
    """
    fold(tower, image)
    attention.go_direct(tower)
    patches.go_flat(tower)
    class_token.go_first(tower)


def make_plain(tower: nn.Module) -> None:
    """Undo `make_fast`, for code that changes a module's computation (LoRA) or writes it for
    another program (ONNX).
    """
    unfold(tower)
    attention.go_back(tower)
    patches.go_back(tower)
    class_token.go_back(tower)
