"""Reads JSON and XML exports of labelling tools as rows.

Knows Label Studio, COCO, VGG Image Annotator, FiftyOne, CVAT and Labelbox. Any other list of
records, as of Hugging Face, Azure, SageMaker and Vertex AI, is read as a table.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from core.data.images import is_image_name
from core.data.labels.columns import LabelTable, check_size, read_grid
from core.data.labels.rows import LabelRow, NoLabels, labels_in

Find = Callable[[str], str | None]
Record = Mapping[str, Any]

_DEEPEST = 5
_MOST_COLUMNS = 200


def read_json(document: Any, find: Find) -> LabelTable:
    """Reads the export of any tool; `find` returns the image of a text. Raises `NoLabels`."""
    for tool, read in _TOOLS.items():
        rows = read(document, find)
        if rows is not None:
            return LabelTable(tuple(rows), tool, not _has_boxes(document))
    records = _records(document)
    if not records:
        raise NoLabels("it is not a list of images with labels")
    flat = [dict(_flat(record)) for record in records]
    header = list(dict.fromkeys(key for record in flat for key in record))[:_MOST_COLUMNS]
    check_size(len(header), len(flat))
    return read_grid(header, [[record.get(key, "") for key in header] for record in flat], find)


def read_xml(data: bytes) -> LabelTable:
    """Reads `CVAT for images`: the tags of every image, else its boxes and shapes. Raises
    `NoLabels`.
    """
    parser = XMLParser(target=_NoEntities())
    try:
        parser.feed(data)
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        raise NoLabels(f"it is not valid XML ({error})") from None
    rows = []
    tagged = root.find(".//image/tag") is not None
    for image in root.iter("image"):
        tags = [tag.get("label", "") for tag in image.iter("tag")]
        shapes = [shape.get("label", "") for shape in image if shape.tag != "tag"]
        rows.append(
            LabelRow(image.get("name", ""), labels_in(tags or shapes), image.get("subset", ""))
        )
    return LabelTable(tuple(rows), "CVAT", tagged)


class _NoEntities(TreeBuilder):
    """Refuses a document type, because a few lines of XML entities can expand to gigabytes."""

    def doctype(self, *_: object) -> None:
        raise NoLabels("it declares a document type, which is not read")


def _label_studio(document: Any, find: Find) -> Iterator[LabelRow] | None:
    if not _is_list_with(document, "data", ("annotations", "completions")):
        return None
    return (_task(task, find) for task in document)


def _task(task: Record, find: Find) -> LabelRow:
    data = task["data"]
    values = data.values() if isinstance(data, dict) else [data]
    texts = [str(v) for v in (*values, task.get("file_upload") or "") if isinstance(v, str) and v]
    file = next((text for text in texts if find(text)), texts[0] if texts else "")
    done = task.get("annotations") or task.get("completions") or []
    results: Iterator[Record] = (
        result["value"]
        for one in done
        if isinstance(one, dict) and not one.get("was_cancelled")
        for result in one.get("result") or []
        if isinstance(result, dict) and isinstance(result.get("value"), dict)
    )
    chosen = [
        value.get(key)
        for value in results
        for key in value
        if key in ("choices", "taxonomy") or key.endswith("labels")
    ]
    return LabelRow(file, labels_in(chosen))


def _coco(document: Any, find: Find) -> Iterator[LabelRow] | None:
    if not isinstance(document, dict) or not {"images", "annotations"} <= document.keys():
        return None
    images, marks = document["images"], document["annotations"]
    if not _is_list_with(images, "id", ("file_name", "filename", "path", "coco_url")):
        return None
    known = document.get("categories") or []
    names = {c["id"]: c.get("name") for c in known if isinstance(c, dict) and "id" in c}
    of: dict[Any, list[Any]] = {}
    for mark in marks if isinstance(marks, list) else []:
        if isinstance(mark, dict) and "image_id" in mark and "category_id" in mark:
            label = names.get(mark["category_id"], mark["category_id"])
            of.setdefault(mark["image_id"], []).append(label)
    return (
        LabelRow(
            str(i.get("file_name") or i.get("filename") or i.get("path") or i.get("coco_url")),
            labels_in(of.get(i.get("id"), [])),
        )
        for i in images
    )


def _has_boxes(document: Any) -> bool:
    """True if a document has boxes: objects in an image need not be the class of the image."""
    marks = document.get("annotations") if isinstance(document, dict) else None
    return isinstance(marks, list) and any(isinstance(m, dict) and m.get("bbox") for m in marks)


def _via(document: Any, find: Find) -> Iterator[LabelRow] | None:
    """Reads VGG Image Annotator 2: the annotations alone, or a whole project."""
    if isinstance(document, dict) and "_via_img_metadata" in document:
        document = document["_via_img_metadata"]
    if not isinstance(document, dict) or not _is_list_with(
        [*document.values()], "filename", ("regions", "file_attributes")
    ):
        return None
    return (_marked(image) for image in document.values())


def _marked(image: Record) -> LabelRow:
    regions = image.get("regions") or []
    regions = regions.values() if isinstance(regions, dict) else regions
    inside = [r.get("region_attributes") for r in regions if isinstance(r, dict)]
    labels = labels_in(image.get("file_attributes")) or labels_in(inside)
    return LabelRow(str(image["filename"]), labels)


def _fiftyone(document: Any, find: Find) -> Iterator[LabelRow] | None:
    """Reads FiftyOne's `labels.json`: image name without extension to label."""
    if not isinstance(document, dict) or not isinstance(document.get("labels"), dict):
        return None
    names = document.get("classes")

    def label(value: Any) -> Any:
        is_index = isinstance(value, int) and not isinstance(value, bool)
        if is_index and isinstance(names, list) and 0 <= value < len(names):
            return names[value]
        return [label(one) for one in value] if isinstance(value, list) else value

    return (LabelRow(str(k), labels_in(label(v))) for k, v in document["labels"].items())


