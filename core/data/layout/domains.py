"""Finds domain folders around the class folders, and chooses the domain that is trained on."""

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from core.data.layout.folder import Folder
from core.data.layout.notes import LayoutNotes, counted, some
from core.data.names import SETTINGS_NAME, fold, is_mask_name, nfc, split_of
from core.data.settings import DatasetSettings
from core.errors import unknown

_PHOTOS = re.compile(r"(?:.* )?(?:photos?|photographs?|real|real ?world|realworld)(?: .*)?")
DOMAIN = re.compile(
    r"(?:.* )?(?:photos?|photographs?|real|real ?world|art|painting|paintings|sketch|sketches|"
    r"drawings?|cartoons?|clip ?art|comics?|anime|quick ?draw|infographs?|infographics?|products?|"
    r"toys?|webcam|dslr|amazon|synthetic|renders?|rendered|rendition|mnist|svhn|usps|day|night|"
    r"sunny|rain|rainy|fog|foggy|snow|snowy|summer|winter|indoors?|outdoors?|studio|field|lab|"
    r"phones?|domain|domains|hospital|site|location|cent(?:er|re)|scanner|camera|style)(?: .*)?"
)
_NO_CLASS = re.compile(
    r"[\d .]*|(?:.* )?(?:front|rear|side|left|right|top|bottom|up|down|near|far|close|close up|"
    r"wide|images?|imgs?|masks?|raw|originals?|augmented|augmentations?|cropped|crops?|resized|"
    r"thumbnails?|thumbs|(?:session|batch|seq|sequence|video|clip|take|run|set|part|series|view|"
    r"scene|shot|day|visit|patient|subject|person|folder|dir|img|frames?)s? ?\d*)|"
    r"\d{4} ?\d\d ?\d\d.*"
)
"""Names of folders inside a class: how its images were edited, or when and how they were taken."""


def read_domains(base: Folder, settings: DatasetSettings, notes: LayoutNotes) -> Folder | None:
    """Reads DATA/<domain>/<class>/* as train and `ood`, also with splits in or around the domains.

    None if the folders are not domains. Raises `UserError` if the domain named in the settings does
    not exist.
    """
    by_split = {name: f for name, f in base.folders.items() if f.is_split}
    around = any(split_of(name) == "train" for name in by_split)
    tops = _transposed(by_split) if around else nested(base)
    asked = bool(settings.reference) or settings.folders == "domains"
    same = repeated(tops)
    if asked and len(tops) < 2:
        notes.warnings.append(
            f"{SETTINGS_NAME} asks for domains, but no two folders can be domains."
        )
    if len(tops) < 2 or not (same or asked):
        return None
    known = any(DOMAIN.fullmatch(words_of(name)) for name in tops)
    # `<class>/photo` next to `<class>/sketch`: the inner folders are the domains, so turn it over.
    if not asked and not known and _are_domains(same):
        base, tops, same = _inside_out(base, tops)
        known = True
    # `<class>/front`, `<class>/session_2`: repeated names that are neither classes nor domains.
    if not asked and not known and all(map(_is_inside, same)):
        _say_inner_folders(tops, notes)
        return None
    domains = {n: f for n, f in tops.items() if asked or same & _class_names(f)}
    chosen = _reference(domains, settings)
    _say_domains(domains, chosen, asked or known, notes)
    for name, folder in tops.items():
        if name not in domains:
            notes.ignore(folder, "its folders are not named like those of the other domains")
    if not around:
        return _as_splits(base, domains, chosen, without(base, tops))
    loose = [path for folder in by_split.values() for path in folder.images]
    base = replace(base, images=[*base.images, *loose])
    rest = without(base, by_split) | _next_to_domains(by_split)
    return _as_splits(base, domains, chosen, rest)


def words_of(name: str) -> str:
    """The words of a folder's name, without differences of spelling."""
    return " ".join(fold(name).replace(".", " ").split())


def all_named(names: Iterable[str], pattern: re.Pattern[str]) -> bool:
    """True if the pattern matches the words of every name."""
    return all(pattern.fullmatch(words_of(name)) for name in names)


def is_no_class(name: str) -> bool:
    """True if a folder is named like a part of a class, such as `front` or `session 2`."""
    return _NO_CLASS.fullmatch(words_of(name)) is not None


def nested(folder: Folder) -> dict[str, Folder]:
    """The subfolders that hold folders, without splits and `ood`."""
    return {n: f for n, f in folder.folders.items() if f.holds_folders and not f.is_reserved}


def without(base: Folder, names: Collection[str]) -> dict[str, Folder]:
    """The subfolders, without those with these names."""
    return {name: f for name, f in base.folders.items() if name not in names}


def _is_inside(name: str) -> bool:
    """True if a folder is named like a part of a class, or like a domain."""
    return is_no_class(name) or DOMAIN.fullmatch(words_of(name)) is not None


def _are_domains(names: Collection[str]) -> bool:
    """True if all inner folders are named like domains, and one like photos."""
    words = [words_of(name) for name in names]
    return all(map(DOMAIN.fullmatch, words)) and any(map(_PHOTOS.fullmatch, words))


def _inside_out(
    base: Folder, tops: Mapping[str, Folder]
) -> tuple[Folder, dict[str, Folder], set[str]]:
    """Turns `<class>/<domain>` into `<domain>/<class>`: (folder, its domains, their classes)."""
    domains: dict[str, Folder] = {}
    loose = list(base.images)
    for name, top in tops.items():
        loose += top.images
        for inner_name, inner in top.folders.items():
            domain = domains.setdefault(inner_name, Folder(inner.path, called=inner_name))
            domain.folders[name] = replace(inner, called=name)
    folders = joined(domains, without(base, tops))
    return replace(base, images=loose, folders=folders), domains, {fold(name) for name in tops}


