"""Random texts: their tokens, and a text tower that reads only as far as they go."""

import functools
from dataclasses import asdict

import open_clip
import pytest
import torch
from open_clip.tokenizer import HFTokenizer

from core.errors import UserError
from core.models.clip import ClipModel
from core.models.precision import Precision
from core.models.random_texts import Vocabulary, encode_tokens, random_texts, vocabulary
from tests.conftest import TINY_VIT
from tests.mutants import Mutant

START, END = 49406, 49407
CPU = Precision(torch.device("cpu"), torch.float32)


@functools.cache
def tokenizer():
    return open_clip.get_tokenizer("ViT-B-32")


def clip_of(kind: str = "CLIP", **text) -> ClipModel:
    """A random model whose weights are large enough for order and position to count."""
    torch.manual_seed(0)
    config = {**TINY_VIT, "text_cfg": {**TINY_VIT["text_cfg"], "layers": 2, **text}}
    model = getattr(open_clip, kind)(**config)
    model.visual.preprocess_cfg = asdict(open_clip.transform.PreprocessCfg(size=32))
    with torch.no_grad():
        for parameter in getattr(model, "text", model).parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return ClipModel("tiny", model, tokenizer(), config, CPU)


def draw(count: int, length: int, words: Vocabulary, seed: int = 0) -> torch.Tensor:
    return random_texts(count, length, torch.Generator().manual_seed(seed), words)


def test_a_random_text_is_start_then_tokens_then_end_and_is_not_padded():
    words = vocabulary(clip_of())
    texts = draw(80, 8, words)
    assert texts.shape == (80, 10)
    assert (texts[:, 0] == START).all()
    assert (texts[:, -1] == END).all()
    assert texts[:, 1:-1].max() < START


def test_every_token_but_start_and_end_is_drawn_where_the_model_has_them_all():
    words = vocabulary(clip_of())
    assert words.ids.tolist() == list(range(START))
    assert (words.start, words.end, words.longest) == (START, END, 75)
    # Uniform over 0 … 49405: the mean of 80,000 draws is 24,702.5 ± 14,262/√80,000 = ± 50.
    drawn = draw(10_000, 8, words)[:, 1:-1].float()
    assert drawn.mean().item() == pytest.approx(24_702.5, abs=5 * 50.4)
    assert drawn.std().item() == pytest.approx(14_262, rel=0.02)


def test_tokens_that_the_model_was_shipped_without_are_never_drawn():
    clip = clip_of()
    kept = torch.tensor([3, 500, 40_000, START, END])
    with torch.no_grad():
        rows = clip.model.token_embedding.weight
        rows[[i for i in range(len(rows)) if i not in set(kept.tolist())]] = 0
    words = vocabulary(clip)
    assert words.ids.tolist() == [3, 500, 40_000]
    assert set(draw(50, 8, words)[:, 1:-1].flatten().tolist()) == {3, 500, 40_000}


def test_the_texts_come_from_the_generator_alone_and_go_on_with_it():
    words = vocabulary(clip_of())
    assert torch.equal(draw(5, 8, words, seed=3), draw(5, 8, words, seed=3))
    generator = torch.Generator().manual_seed(3)
    first, second = (random_texts(5, 8, generator, words) for _ in range(2))
    assert torch.equal(first, draw(5, 8, words, seed=3))
    assert not torch.equal(first, second)


def test_words_have_the_features_that_clip_gives_them():
    clip = clip_of()
    tokens = torch.tensor([[START, *tokenizer().encode("a photo of a fox"), END]])
    torch.testing.assert_close(encode_tokens(clip, tokens), clip.encode_text(["a photo of a fox"]))


def test_a_text_that_is_too_long_is_told_how_long_it_may_be():
    words = vocabulary(clip_of(context_length=24))
    assert draw(2, 22, words).shape == (2, 24)
    with pytest.raises(UserError, match=r"at most 22 tokens .* got a length of 23\. Lower it"):
        draw(2, 23, words)


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        ("CLIP", {"pool_type": "last"}, "pools by 'last'"),
        ("CustomTextCLIP", {"pool_type": "first"}, "pools by 'first'"),
        ("CustomTextCLIP", {"embed_cls": True}, "pools by 'class token'"),
        ("CLIP", {"no_causal_mask": True}, "reads in both directions"),
    ],
)
def test_a_text_tower_that_padding_would_change_is_refused(kind, text, problem):
    clip = clip_of(kind, **text)
    for ask in (vocabulary, lambda c: encode_tokens(c, torch.tensor([[START, 1, END]]))):
        with pytest.raises(UserError, match=f"text tower like CLIP's own .* {problem}.*fixed"):
            ask(clip)


def test_other_tokens_and_other_towers_are_refused():
    clip = clip_of()
    clip.tokenizer = HFTokenizer.__new__(HFTokenizer)
    with pytest.raises(UserError, match="tiny has a HFTokenizer"):
        vocabulary(clip)
    clip = clip_of("CustomTextCLIP")
    clip.model.text = torch.nn.Identity()
    with pytest.raises(UserError, match=r"a text tower of its own kind \(Identity\)"):
        vocabulary(clip)


MUTANTS = [
    Mutant(
        "core.models.random_texts",
        "    known[end:] = False\n",
        "",
        test_every_token_but_start_and_end_is_drawn_where_the_model_has_them_all,
    ),
    Mutant(
        "core.models.random_texts",
        "    known[start] = False\n",
        "",
        test_every_token_but_start_and_end_is_drawn_where_the_model_has_them_all,
    ),
    Mutant(
        "core.models.random_texts",
        "vocabulary.ids[drawn]",
        "drawn",
        test_tokens_that_the_model_was_shipped_without_are_never_drawn,
    ),
    Mutant(
        "core.models.random_texts",
        "ends[:, :1], vocabulary.ids[drawn], ends[:, 1:]",
        "ends[:, 1:], vocabulary.ids[drawn], ends[:, :1]",
        test_a_random_text_is_start_then_tokens_then_end_and_is_not_padded,
    ),
    Mutant(
        "core.models.random_texts",
        ", generator=generator)",
        ")",
        test_the_texts_come_from_the_generator_alone_and_go_on_with_it,
    ),
]
