"""A text tower that reads only the length of the texts gives the features of padded ones."""

import pytest
import torch

from core.models.random_texts import vocabulary
from core.models.text_tower import parts_of, read_short, read_texts
from tests.models.test_random_texts import clip_of, draw
from tests.mutants import Mutant


def check_short_against_padded(kind: str, **text) -> None:
    clip = clip_of(kind, **text)
    texts = draw(20, 8, vocabulary(clip))
    padded = torch.zeros(len(texts), clip.model.context_length, dtype=torch.long)
    padded[:, : texts.shape[1]] = texts
    with torch.no_grad():
        expected = clip.model.encode_text(padded)
    assert expected.std(dim=0).mean() > 0.1  # the texts are told apart
    torch.testing.assert_close(read_short(parts_of(clip.model), texts), expected)


def test_a_short_text_has_the_features_of_the_padded_one():
    check_short_against_padded("CLIP")


def test_a_short_text_has_the_features_of_the_padded_one_in_a_custom_text_tower():
    check_short_against_padded("CustomTextCLIP", context_length=24)
    check_short_against_padded("CustomTextCLIP", proj_bias=True)
    check_short_against_padded("CustomTextCLIP", proj_type="none")


def test_prompts_are_read_as_far_as_the_longest_goes_and_no_gradient_is_lost(monkeypatch):
    clip = clip_of()
    tokens = clip.tokens([["a fox", "a photo of a fox in the snow"]])[0]
    assert tokens.shape == (2, 77)
    lengths = []
    embed = clip.model.token_embedding.forward
    monkeypatch.setattr(
        clip.model.token_embedding, "forward", lambda x: lengths.append(x.shape[1]) or embed(x)
    )
    table = clip.model.positional_embedding.requires_grad_(True)
    found = read_texts(clip.model, tokens)
    (gradient,) = torch.autograd.grad(found.square().sum(), table)
    expected = clip.model.encode_text(tokens)
    (slow,) = torch.autograd.grad(expected.square().sum(), table)
    assert lengths == [10, 77]
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradient, slow, rtol=1e-4, atol=1e-5 * slow.abs().max().item())


@pytest.mark.parametrize("pool", ["last", "first"])
def test_a_tower_that_padding_counts_in_reads_all_of_it(pool):
    clip = clip_of("CustomTextCLIP", pool_type=pool)
    tokens = clip.tokens([["a fox", "a photo of a fox"]])[0]
    with torch.no_grad():
        assert torch.equal(read_texts(clip.model, tokens), clip.model.encode_text(tokens))


MUTANTS = [
    Mutant(
        "core.models.text_tower",
        "tower.positional_embedding[:length]",
        "tower.positional_embedding[-length:]",
        test_a_short_text_has_the_features_of_the_padded_one,
    ),
    Mutant(
        "core.models.text_tower",
        "attn_mask=tower.attn_mask[:length, :length]",
        "attn_mask=None",
        test_a_short_text_has_the_features_of_the_padded_one,
    ),
    Mutant(
        "core.models.text_tower",
        "ends = tokens.argmax(dim=1)",
        "ends = tokens.argmin(dim=1)",
        test_a_short_text_has_the_features_of_the_padded_one,
    ),
    Mutant(
        "core.models.text_tower",
        "tower.ln_final(x)",
        "x",
        test_a_short_text_has_the_features_of_the_padded_one,
    ),
    Mutant(
        "core.models.text_tower",
        "projection(pooled) if isinstance(projection, nn.Linear) else pooled @ projection",
        "pooled @ (projection.weight.T if isinstance(projection, nn.Linear) else projection)",
        test_a_short_text_has_the_features_of_the_padded_one_in_a_custom_text_tower,
    ),
]
