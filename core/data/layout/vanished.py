"""Finds class folders without a readable image: empty ones, and those with other files."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from core.data.layout.notes import counted, some
from core.data.names import is_mask_name, is_ood_name, split_of

_NEVER_OURS = ("hidden", "macOS archive metadata", "made by the operating system")
_NO_IMAGES = frozenset(
    {"txt", "md", "rst", "csv", "tsv", "json", "jsonl", "xml", "yaml", "yml", "html", "log"}
    | {"py", "ipynb", "sh", "m", "cfg", "ini", "names"}
)
"""Extensions of text files. A folder with only these was never a class of images."""


def vanished(
    ignored: Iterable[tuple[str, str]], images: Iterable[str], homes: Collection[str]
) -> list[str]:
    """One sentence for every class folder without an image. `homes` are the folders around classes.

    `ignored` are the files that are not read, with the reason; an empty folder ends in `/`.
    """
    filled = {above for path in images for above in _above(path)}
    gone: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path, reason in ignored:
        if reason in _NEVER_OURS:
            continue
        for folder in _above(path):
            if folder.rpartition("/")[0] in homes and folder not in filled:
                gone[folder].append((path, reason))
    return [
        _sentence(folder, files)
        for folder, files in gone.items()
        if not is_mask_name(folder.rpartition("/")[2]) and not _are_papers(files)
    ]


def _above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _are_papers(files: Sequence[tuple[str, str]]) -> bool:
    names = [path.rpartition("/")[2] for path, _ in files]
    return all(name.rpartition(".")[2].lower() in _NO_IMAGES for name in names)


def _sentence(folder: str, files: Sequence[tuple[str, str]]) -> str:
    name = folder.rpartition("/")[2]
    missing = f"Class '{name}' has no image"
    if split_of(name) or is_ood_name(name):
        missing = "It has no image of any class"
    there = [(path, reason) for path, reason in files if not path.endswith("/")]
    if not there:
        return f"{missing}: '{folder}' is empty."
    kinds = sorted({path.rpartition(".")[2].upper() for path, _ in there})
    return (
        f"{missing} that can be read: '{folder}' holds {counted(len(there), 'file', 'files')} "
        f"({some(kinds)}) such as '{there[0][0]}', {there[0][1]}."
    )
