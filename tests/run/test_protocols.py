"""Images that a run has learnt from are never measured, whichever tower it uses."""

import shutil

from core.results.records import RunConfig
from core.run.pipeline import run
from core.run.protocols import encoder_of_run


def finish(tiny_model, tiny_data, folder, seed, **more):
    config = RunConfig(
        data=str(tiny_data),
        model=str(tiny_model),
        shots=2,
        seed=seed,
        alphas=(0, 1),
        device="cpu",
        **{"method": "zero-shot", **more},
    )
    for _ in run(config, folder):
        pass
    return folder


def test_images_that_the_backbone_has_learnt_from_count_as_seen(tiny_model, tiny_data, tmp_path):
    below = finish(tiny_model, tiny_data, tmp_path / "below", seed=0)
    apart = finish(tiny_model, tiny_data, tmp_path / "apart", seed=3)
    above = finish(
        tiny_model, tiny_data, tmp_path / "above", 3, method="lp", params={"backbone": str(below)}
    )
    own = [encoder_of_run(folder, None, None).seen for folder in (below, apart)]
    assert all(len(seen) == 2 * 3 + 9 for seen in own)  # the shots and the validation images
    assert own[0] != own[1]
    assert encoder_of_run(above, None, None).seen == own[0] | own[1]


def test_what_a_run_has_seen_is_known_without_its_data(tiny_model, tiny_data, tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(tiny_data, copy)
    folder = finish(tiny_model, copy, tmp_path / "run", seed=0)
    before = encoder_of_run(folder, None, None).seen
    shutil.rmtree(copy)
    assert encoder_of_run(folder, None, None).seen == before
    assert len(before) == 2 * 3 + 9
