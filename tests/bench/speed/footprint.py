"""T9: the memory that fine-tuning takes, in a process of its own."""

import json
import resource
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import torch

from core.events import Event, Stage
from core.models.precision import choose_device
from core.training.footprint import measure_footprint
from tests.bench.speed.figure import Figure, Target
from tests.bench.speed.setting import Setting
from tests.bench.speed.steps import BATCH, method, seconds_of_steps, step_task

STEPS = 3
"""After the second step all that a training ever holds is there."""
LIBRARIES = "interpreter and libraries MB"


def measure_memory(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T9: on a CPU, the peak of a process that fine-tunes ViT-B/32, over what it cannot do without;
    on a GPU, what ViT-L/14 takes with LoRA.
    """
    if choose_device(setting.device).type == "cuda":
        yield Stage("T9", "LoRA in ViT-L/14")
        return [_on_gpu(setting)]
    step_task(setting)  # writes the photos
    found = []
    for number in range(setting.repeats):
        yield Stage("T9", f"process {number + 1} of {setting.repeats}")
        found.append(_in_a_process(setting))
    what = "peak of fine-tuning ViT-B/32 at batch 32, over weights, Adam's states and activations"
    target = Target("at most", 1.6)
    whole = tuple(facts["peak MB"] / facts["needed MB"] for facts in found)
    own = tuple((facts["peak MB"] - facts[LIBRARIES]) / facts["needed MB"] for facts in found)
    return [
        Figure("T9", f"{what}, whole process", "×", target, whole, facts=found[0]),
        Figure("T9", f"{what}, above its libraries", "×", target, own),
    ]


def _in_a_process(setting: Setting) -> dict[str, float]:
    asked = {"folder": str(setting.folder), "device": setting.device, "quick": setting.quick}
    code = f"from tests.bench.speed.footprint import child; child({json.dumps(asked)!r})"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def child(asked: str) -> None:
    """Train a few steps and print, as JSON, the peak of this process and what it is made of."""
    values = json.loads(asked)
    setting = Setting(Path(values["folder"]), values["device"], quick=values["quick"])
    empty = _peak()
    clip, task = setting.clip(), step_task(setting)
    steps = seconds_of_steps(method("ft", clip, task))
    for _ in range(STEPS):
        next(steps)
    peak = _peak()
    footprint = measure_footprint(clip)
    weights = sum(weight.nbytes for weight in clip.model.state_dict().values())
    needed = weights + 8 * footprint.parameters + BATCH * footprint.activation_bytes
    parts = {
        "peak MB": peak,
        "needed MB": needed,
        LIBRARIES: empty,
        "CLIP's weights MB": weights,
        "Adam's states MB": 8 * footprint.parameters,
        "activations MB": BATCH * footprint.activation_bytes,
    }
    print(json.dumps({name: size / 1e6 for name, size in parts.items()}))


def _peak() -> int:
    """Bytes of memory that this process has held at most. What `getrusage` says on Linux counts its
    parent in.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(status.read_text("ascii").split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def _on_gpu(setting: Setting) -> Figure:
    clip, task = setting.clip("ViT-L-14"), step_task(setting)
    torch.cuda.reset_peak_memory_stats()
    steps = seconds_of_steps(method("ft", clip, task, lora_rank=16, recompute=True))
    for _ in range(STEPS):
        next(steps)
    what = "fine-tuning ViT-L/14 at batch 32 with LoRA, computing blocks again"
    return Figure(
        "T9", what, "GB", Target("at most", 8.0), (torch.cuda.max_memory_allocated() / 1e9,)
    )
