"""Computes the last block of a ViT for the class token alone, where nothing else of it is read.

Keys and values still come from all tokens. Queries, output projection and MLP, five sixths of the
block's products, are computed for one token. Results differ only by rounding, and weights keep
their names.
"""

from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn


class ClassTokenBlock(ResidualAttentionBlock):
    """The same block, but it returns only the first token."""

    def forward(
        self,
        q_x: Tensor,
        k_x: Tensor | None = None,
        v_x: Tensor | None = None,
        attn_mask: Tensor | None = None,
    ) -> Tensor:
        """`(N, L, E) → (N, 1, E)`; any other call goes to open_clip's own code."""
        if k_x is not None or v_x is not None or attn_mask is not None:
            whole: Tensor = super().forward(q_x, k_x, v_x, attn_mask)
            return whole
        tokens = self.ln_1(q_x)
        # A copy of the first token: from a view, PyTorch 2.7 multiplies in another order where the
        # weights want gradients, and a saved classifier would not compute the same bits.
        first = tokens[:, :1].contiguous()
        taken, _ = self.attn(first, tokens, tokens, need_weights=False)
        x: Tensor = q_x[:, :1] + self.ls_1(taken)
        return x + self.ls_2(self.mlp(self.ln_2(x)))


def go_first(module: nn.Module) -> None:
    """Make the last block of each suitable ViT inside a `ClassTokenBlock`, in place.

    A ViT is suitable if it pools by its class token and returns no other token.
    """
    for tower in module.modules():
        if isinstance(tower, VisionTransformer) and _gives_class_token(tower):
            last = tower.transformer.resblocks[-1]
            # `ln_1_kv` marks a block for cross-attention.
            if type(last) is ResidualAttentionBlock and not hasattr(last, "ln_1_kv"):
                # The object stays the same, and so do its weights, their names and its hooks.
                last.__class__ = ClassTokenBlock


def go_back(module: nn.Module) -> None:
    """Undo `go_first`."""
    for block in module.modules():
        if isinstance(block, ClassTokenBlock):
            block.__class__ = ResidualAttentionBlock


def _gives_class_token(tower: VisionTransformer) -> bool:
    # An attentional pool, another pooling and `output_tokens` all read more than the first token.
    return (
        tower.attn_pool is None
        and tower.pool_type == "tok"
        and not tower.output_tokens
        and tower.transformer.batch_first
    )
