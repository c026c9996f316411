"""What a run has learnt from is kept out of what it is measured on, whatever it stands on."""

import json

from core.pipeline import run
from core.protocols import encoder_of_run
from core.records import RunConfig


def finish(tiny_model, tiny_data, folder, seed):
    config = RunConfig(
        data=str(tiny_data),
        model=str(tiny_model),
        method="zero-shot",
        shots=2,
        seed=seed,
        alphas=(0, 1),
        device="cpu",
    )
    for _ in run(config, folder):
        pass
    return folder


def test_images_that_the_backbone_has_learnt_from_count_as_seen(tiny_model, tiny_data, tmp_path):
    below = finish(tiny_model, tiny_data, tmp_path / "below", seed=0)
    above = finish(tiny_model, tiny_data, tmp_path / "above", seed=3)
    own = [encoder_of_run(folder, None, None).seen for folder in (below, above)]
    assert all(len(seen) == 2 * 3 + 9 for seen in own)  # the shots and the validation images
    assert own[0] != own[1]
    record = json.loads((above / "record.json").read_text("utf-8"))
    record["config"]["params"]["backbone"] = str(below)
    (above / "record.json").write_text(json.dumps(record))
    assert encoder_of_run(above, None, None).seen == own[0] | own[1]


def test_a_run_whose_data_is_gone_says_so(tiny_model, tiny_data, tmp_path):
    folder = finish(tiny_model, tiny_data, tmp_path / "run", seed=0)
    record = json.loads((folder / "record.json").read_text("utf-8"))
    record["config"]["data"] = str(tmp_path / "gone")
    (folder / "record.json").write_text(json.dumps(record))
    encoder = encoder_of_run(folder, None, None)
    assert encoder.seen == frozenset()
    assert "own data is gone" in encoder.notes[0]