def _labelbox(document: Any, find: Find) -> Iterator[LabelRow] | None:
    if _is_list_with(document, "data_row", ("projects",)):
        return (
            LabelRow(_named(row["data_row"], find), labels_in([*_answers(row["projects"])]))
            for row in document
        )
    if _is_list_with(document, "Label", ("External ID",)):
        return (
            LabelRow(str(r["External ID"]), labels_in([*_answers(r["Label"])])) for r in document
        )
    return None


def _named(row: Record, find: Find) -> str:
    keys = ("external_id", "global_key", "row_data")
    texts = [str(row[key]) for key in keys if row.get(key)]
    return next((text for text in texts if find(text)), texts[0] if texts else "")


def _answers(value: Any, depth: int = 0) -> Iterator[Any]:
    """The answers in a nested export, at any depth up to 20."""
    if depth > 20:
        return
    inside = value if isinstance(value, dict | list) else []
    for key, one in inside.items() if isinstance(inside, dict) else enumerate(inside):
        if key in ("radio_answer", "checklist_answers", "answer", "answers"):
            yield one
        else:
            yield from _answers(one, depth + 1)


def _by_image(document: Any, find: Find) -> Iterator[LabelRow] | None:
    """Reads `{"1.jpg": "cat"}` or `{"cat": ["1.jpg"]}`."""
    if not isinstance(document, dict) or not document:
        return None
    values = document.values()
    are_images = sum(bool(find(str(key))) for key in document) * 2 >= len(document)
    told = {str(value) for value in values}
    if are_images and 2 * len(told) > len(document) > 3:
        return None  # most values differ, so they are captions and not classes
    if are_images and all(isinstance(v, str | int) or _are_texts(v) for v in values):
        return (LabelRow(str(key), labels_in(value)) for key, value in document.items())
    if all(_are_texts(v) and any(is_image_name(t) or find(t) for t in v) for v in values):
        return (LabelRow(file, (str(key),)) for key, files in document.items() for file in files)
    return None


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


_TOOLS: Mapping[str, Callable[[Any, Find], Iterator[LabelRow] | None]] = {
    "Label Studio": _label_studio,
    "COCO": _coco,
    "VGG Image Annotator": _via,
    "FiftyOne": _fiftyone,
    "Labelbox": _labelbox,
    "JSON": _by_image,
}


def _is_list_with(value: Any, key: str, others: tuple[str, ...]) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(one, dict) and key in one and any(other in one for other in others)
            for one in value
        )
    )


def _records(document: Any) -> list[Record]:
    """The list of records in a document: the document itself, or the longest list in it."""
    if isinstance(document, dict):
        held = [v for v in document.values() if _are_records(v)]
        return max(held, key=len) if held else []
    return document if _are_records(document) else []


def _are_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _flat(record: Record, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """A nested record as flat columns: `{"a": {"b": 1}}` becomes `a.b`."""
    for key, value in record.items():
        if isinstance(value, dict) and depth < _DEEPEST and "choices" not in value:
            yield from _flat(value, f"{prefix}{key}.", depth + 1)
        elif isinstance(value, dict | list):
            yield f"{prefix}{key}", json.dumps(value)
        elif value is not None:
            yield f"{prefix}{key}", str(value)
