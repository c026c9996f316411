"""Folds batch norms into the convolutions before them: the same function in less time.

A tower in evaluation mode normalises by constants, so a batch norm is a scale and a shift of each
channel: γ/σ and β − μγ/σ. Applied to the few weights of the convolution instead of to its many
outputs, they cost nothing in the forward pass and save even more in the backward pass. Weights keep
their names and gradients; results differ only by rounding.

TensorFlow's "same" padding can be one wider on the right than on the left. The input is not copied
into a wider one. Instead the kernel gets a zero in front, and the padding is the same on both
sides.

Where no gradient is needed, oneDNN clamps the output of a convolution while it is still in the
processor's cache. The numbers equal those of a separate ReLU6 to the bit, without a second pass
through memory.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn


class FoldedConv2d(nn.Conv2d):
    """A convolution that also applies the scale and the shift of the batch norm after it."""

    norm: tuple[nn.BatchNorm2d]
    """In a tuple, so that PyTorch does not register it as a submodule and list its weights
    twice.
    """
    clamps: bool
    """True if a ReLU6 follows."""

    def forward(self, input: Tensor) -> Tensor:
        """The output of the batch norm, before any activation."""
        norm = self.norm[0]
        assert norm.running_mean is not None
        assert norm.running_var is not None
        # Computed at every call: the weights train, and gradients must reach conv and norm.
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)  # (C,)
        shift = norm.bias - norm.running_mean * scale
        if self.bias is not None:
            shift = shift + self.bias * scale
        weight = self.weight * scale[:, None, None, None]
        return self._convolve(input, weight, shift, self.padding)

    def _convolve(
        self, input: Tensor, weight: Tensor, bias: Tensor, padding: str | tuple[int, ...]
    ) -> Tensor:
        how = (padding, self.stride, self.dilation, self.groups)
        if self.clamps and _can_clamp(input):
            return _CLAMPED(input, weight, bias, *how, "hardtanh", RELU6, "")  # type: ignore[misc]
        return F.conv2d(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class FoldedConv2dSame(FoldedConv2d):
    """The same for a convolution whose padding depends on the size of its input."""

    def _convolve(
        self, input: Tensor, weight: Tensor, bias: Tensor, padding: str | tuple[int, ...]
    ) -> Tensor:
        height, width = (self._padded(input, weight, axis) for axis in (2, 3))
        weight = F.pad(weight, (width[1] - width[0], 0, height[1] - height[0], 0))
        return super()._convolve(input, weight, bias, (height[1], width[1]))

    def _padded(self, input: Tensor, weight: Tensor, axis: int) -> tuple[int, int]:
        """The padding before and after one axis of the input; at most one more after it."""
        size, stride = input.shape[axis], self.stride[axis - 2]
        covered = (math.ceil(size / stride) - 1) * stride + weight.shape[axis]
        total = max(0, covered - size)
        return total // 2, total - total // 2


RELU6 = [0.0, 6.0]
_CLAMPED = getattr(torch.ops.mkldnn, "_convolution_pointwise", None)
"""The operation that PyTorch's own compiler calls; some platforms do not have it."""


def _can_clamp(x: Tensor) -> bool:
    """True if one call can do convolution and clamp for this input, and so for its output."""
    return (
        _CLAMPED is not None
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and (x.device.type, x.dtype) == ("cpu", torch.float32)
    )


def _is_clamped(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> bool:
    """True if only a ReLU6 follows."""
    rest = isinstance(getattr(norm, "drop", None), nn.Identity)
    known = not isinstance(convolution.padding, str) or isinstance(convolution, Conv2dSame)
    return rest and known and isinstance(getattr(norm, "act", None), nn.ReLU6)


_FOLDED: dict[type[nn.Module], type[FoldedConv2d]] = {
    nn.Conv2d: FoldedConv2d,
    Conv2dSame: FoldedConv2dSame,
}


def fold(tower: nn.Module, image: Tensor) -> None:
    """Fold every batch norm that directly follows a plain convolution, in place.

    `image` is a batch to run the tower on once, to see which module follows which.
    """
    for convolution, norm in _pairs(tower, image):
        convolution.norm = (norm,)  # type: ignore[assignment]
        convolution.clamps = _is_clamped(convolution, norm)  # type: ignore[assignment]
        convolution.__class__ = _FOLDED[type(convolution)]
        # The norm is still called: gates hook its output, and its weights keep their names.
        norm.forward = _Applied(norm, bool(convolution.clamps))  # type: ignore[method-assign, assignment]


def unfold(tower: nn.Module) -> None:
    """Undo `fold`, for code that changes a convolution's computation (LoRA)."""
    for module in tower.modules():
        if isinstance(module, FoldedConv2d):
            del module.norm[0].forward
            del module.norm
            del module.clamps
            plain = {folded: plain for plain, folded in _FOLDED.items()}
            module.__class__ = plain[type(module)]  # type: ignore[assignment]


class _Applied:
    """The forward pass of a folded batch norm: only its drop-out and activation remain.

    timm's batch norms also contain the activation that follows.
    """

    def __init__(self, norm: nn.BatchNorm2d, clamps: bool) -> None:
        self._rest = [getattr(norm, name) for name in ("drop", "act") if hasattr(norm, name)]
        self._clamps = clamps

    def __call__(self, x: Tensor) -> Tensor:
        if self._clamps and _can_clamp(x):
            return x
        for module in self._rest:
            x = module(x)
        return x


def _pairs(tower: nn.Module, image: Tensor) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    norms = [m for m in tower.modules() if isinstance(m, nn.BatchNorm2d) and m.affine]
    if not norms:
        return []
    made: dict[int, nn.Conv2d] = {}
    kept: list[Any] = []  # keeps outputs alive, so that no two share an id
    pairs: dict[nn.Module, tuple[nn.Conv2d, nn.BatchNorm2d]] = {}

    def conv_ran(module: nn.Module, _: Any, output: Tensor) -> None:
        made[id(output)] = module  # type: ignore[assignment]
        kept.append(output)

    def norm_ran(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        convolution = made.get(id(inputs[0]))
        if convolution is not None:
            pairs[module] = (convolution, module)  # type: ignore[assignment]

    hooks = [m.register_forward_hook(conv_ran) for m in tower.modules() if _can_be_folded(m)]
    hooks += [m.register_forward_pre_hook(norm_ran) for m in norms]
    with torch.no_grad():
        tower(image)
    for hook in hooks:
        hook.remove()
    return list(pairs.values())


def _can_be_folded(module: nn.Module) -> bool:
    if type(module) is Conv2dSame:
        return module.dilation == (1, 1)
    return type(module) is nn.Conv2d and module.padding_mode == "zeros"
