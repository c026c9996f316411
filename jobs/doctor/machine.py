"""Checks of the machine: processor, memory, GPUs, versions, and the files of the package."""

import os
import platform
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import psutil
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from core.embedded import assets, damaged_model_files
from jobs.doctor.devices import count_gpus
from jobs.doctor.results import CheckResult, fail, gibibytes, ok, warn

LEAST_MEMORY_BYTES = 2 * 2**30
"""A run of the embedded model takes about half of it, one of ViT-B/32 a little more."""

_DISTRIBUTION = "evenkeel"
_SHOWN = {"torch": "torch", "open_clip_torch": "open_clip", "gradio": "gradio", "huey": "huey"}
_CGROUP = Path("/sys/fs/cgroup")


def processor() -> CheckResult:
    """Report the cores, and if they have bf16 instructions."""
    import torch
    from torch import nn

    from core.models.precision import choose_precision

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    precision = choose_precision(torch.device("cpu"), "auto", nn.Identity())
    fast = precision.dtype is torch.bfloat16
    arithmetic = "with bf16 instructions" if fast else "without bf16 instructions, so fp32"
    return ok(f"{cores} cores {arithmetic}.")


def memory() -> CheckResult:
    """Check the memory of the machine or the container, and how much of it is free."""
    machine = psutil.virtual_memory()
    total, free, where = machine.total, machine.available, ""
    limit = _number(_CGROUP / "memory.max")
    if limit is not None and limit < total:
        used = _number(_CGROUP / "memory.current") or 0
        total, free, where = limit, min(free, limit - used), " that this container may use"
    sentence = f"{gibibytes(free)} free of {gibibytes(total)}{where}."
    if free < LEAST_MEMORY_BYTES:
        return warn(sentence, "End other programs, or train with a smaller batch_size.")
    return ok(sentence)


def gpus() -> CheckResult:
    """Report the GPUs and their memory, as torch sees them."""
    import torch

    seen = [
        torch.cuda.get_device_properties(number)
        for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    ]
    installed = count_gpus()
    if seen:
        named = ", ".join(f"{gpu.name} ({gibibytes(gpu.total_memory)})" for gpu in seen)
        return ok(f"{named}.")
    if installed and os.environ.get("CUDA_VISIBLE_DEVICES") != "":
        return warn(
            f"The driver lists {installed}, torch {torch.__version__} can use none of them.",
            "Install a torch that is built for the driver's CUDA: https://pytorch.org/get-started.",
        )
    return ok("None; runs use the processor.")


def versions() -> CheckResult:
    """Check that Python and every package have versions that Evenkeel supports."""
    try:
        asked = metadata.metadata(_DISTRIBUTION)["Requires-Python"]
        wrong = list(_wrong_packages())
    except metadata.PackageNotFoundError:
        return warn(
            "Evenkeel is not installed as a package, so nothing says which versions it needs.",
            "Install it, in a checkout with `pip install --editable .`",
        )
    python = platform.python_version()
    if not SpecifierSet(asked).contains(python, prereleases=True):
        wrong.insert(0, f"Python is {python} and must be {asked}")
    if wrong:
        return fail(f"{'; '.join(wrong)}.", "Install Evenkeel again: its installer brings these.")
    shown = ", ".join(f"{name} {metadata.version(package)}" for package, name in _SHOWN.items())
    return ok(f"Evenkeel {metadata.version(_DISTRIBUTION)}, Python {python}, {shown}.")


def model() -> CheckResult:
    """Check that the embedded model is there and undamaged."""
    if damaged := damaged_model_files():
        return fail(
            f"Missing or damaged in {assets()}: {', '.join(damaged)}.", "Install Evenkeel again."
        )
    return ok("The embedded model is there and has its checksum.")


def page_parts() -> CheckResult:
    """Check that the styles and scripts are there, with every font and icon that they name."""
    folder = assets() / "studio"
    styles, scripts = list(folder.glob("*.css")), list(folder.glob("*.js"))
    named = {
        name for style in styles for name in re.findall(r"url\(([\w/.-]+)\)", style.read_text())
    }
    missing = sorted(name for name in named if not (folder / name).is_file())
    if not (styles and scripts):
        missing.append("the style sheets" if scripts else "the scripts")
    if missing:
        return fail(f"Missing in {folder}: {', '.join(missing)}.", "Install Evenkeel again.")
    return ok(f"{len(styles)} style sheets, {len(scripts)} scripts, {len(named)} fonts and icons.")


def _wrong_packages() -> Iterator[str]:
    for line in metadata.requires(_DISTRIBUTION) or ():
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield f"{requirement.name} is missing"
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield f"{requirement.name} is {found} and must be {requirement.specifier}"


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # another system, or "max": no limit
        return None
