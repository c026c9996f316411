"""The last block of a ViT for the class token alone, where nothing else of it is read.

Its keys and values are of all tokens; its queries, output projection and MLP, five sixths of its
products, are of one. Results differ by rounding alone; weights keep their names.
"""

from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn


class ClassTokenBlock(ResidualAttentionBlock):
    """The same block, of which only the first token comes out."""

    def forward(
        self,
        q_x: Tensor,
        k_x: Tensor | None = None,
        v_x: Tensor | None = None,
        attn_mask: Tensor | None = None,
    ) -> Tensor:
        """`(N, L, E) → (N, 1, E)`; asked for anything but that it is open_clip's own."""
        if k_x is not None or v_x is not None or attn_mask is not None:
            whole: Tensor = super().forward(q_x, k_x, v_x, attn_mask)
            return whole
        tokens = self.ln_1(q_x)
        taken, _ = self.attn(tokens[:, :1], tokens, tokens, need_weights=False)
        x: Tensor = q_x[:, :1] + self.ls_1(taken)
        return x + self.ls_2(self.mlp(self.ln_2(x)))


def go_first(module: nn.Module) -> None:
    """Make the last block of every ViT inside that pools by its class token, and gives no other
    token away, a `ClassTokenBlock`, in place.
    """
    for tower in module.modules():
        if isinstance(tower, VisionTransformer) and _gives_class_token(tower):
            last = tower.transformer.resblocks[-1]
            if type(last) is ResidualAttentionBlock and not hasattr(last, "ln_1_kv"):
                last.__class__ = ClassTokenBlock


def go_back(module: nn.Module) -> None:
    """Undo `go_first`."""
    for block in module.modules():
        if isinstance(block, ClassTokenBlock):
            block.__class__ = ResidualAttentionBlock


def _gives_class_token(tower: VisionTransformer) -> bool:
    return (
        tower.attn_pool is None
        and tower.pool_type == "tok"
        and not tower.output_tokens
        and tower.transformer.batch_first
    )
