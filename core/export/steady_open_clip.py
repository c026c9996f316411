"""Export of a steady run for open_clip: both checkpoints, the gate, and a short reader."""

import dataclasses
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from core.export.open_clip import HEAD, WEIGHTS, export_open_clip
from core.export.snippets import odd_pictures
from core.export.source import SteadySource
from core.export.verify import Difference, Exported, make_room, verify
from core.models.gates import gate_state

ZERO_SHOT, TUNED, GATE, READER = "zero-shot", "tuned", "gate.safetensors", "steady.py"
TOLERANCES = {"probabilities": 1e-3, "probabilities one by one": 1e-3, "familiarity": 1e-3}


def export_steady_open_clip(source: SteadySource, folder: Path) -> Exported:
    """Write `zero-shot/` and `tuned/`, each a checkpoint with its head, the gate as
    `gate.safetensors`, and `steady.py`. That file answers with all three, and it also verifies
    them.
    """
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)  # left by the reader
    make_room(folder, {ZERO_SHOT, TUNED, GATE, READER})
    found: list[Difference] = []
    for name, end in ((ZERO_SHOT, source.zero_shot), (TUNED, source.tuned)):
        for one in export_open_clip(end, folder / name).differences:
            found.append(dataclasses.replace(one, output=f"{name} {one.output}"))
    _write_gate(source, folder / GATE)
    shutil.copyfile(Path(__file__).with_name("readers") / READER, folder / READER)
    found += _verified(source, folder)
    return Exported(folder, snippet(folder), "open_clip and its own steady.py", tuple(found))


def _write_gate(source: SteadySource, path: Path) -> None:
    """The gate's tensors, and everything else that the reader needs as metadata, each as JSON."""
    gate, steady = source.steady.gate, source.steady
    told = {
        "layers": list(gate.layers),
        "neighbours": min(gate.neighbours, len(gate.bank)),
        "unfamiliar": steady.unfamiliar,
        "temperatures": list(steady.temperatures),
        "fingerprint": source.clip.fingerprint,
        "weights": f"{ZERO_SHOT}/{WEIGHTS}",
        "ends": [ZERO_SHOT, TUNED],
        "tensors": [GATE, f"{ZERO_SHOT}/{HEAD}", f"{TUNED}/{HEAD}"],
        **source.card,
    }
    save_file(gate_state(gate)[0], path, metadata={name: json.dumps(told[name]) for name in told})


def _verified(source: SteadySource, folder: Path) -> tuple[Difference, ...]:
    """Runs the reader on files, as a stranger would: the run's pictures and unusual ones."""
    with tempfile.TemporaryDirectory(prefix="evenkeel-pictures-") as place:
        pictures = (*source.zero_shot.shown, *odd_pictures(Path(place)))
        own = {name: tensor.numpy() for name, tensor in source.own(pictures).items()}
        own["probabilities one by one"] = own["probabilities"]
        asked = {"photos": np.array([str(path.absolute()) for path in pictures])}
        expected = {name: own[name] for name in TOLERANCES}
        return verify("steady", folder, asked, expected, TOLERANCES)


def snippet(folder: Path) -> str:
    """Python that uses the reader."""
    return (
        "import sys\n\n"
        f'sys.path.insert(0, "{folder}")\n'
        "import steady\n\n"
        'probabilities, familiarity = steady.answer(["photo.jpg"])\n'
        'print(steady.told["names"][probabilities[0].argmax()], float(familiarity[0]))'
    )
