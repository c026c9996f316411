"""The text-tower head: zero-shot's logits to the bit, and always up to date."""

import copy

import pytest
import torch

from core.interpolation.wise import WiseMixer
from core.models.heads import LinearHead
from core.models.prototypes import class_prototypes, prompt_features
from core.models.text_head import TextHead
from core.models.weights import load_classifiers, save_classifier
from tests.mutants import Mutant

NAMES = ("red fox", "snow owl", "otter")
TEMPLATES = ("a photo of a {}.", "art of the {}.", "itap of a {}.")


@pytest.fixture
def clip(tiny_model):
    from core.models import zoo

    return zoo.load(str(tiny_model), device="cpu", precision="fp32")


def head_of(clip, templates=TEMPLATES) -> TextHead:
    return TextHead.over(clip, clip.tokens([[t.format(n) for t in templates] for n in NAMES]))


def shake(head: TextHead) -> None:
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in head.text.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))


def features(count: int = 5) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.nn.functional.normalize(torch.randn(count, 32), dim=-1)


@pytest.mark.parametrize("count", [1, 3, 80, 300])
def test_an_untouched_text_head_gives_zero_shots_logits_to_the_bit(count, clip):
    templates = [f"{TEMPLATES[0]} {number}" for number in range(count)]
    linear = LinearHead(class_prototypes(clip, NAMES, templates), clip.logit_scale)
    assert torch.equal(head_of(clip, templates)(features()), linear(features()))


def test_prototypes_are_normalised_before_and_after_the_mean_over_templates(clip):
    head = head_of(clip)
    shake(head)
    rows = torch.nn.functional.normalize(head.text.encode_text(head.tokens.flatten(0, 1)), dim=-1)
    mean = rows.view(3, 3, -1).mean(1)
    expected = mean / mean.norm(dim=1, keepdim=True)
    torch.testing.assert_close(head.prototypes(), expected.detach())
    scale = head.text.logit_scale.exp()
    torch.testing.assert_close(head(features()), scale * features() @ expected.T)
    torch.testing.assert_close(head.exported()["weight"], (scale * expected).detach())


def test_prototypes_are_made_once_until_a_weight_changes(clip, monkeypatch):
    head = head_of(clip)
    made = []
    build = head._build
    monkeypatch.setattr(head, "_build", lambda: made.append(1) or build())
    for _ in range(3):
        head(features())
    assert len(made) == 1
    first = head.prototypes()

    head.text.requires_grad_(True)
    optimizer = torch.optim.SGD(head.text.parameters(), 0.1)
    head.encode(head.tokens[0]).sum().backward()
    optimizer.step()
    stepped = head.prototypes()
    assert not torch.equal(stepped, first)

    head.load_state_dict(head_of(clip).state_dict())
    assert torch.equal(head.prototypes(), first)
    with torch.inference_mode():
        shake(head)
        assert not torch.equal(head.prototypes(), first)
    assert len(made) == 4


def test_prototypes_made_while_measuring_serve_a_loss_afterwards(clip):
    head = head_of(clip)
    with torch.inference_mode():
        head(features())
    x = features().requires_grad_(True)
    head(x).sum().backward()
    assert x.grad is not None


def test_a_copy_holds_a_text_tower_of_its_own_and_no_image_tower(clip):
    classifier = clip.with_copied_tower(head_of(clip))
    twin = copy.deepcopy(classifier)
    shake(twin.head)
    assert not torch.equal(twin.head.prototypes(), classifier.head.prototypes())
    reachable = {id(module) for module in twin.head.modules()}
    assert not reachable & {id(module) for module in clip.model.visual.modules()}
    assert not any("visual" in name for name in twin.head.state_dict())
    assert set(head_of(clip).text.state_dict()) == {
        name for name in clip.model.state_dict() if not name.startswith("visual.")
    }


def test_the_mixer_mixes_both_towers_and_rebuilds_the_head(clip):
    tuned = clip.with_copied_tower(head_of(clip)).requires_grad_(False)
    shake(tuned.head)
    zero_shot = clip.origin(tuned, torch.zeros(0))
    mixer = WiseMixer(zero_shot, tuned)
    x = features()
    assert torch.equal(mixer.at(0.0).head(x), zero_shot.head(x))
    assert torch.equal(mixer.at(1.0).head(x), tuned.head(x))
    middle = mixer.at(0.5)
    expected = head_of(clip)
    state = {}
    for name, tensor in tuned.head.state_dict().items():
        start = expected.state_dict()[name]
        state[name] = (start + tensor) / 2 if tensor.is_floating_point() else start
    expected.load_state_dict(state)
    torch.testing.assert_close(middle.head(x), expected(x))
    of_heads = (zero_shot.head(x) + tuned.head(x)) / 2
    assert not torch.allclose(middle.head(x), of_heads, atol=1e-2)