def joined(ours: Mapping[str, Folder], others: Mapping[str, Folder]) -> dict[str, Folder]:
    """The folders of both; a second folder with the same name gets a number."""
    folders = dict(ours)
    for name, folder in others.items():
        names = itertools.chain([name], (f"{name} {n}" for n in itertools.count(2)))
        folders[next(one for one in names if one not in folders)] = folder
    return folders


def repeated(tops: Mapping[str, Folder]) -> set[str]:
    """Class names that most of the folders share, at least two names; else empty."""
    inside = [_class_names(top) for top in tops.values()]
    counts = Counter(name for names in inside for name in names)
    same = {name for name, n in counts.items() if n > 1}
    shared = sum(len(names & same) for names in inside)
    holders = sum(bool(names & same) for names in inside)
    most = 2 * shared >= counts.total() and 2 * holders > len(inside)
    return same if len(same) > 1 and most else set()


def _as_splits(
    base: Folder, domains: Mapping[str, Folder], chosen: str, rest: Mapping[str, Folder]
) -> Folder:
    taught = domains[chosen].unwrapped()
    ours = {n: f.unwrapped() for n, f in taught.folders.items() if f.is_split}
    loose = list(base.images)
    if ours:
        loose += taught.images
        rest = joined(rest, without(taught, ours))
    ours = ours or {"train": replace(taught, called="train")}
    others = {nfc(n): f.unwrapped() for n, f in domains.items() if n != chosen}
    folders: dict[str, Folder] = {}
    for name, folder in rest.items():
        if folder.is_ood:
            loose += folder.images
            others = joined(others, {nfc(n): f for n, f in folder.folders.items()})
        else:
            folders[name] = folder
    path = f"{base.path}/ood" if base.path else "ood"
    ours = {**ours, "ood": Folder(path, folders=others, called="ood")}
    return replace(base, images=loose, folders=joined(ours, folders))


def _transposed(by_split: Mapping[str, Folder]) -> dict[str, Folder]:
    """Turns `<split>/<domain>/<class>` into `<domain>/<split>/<class>`."""
    domains: dict[str, Folder] = {}
    for split, folder in by_split.items():
        for name, inner in nested(folder).items():
            domain = domains.setdefault(name, Folder(inner.path, called=name))
            domain.folders[split] = replace(inner.unwrapped(), called=split)
    return domains


def _next_to_domains(by_split: Mapping[str, Folder]) -> dict[str, Folder]:
    """The folders inside splits that are not domains."""
    return {
        f"{split}/{name}": replace(inner, called=f"{split}/{name}")
        for split, folder in by_split.items()
        for name, inner in without(folder, nested(folder)).items()
    }


def _class_names(top: Folder) -> set[str]:
    """Normalised names of the class folders in a folder that may be a domain."""
    top = top.unwrapped()
    splits = [f.unwrapped() for f in top.folders.values() if f.is_split]
    names = (name for holder in splits or [top] for name in holder.folders)
    return {fold(name) for name in names if not is_mask_name(name) and not split_of(name)}


def _reference(domains: Mapping[str, Folder], settings: DatasetSettings) -> str:
    """The domain that is trained on: the one in the settings, else photos, else the largest."""
    if settings.reference:
        named = [name for name in domains if fold(name) == fold(settings.reference)]
        if not named:
            raise unknown(f"{SETTINGS_NAME}: reference", settings.reference, domains)
        return named[0]
    fit = [name for name, f in domains.items() if _can_teach(f)] or [*domains]
    photos = [name for name in fit if _PHOTOS.fullmatch(words_of(name))]
    return max(photos or fit, key=lambda name: domains[name].count())


def _can_teach(domain: Folder) -> bool:
    inner = domain.unwrapped()
    has_splits = any(f.is_split for f in inner.folders.values())
    return len(_class_names(domain)) > 1 and (inner.holds_train or not has_splits)


def _say_domains(
    domains: Mapping[str, Folder], chosen: str, sure: bool, notes: LayoutNotes
) -> None:
    classes = sorted({name for f in domains.values() for name in _class_names(f)})
    others = [name for name in domains if name != chosen]
    notes.understood.append(
        f"Read as {len(domains)} domains over {counted(len(classes), 'class', 'classes')}: "
        f"'{chosen}' is trained on, {some(others)} {'is' if len(others) == 1 else 'are'} OOD. To "
        f"choose another, write 'reference: {others[0]}' into {SETTINGS_NAME}."
    )
    if not sure:
        notes.warnings.append(
            f"The folders {some([*domains])} hold folders of the same names ({some(classes)}): "
            "they are read as domains, and the folders inside as classes. If the outer folders "
            f"are the classes, write 'folders: classes' into {SETTINGS_NAME}."
        )


def _say_inner_folders(tops: Mapping[str, Folder], notes: LayoutNotes) -> None:
    inner = sorted({name for top in tops.values() for name in top.unwrapped().folders})
    if all(is_mask_name(name) or fold(name) in ("images", "image") for name in inner):
        return
    notes.warnings.append(
        f"The folders {some([*tops])} are read as classes, with all that is in the folders inside "
        f"({some(inner)}). If the outer folders are domains, write 'folders: domains' into "
        f"{SETTINGS_NAME}."
    )
