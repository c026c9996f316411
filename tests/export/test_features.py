"""Exported features and the list of images."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from core.data.fewshot import sample_task
from core.data.ingest import open_dataset
from core.errors import UserError
from core.export import features as exporting
from core.export.features import COLUMNS, export_features, splits_of, write_manifest


@pytest.fixture(scope="module")
def data(tiny_data):
    dataset = open_dataset(tiny_data)
    left_out = dataset.items("val")[:1]
    domains = tuple(
        replace(domain, items=tuple(i for i in domain.items if i not in left_out))
        for domain in dataset.domains
    )
    dataset = replace(dataset, excluded=left_out, domains=domains)
    return dataset, sample_task(dataset, shots=4, seed=0)


@pytest.fixture(scope="module")
def exported(vit, data, tmp_path_factory):
    dataset, task = data
    return export_features(vit, tmp_path_factory.mktemp("features"), task, dataset)


def test_every_image_has_its_feature_under_its_split(exported, vit, data):
    dataset, task = data
    assert exported.verified, exported.check
    with safe_open(exported.folder / "features.safetensors", "pt") as file:
        told = {name: json.loads(value) for name, value in file.metadata().items()}
        paths = told["paths"]
        assert set(paths) == {"train", "val", "test", "ood/night", "ood/grey", "unused"}
        assert sum(map(len, paths.values())) == sum(len(d.items) for d in dataset.domains)
        features = file.get_tensor("ood/night/features")
        expected = vit.clip.features_of(vit.classifier, task.root, task.ood["ood/night"])
        torch.testing.assert_close(features, expected, atol=0, rtol=0)
        labels = file.get_tensor("ood/night/labels").tolist()
        assert labels == [dataset.classes.index(path.split("/")[2]) for path in paths["ood/night"]]


def test_the_manifest_has_a_row_for_each_image_with_what_became_of_it(exported, data):
    dataset, task = data
    with open(exported.folder / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    by_path = {row["path"]: row for row in rows}
    assert len(by_path) == sum(len(d.items) for d in dataset.domains) + 1
    shot = by_path[task.train[0].path]
    assert (shot["split"], shot["domain"], shot["excluded"]) == ("train", "train", "no")
    assert shot["sha256"] == task.train[0].sha256
    left_out = by_path[dataset.excluded[0].path]
    assert (left_out["excluded"], left_out["reason"]) == ("yes", "left out in dataset.yaml")
    assert sum(row["split"] == "unused" for row in rows) == 6  # 6 images a class, 4 shots


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(data, tmp_path, start):
    dataset, task = data
    evil = f"{start}HYPERLINK(1)"
    item = replace(task.train[0], path=evil)
    classes = tuple(f"{start}{name}" for name in dataset.classes)
    dataset = replace(dataset, classes=classes, domains=(), excluded=(item,))
    write_manifest(tmp_path / "m.csv", dataset, splits_of(replace(task, train=(item,)), dataset))
    with open(tmp_path / "m.csv", newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert f"'{evil}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_a_file_that_was_not_written_whole_is_caught(vit, data, tmp_path, monkeypatch):
    def wrong(tensors, path: Path, metadata):
        save(tensors | {"val/features": tensors["val/features"] * 1.001}, path, metadata)

    save = exporting.save_file
    monkeypatch.setattr(exporting, "save_file", wrong)
    dataset, task = data
    with pytest.raises(UserError, match="not the run's: val/features"):
        export_features(vit, tmp_path, task, dataset)
