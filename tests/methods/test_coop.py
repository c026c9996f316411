"""CoOp: prompts built from embeddings, compared with prompts built from words."""

import itertools
import math
from types import SimpleNamespace
from typing import Any

import open_clip
import pytest
import torch

from core.errors import UserError
from core.methods.coop import CoOp, prompt_logits
from core.models.heads import LinearHead
from core.models.prototypes import class_prototypes
from core.models.soft_prompts import Position, SoftPrompts, room_for_context, word_vectors
from tests.conftest import TINY_VIT
from tests.methods.steps import steps_of
from tests.mutants import Mutant


def test_logits_are_tau_times_the_cosines():
    features, prototypes = torch.tensor([[0.6, 0.8]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert prompt_logits(features, prototypes, 10.0).tolist() == [pytest.approx([6.0, 8.0])]


def bare(kind: type) -> Any:
    """The part of a `ClipModel` that prompts need, around a fresh model of open_clip's `kind`."""
    torch.manual_seed(0)
    tokenizer = open_clip.SimpleTokenizer()
    return SimpleNamespace(
        name="bare",
        model=kind(**TINY_VIT).eval().requires_grad_(False),
        precision=SimpleNamespace(device=torch.device("cpu")),
        tokens=lambda rows: tokenizer([text for row in rows for text in row])[None],
    )


def test_vectors_that_are_words_make_the_prompt_that_the_words_make():
    names = ["fox", "a very snowy owl", "otter"]
    sentences: dict[Position, tuple[str, str]] = {
        "end": ("a photo of a", "a photo of a {}."),
        "middle": ("a small house", "a {} small house."),  # 3 // 2 = 1 before the name
        "front": ("in a house", "{} in a house."),
    }
    for kind in (open_clip.CLIP, open_clip.CustomTextCLIP):
        clip = bare(kind)
        for position, (words, sentence) in sentences.items():
            vectors = word_vectors(clip, words)
            found = SoftPrompts(clip, names, len(vectors), position).encode(vectors)
            texts = clip.tokens([[sentence.replace("{}", name) for name in names]])[0]
            torch.testing.assert_close(found, clip.model.encode_text(texts, normalize=True))


def test_each_of_some_classes_can_have_its_own_context(tiny_task):
    clip, task = tiny_task
    prompts = SoftPrompts(clip, task.names, 4)
    contexts = torch.randn(3, 4, prompts.width)
    together = prompts.encode(contexts)
    some = prompts.encode(contexts[[2, 0]], torch.tensor([2, 0]))
    torch.testing.assert_close(some, together[[2, 0]])
    assert not torch.allclose(prompts.encode(contexts[0])[1], together[1], atol=1e-3)


def method(tiny_task, **settings) -> CoOp:
    return CoOp(CoOp.Params(**{"epochs": 3, "batch_size": 5, **settings}), *tiny_task)


@pytest.mark.parametrize("class_specific", [False, True])
def test_the_four_words_start_as_zero_shot_with_that_template(class_specific, tiny_task):
    clip, task = tiny_task
    coop = method(tiny_task, context="a photo of a", class_specific=class_specific)
    coop.setup()
    expected = class_prototypes(clip, task.names, ["a photo of a {}."])
    torch.testing.assert_close(coop.classifier.head.weight.data, expected)


def test_only_the_context_moves_and_the_result_is_a_linear_head_over_clips_own_tower(tiny_task):
    clip, _ = tiny_task
    coop = method(tiny_task, context="a photo of a", lr=0.1)
    for _ in steps_of(coop.fit()):
        pass
    head = coop.classifier.head
    assert type(head) is LinearHead
    assert clip.owns(coop.classifier)
    assert torch.equal(coop.prompts.encode(coop.context).data, head.weight.data)
    assert not torch.allclose(coop.context.data, word_vectors(clip, "a photo of a"), atol=1e-3)
    assert not any(p.requires_grad for p in clip.model.parameters())


def test_the_live_classifier_follows_the_context_between_two_steps(tiny_task):
    coop = method(tiny_task, lr=0.1, schedule="constant", warmup=0.0)
    seen = []
    for _ in steps_of(coop.fit()):
        seen.append(coop.classifier.head.weight.clone())
        assert torch.equal(seen[-1], coop.prompts.encode(coop.context).data)
    assert all(not torch.equal(first, then) for first, then in itertools.pairwise(seen))


def test_a_random_context_is_seeded_and_small(tiny_task):
    coop = method(tiny_task)
    coop.setup()
    assert coop.context.shape == (16, 32)
    assert coop.context.std().item() == pytest.approx(0.02, rel=0.15)
    again = method(tiny_task)
    again.setup()
    assert torch.equal(coop.context, again.context)


def test_the_loss_falls_and_a_context_of_its_own_for_a_class_helps(tiny_task):
    for class_specific in (False, True):
        coop = method(
            tiny_task, class_specific=class_specific, lr=0.05, epochs=20, batch_size=12, flip=False
        )
        losses = [event.loss for event in steps_of(coop.fit())]
        assert losses[-1] < losses[0]


def short(tiny_task, length: int):
    """The same CLIP with a text tower that reads fewer tokens."""
    import copy

    clip, task = tiny_task
    clip = copy.copy(clip)
    clip.model = copy.deepcopy(clip.model)
    clip.model.context_length = length
    clip.model.positional_embedding.data = clip.model.positional_embedding.data[:length]
    clip.model.attn_mask = clip.model.attn_mask[:length, :length]
    tokenizer = clip.tokenizer
    clip.tokenizer = lambda texts: tokenizer(texts, context_length=length)
    return clip, task


def test_an_empty_number_of_vectors_is_what_a_short_text_tower_has_room_for(tiny_task):
    clip, task = short(tiny_task, 12)
    room = room_for_context(clip, task.names)
    longest = max(int(row.argmax()) - 1 for row in clip.tokens([task.names])[0])
    assert room == 12 - longest - 3  # [SOS], the full stop, [EOS]
    coop = method((clip, task))
    coop.setup()
    assert coop.params.vectors == room
    assert coop.prompts._ids.shape[1] == 12


def test_prompts_that_do_not_fit_are_refused_with_what_would(tiny_task):
    clip, task = short(tiny_task, 12)
    room = room_for_context(clip, task.names)
    with pytest.raises(UserError, match=rf"12 tokens .* Set vectors to {room} or less"):
        method((clip, task), vectors=16).setup()
    with pytest.raises(UserError, match="Give the classes shorter names"):
        SoftPrompts(clip, ["a name of far too many words for so short a tower to read"], 1)


def test_a_text_tower_of_another_kind_is_refused(tiny_task):
    clip, task = short(tiny_task, 77)
    clip.model.text_pool_type = "last"
    with pytest.raises(UserError, match=r"needs CLIP's own kind of text tower"):
        method((clip, task)).setup()


def test_classes_without_images_are_left_out_of_the_loss_and_get_prompts(tiny_task):
    from dataclasses import replace

    clip, task = tiny_task
    train = tuple(item for item in task.train if item.label != 1)
    coop = CoOp(CoOp.Params(epochs=1), clip, replace(task, train=train, unseen=(task.classes[1],)))
    losses = [event.loss for event in steps_of(coop.fit())]
    assert losses[0] < 2 * math.log(2)  # near chance between two classes, not three
    assert coop.classifier.head.weight.shape[0] == 3


MUTANTS = [
    Mutant(
        "core.methods.coop",
        "return tau * features",
        "return features",
        test_logits_are_tau_times_the_cosines,
    ),
    Mutant(
        "core.models.soft_prompts",
        '"middle": vectors // 2',
        '"middle": vectors',
        test_vectors_that_are_words_make_the_prompt_that_the_words_make,
    ),
    Mutant(
        "core.models.soft_prompts",
        "x = x + tower.positional_embedding[:length]",
        "x = x",
        test_vectors_that_are_words_make_the_prompt_that_the_words_make,
    ),
    Mutant(
        "core.models.soft_prompts",
        "[len(row) - 1 for row in rows]",
        "[len(row) - 2 for row in rows]",
        test_vectors_that_are_words_make_the_prompt_that_the_words_make,
    ),
    Mutant(
        "core.models.soft_prompts",
        "attn_mask=tower.attn_mask[:length, :length]",
        "attn_mask=None",
        test_vectors_that_are_words_make_the_prompt_that_the_words_make,
    ),
    Mutant(
        "core.models.soft_prompts",
        "return unit(x.float())",
        "return x.float()",
        test_vectors_that_are_words_make_the_prompt_that_the_words_make,
    ),
    Mutant(
        "core.models.soft_prompts",
        "*dot, last]",
        "last, *dot]",
        test_vectors_that_are_words_make_the_prompt_that_the_words_make,
    ),
]
