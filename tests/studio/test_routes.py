"""Files leave by id. Nothing that a visitor can write reaches another path."""

import gzip

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.settings import Settings
from studio.door import routes as routes_module
from studio.door.routes import routes
from studio.workspace.studio import Studio

PLOTLY = "/studio/assets/plotly.min.js"


@pytest.fixture
def client(studio):
    app = FastAPI()
    app.include_router(routes(studio))
    return TestClient(app, base_url="http://127.0.0.1")


def test_assets_are_served_with_their_type_and_kept_by_the_browser(client):
    for name, kind in (("studio.css", "text/css"), ("studio.js", "text/javascript")):
        answer = client.get(f"/studio/assets/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/studio/assets/fonts/inter-latin-wght-normal.woff2").status_code == 200


def test_plotly_is_squeezed_once_for_all_visitors(client, monkeypatch):
    plain = client.get(PLOTLY, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    routes_module._squeezed.cache_clear()
    first = client.get(PLOTLY, headers={"Accept-Encoding": "gzip"})
    monkeypatch.setattr(gzip, "compress", lambda *_: pytest.fail("squeezed again"))
    second = client.get(PLOTLY, headers={"Accept-Encoding": "gzip"})
    for answer in (first, second):
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert int(answer.headers["content-length"]) < len(plain.content) / 3
        assert answer.content == plain.content  # the client has unpacked it


@pytest.mark.parametrize(
    "path",
    [
        "/studio/assets/../routes.py",
        "/studio/assets/..%2f..%2fpyproject.toml",
        "/studio/assets//etc/passwd",
        "/studio/runs/..%2f..%2fetc/files/record",
        "/studio/runs/../files/record",
        "/studio/runs/RUN/files/..%2fconfig.json",
        "/studio/runs/RUN/files/classifier.safetensors",
        "/studio/runs/RUN/files/weights",
        "/studio/runs/no-such-run/files/record",
        "/studio/exports/RUN/..%2f..%2fstudio.db",
        "/studio/exports/RUN/.hidden",
        "/studio/exports/../runs",
        "/studio/data/demo/thumbs/..%2f..%2fx.webp",
        "/studio/data/..%2fruns/thumbs/" + "0" * 64 + ".webp",
        "/studio/demo/..%2f..%2fmodel",
    ],
)
def test_what_is_no_id_is_not_found(client, studio, run, path):
    (studio.settings.home / "exports" / run.run_id).mkdir(parents=True)
    (studio.settings.home / "exports" / run.run_id / ".hidden").write_text("x")
    (run.path / "classifier.safetensors").write_text("weights")
    assert client.get(path.replace("RUN", run.run_id)).status_code == 404


def test_the_files_of_a_run_keep_their_name_and_answer_ranges(client, run):
    answer = client.get(f"/studio/runs/{run.run_id}/files/record", headers={"Range": "bytes=0-9"})
    assert answer.status_code == 206
    assert answer.content == run.record_path.read_bytes()[:10]
    assert f"{run.run_id}-record.json" in answer.headers["content-disposition"]


def test_an_export_is_found_by_the_name_it_has(client, studio, run):
    folder = studio.settings.home / "exports" / run.run_id / "inner"
    folder.mkdir(parents=True)
    (folder / "model.zip").write_bytes(b"0123456789")
    url = f"/studio/exports/{run.run_id}/model.zip"
    assert client.get(url).content == b"0123456789"
    assert client.get(url, headers={"Range": "bytes=4-"}).content == b"456789"
    (folder / "link.zip").symlink_to(studio.settings.home / "studio.db")
    assert client.get(url.replace("model", "link")).status_code == 404


def test_a_thumbnail_is_small_made_once_and_only_of_the_data_set(client, studio, images):
    files = images(studio, *(f"set/{c}/{i}.png" for c in "ab" for i in range(3)))
    data_id, _ = studio.data_store.add_upload(files, "train", None)
    sha = next(iter(studio.data_store.open(data_id).images))
    answer = client.get(f"/studio/data/{data_id}/thumbs/{sha}.webp")
    assert answer.status_code == 200
    assert answer.content[8:12] == b"WEBP"
    assert client.get(f"/studio/data/{data_id}/thumbs/{'0' * 64}.webp").status_code == 404


def test_an_effect_of_the_stress_set_is_another_thumbnail_and_no_other_name_is_one(
    client, studio, images
):
    files = images(studio, *(f"set/{c}/{i}.png" for c in "ab" for i in range(3)))
    data_id, _ = studio.data_store.add_upload(files, "train", None)
    sha = next(iter(studio.data_store.open(data_id).images))
    url = f"/studio/data/{data_id}/thumbs/{sha}"
    plain, night = client.get(f"{url}.webp"), client.get(f"{url}-night.webp")
    assert night.status_code == 200
    assert night.content[8:12] == b"WEBP"
    assert night.content != plain.content
    for name in ("-", "-nothing", "-night-night", "-NIGHT"):
        assert client.get(f"{url}{name}.webp").status_code == 404


def test_with_a_password_only_assets_are_open(tmp_path):
    settings = Settings(home=tmp_path / "home", auth="ann:secret")
    app = FastAPI()
    app.include_router(routes(Studio.over(settings, tmp_path)))
    client = TestClient(app, follow_redirects=False)
    run = Ledger(settings).submit(RunConfig(data="/d", method="ft"))
    settings.run_folder(run.id).create(RunConfig(data="/d", method="ft"))
    url = f"/studio/runs/{run.id}/files/config"
    assert client.get(url).status_code == 401
    assert client.get("/studio/assets/studio.css").status_code == 200
    wrong = client.post("/studio/login", data={"name": "ann", "password": "guess"})
    assert wrong.status_code == 403
    assert client.get(url).status_code == 401
    client.post("/studio/login", data={"name": "ann", "password": "secret"})
    assert client.get(url).status_code == 200
    client.post("/studio/logout")
    assert client.get(url).status_code == 401
