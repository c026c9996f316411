"""Each limit refuses with its number, and the studio stays as it was."""

import httpx
import pytest

from jobs.ledger.workspaces import DataSize, Workspaces, workspace_id
from tests.attacks.conftest import DATA, LOAD, TICK, picture, token, town


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    given = {"actions_per_minute": 5, "workspace_images": 6, "upload_mib": 1}
    with town(tmp_path_factory.mktemp("small"), **given) as running:
        yield running


def drop(person, *rels):
    ids = person.send(*((rel, picture(i)) for i, rel in enumerate(rels))).json()
    files = [{"rel": rel, "id": file_id} for rel, file_id in zip(rels, ids, strict=True)]
    return person.fire(DATA, {"do": "upload", "role": "train", "files": files}).text


def test_images_above_the_quota_are_refused_with_the_number(small):
    person = small.visitor("collector")
    said = drop(person, *(f"set/{c}/{i}.png" for c in "ab" for i in range(4)))
    assert "may keep 6 images" in said
    assert Workspaces(small.settings).kept(workspace_id(token(person))) == DataSize()
    assert "may keep" not in drop(person, *(f"set/{c}/{i}.png" for c in "ab" for i in range(3)))
    assert Workspaces(small.settings).kept(workspace_id(token(person))).images >= 6


def test_an_upload_above_the_limit_is_refused_whether_it_says_its_size_or_not(small):
    person = small.visitor("heavy")
    told = person.send(("a.png", b"x" * 1_200_000))
    assert told.status_code == 413
    assert "1 MiB" in told.text
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
    parts = iter([head, b"x" * 1_200_000, b"\r\n--b--\r\n"])
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    try:
        status = person.client.post("/studio/uploads", content=parts, headers=kind).status_code
    except httpx.HTTPError:
        status = 0  # it hung up
    assert status not in (200, 201)
    assert not [p for p in (small.settings.home / "tmp" / "uploads").rglob("*") if _big(p)]


def _big(path):
    return path.is_file() and path.stat().st_size > 1 << 20


def test_acting_too_often_is_refused_and_looking_is_not(small):
    person = small.visitor("hasty")
    said = [person.fire(DATA, {"do": "retry-zero"}).text for _ in range(6)]
    assert "5 times a minute" not in said[4]
    assert "5 times a minute" in said[5]
    assert person.fire(TICK).status_code == 200, "ticks are not counted"
    other = small.visitor("patient")
    assert "5 times" not in other.fire(DATA, {"do": "retry-zero"}).text


def test_a_flood_of_calls_is_cut_off(small):
    person = small.visitor("flood")
    codes = [person.client.post("/gradio_api/run/predict").status_code for _ in range(60)]
    assert set(codes) == {415, 429}
    assert small.owner().fire(TICK).status_code == 200


def test_a_full_disk_is_said(tmp_path):
    with town(tmp_path, upload_reserve_mib=1 << 40) as full:
        answer = full.visitor("late").send(("a.png", picture(1)))
        assert answer.status_code == 413
        assert "disk" in answer.text


def test_what_visitors_keep_is_theirs_under_names_that_tell_nothing(here, ann, bob):
    assert ann.data_id.startswith("ann-holiday-")
    again = here.visitor("cat")
    drop(again, "ann-holiday/a/1.png", "ann-holiday/b/1.png")
    text = again.fire(LOAD).text
    assert ann.data_id not in text
    assert "ann-holiday-" in text