def test_saved_and_opened_again_it_is_the_same_to_the_bit(clip, tmp_path):
    tuned = clip.with_copied_tower(head_of(clip)).requires_grad_(False)
    shake(tuned.head)
    prototypes = class_prototypes(clip, NAMES, TEMPLATES)
    save_classifier(tmp_path / "w.safetensors", clip, tuned, prototypes)
    zero_shot, again = load_classifiers(tmp_path / "w.safetensors", clip)
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(again(images), tuned(images))
    linear = LinearHead(prototypes, clip.logit_scale)
    assert torch.equal(zero_shot.head(features()), linear(features()))


def test_a_text_tower_that_is_a_module_of_its_own_works_alike():
    import open_clip

    from core.models.clip import tokens_to_features

    text = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
    vision = {"layers": 1, "width": 32, "patch_size": 8, "head_width": 16, "image_size": 32}
    model = open_clip.CustomTextCLIP(16, vision, text).eval()
    copied = copy.deepcopy(model, {id(model.visual): torch.nn.Identity()})
    head = TextHead(copied, torch.randint(1, 63, (2, 3, 8)))
    rows = torch.nn.functional.normalize(tokens_to_features(model, head.tokens[0]), dim=-1)
    mean = torch.nn.functional.normalize(rows.mean(0), dim=0)
    torch.testing.assert_close(head.prototypes()[0], mean.detach())
    image = torch.nn.functional.normalize(torch.randn(1, 16), dim=-1)
    logit = (image @ mean).item() / 0.07  # τ of a fresh model
    assert head(image)[0, 0].item() == pytest.approx(logit, rel=1e-5)
    assert (head.exported()["weight"][0] @ image[0]).item() == pytest.approx(logit, rel=1e-5)
    assert {name.split(".")[0] for name in copied.state_dict()} == {"text", "logit_scale"}


def test_features_of_prompts_are_unit_and_come_class_by_class():
    raw = torch.tensor([[3.0, 4.0], [0.0, 2.0], [-5.0, 0.0], [0.0, -1.0]])
    rows = list(prompt_features(lambda ids: raw[ids[:, 0]], torch.arange(4).view(2, 2, 1)))
    assert [row.tolist() for row in rows] == [
        [pytest.approx([0.6, 0.8]), [0.0, 1.0]],
        [[-1.0, 0.0], [0.0, -1.0]],
    ]
    many = torch.arange(3 * 300).view(3, 300, 1)  # more than a batch for each class
    rows = list(prompt_features(lambda ids: torch.cat([ids, 1 + 0 * ids], 1).float(), many))
    back = torch.stack(rows)[..., 0] / torch.stack(rows)[..., 1]
    torch.testing.assert_close(back, many[..., 0].float())


MUTANTS = [
    Mutant(
        "core.models.prototypes",
        "unit(features).view",
        "features.view",
        test_features_of_prompts_are_unit_and_come_class_by_class,
    ),
    Mutant(
        "core.models.prototypes",
        "torch.split(rows, TEXT_BATCH)",
        "torch.split(rows.flip(0), TEXT_BATCH)",
        test_features_of_prompts_are_unit_and_come_class_by_class,
    ),
    Mutant(
        "core.models.text_head",
        "unit(torch.stack([features.mean(0) for features in rows]))",
        "torch.stack([features.mean(0) for features in rows])",
        test_a_text_tower_that_is_a_module_of_its_own_works_alike,
    ),
    Mutant(
        "core.models.text_head",
        "self.scale() * (features.float()",
        "(features.float()",
        test_a_text_tower_that_is_a_module_of_its_own_works_alike,
    ),
    Mutant(
        "core.models.text_head",
        "(self.scale() * self.prototypes())",
        "self.prototypes()",
        test_a_text_tower_that_is_a_module_of_its_own_works_alike,
    ),
]
