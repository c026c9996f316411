"""Two visitors: nothing of one is read, listed, changed or even known to exist by the other."""

import json
import re
import time
import types

import pytest

from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.ledger.workspaces import Workspaces, digest, workspace_id
from studio.door.routes import routes
from studio.people.visitors import OWNER as EVERYTHING
from studio.people.visitors import Visitors, new_token
from studio.workspace.studio import Studio
from tests.attacks.conftest import DATA, HEADER, LIVE, LOAD, QUEUE, TICK, token, town

NAMING_NOTHING = {"demo", "new-data", "retry-device"}
"""Actions without an id, after which a page waits for answers that come when they come."""
MISSING = {"run": "ft-20200101-0000-zzzz", "data": "nobody-holiday-ffffff", "sha": "0" * 64}


def probes(here, victim, thief):
    """Every event of the page with every action, pointed at what is another's, and the same
    pointed at nothing: (what was tried, answer, answer).
    """
    targets = (
        {"run": victim.run_id, "data": victim.data_id, "sha": victim.sha256, "page": "foreign"},
        {**MISSING, "page": "missing"},
    )
    wait_for_answers(thief)
    events = [d["id"] for d in thief.client.get("/config").json()["dependencies"]]
    for event in events:
        for action in sorted(actions(here.demo.fns[event].fn) - NAMING_NOTHING) or [""]:
            yield f"event {event} {action}", *(_fire(thief, event, action, t) for t in targets)
    for path in studio_paths(here):
        answers = (thief.client.get(path.format(**_named(t))) for t in targets)
        yield path, *answers
    for name, questions in (
        ("measure", [(t["run"], 0.5) for t in targets]),
        ("predict", [(t["run"], victim.upload) for t in targets]),
        ("predict", [(thief.run_id, file_id) for file_id in (victim.upload, "f" * 32 + ".png")]),
    ):
        yield name, *(thief.serve(name, *question) for question in questions)


def wait_for_answers(person):
    """Wait until no page ticks: an answer that comes between two probes would make them differ."""
    until = time.monotonic() + 60
    while person.fire(LOAD).json()["data"][1]["active"]:
        assert time.monotonic() < until
        time.sleep(0.1)


def actions(handler):
    """The names in the tables of actions that a handler closes over."""
    found = set()
    for cell in getattr(handler, "__closure__", None) or ():
        inside = cell.cell_contents
        if isinstance(inside, dict) and inside and all(map(callable, inside.values())):
            found |= set(inside)
        elif isinstance(inside, types.FunctionType):
            found |= actions(inside)
    return found


def studio_paths(here):
    """The studio's own routes that name something, taken from the running app."""
    studio = Studio.over(here.settings, here.settings.home / "tmp" / "uploads")
    found = [route.path for route in routes(studio).routes]
    return [path for path in found if re.search(r"\{(run|data)_id\}", path)]


def _named(target):
    return {"run_id": target["run"], "data_id": target["data"], "sha256": target["sha"]} | {
        "role": "events",
        "name": "model.zip",
    }


def _fire(thief, event, action, target):
    thief.session = target["page"]
    query = f"?run={target['run']}&data={target['data']}&compare={target['run']}&tab=live"
    form = {"model": "embedded", "templates": "dataset", "by": "prefix", "name": "x"}
    form |= {"train/a/1.png": True, ":to": "a", target["run"]: True}
    detail = {"do": action, "id": target["data" if "data" in action else "run"], "form": form}
    detail |= {"tab": "lab", "role": "ood", "files": [{"rel": "a/b/1.png", "id": "f" * 32}]}
    detail |= {"image": "train/a/1.png", "kind": "leak", "folder": "a", "on": "true"}
    return thief.fire(event, detail, query)


def alike(answer):
    """An answer without what differs anyhow: the id that was asked for, times and durations."""
    text = answer.text.replace('\\"', '"')  # what widgets draw from is text in a text
    text = re.sub(r'"(stamp|duration|average_duration|key)": ?"?[^,}]*', "", text)
    text = re.sub(r"[a-z]+-\d{8}-\d{4}-\w{6}|\w+-holiday-\w{6}|[0-9a-f]{64}", "ID", text)
    return answer.status_code, text


def leaks(here, victim, thief):
    """The findings of an attacker by each probe, as sentences; the aim is none."""
    secrets = (f"{victim.name}-", token(victim), str(here.settings.home), "Traceback", 'File "')
    for tried, foreign, missing in probes(here, victim, thief):
        text = foreign.text.replace(victim.run_id, "").replace(victim.data_id, "")
        found = [word for word in secrets if word in text]
        if alike(foreign) != alike(missing):
            found.append(f"{foreign.status_code} is not {missing.status_code}")
        yield tried, found


def everything_of(here, person):
    """All that must not change."""
    home = here.settings.home
    folders = [home / "runs" / person.run_id, home / "datasets" / person.data_id]
    folders.append(home / "drafts" / workspace_id(token(person)))
    files = {p: p.stat().st_mtime_ns for f in folders for p in sorted(f.rglob("*"))}
    job = Ledger(here.settings).get(person.run_id)
    return files, job, Workspaces(here.settings).links(person.run_id)


def test_every_event_and_route_keeps_two_visitors_apart(here, ann, bob, figure):
    before = everything_of(here, ann)
    tried = list(leaks(here, ann, bob))
    assert [(name, found) for name, found in tried if found] == []
    assert everything_of(here, ann) == before
    assert 2 * len(tried) >= 60, "answers that were compared"
    events = {name.split()[1] for name, _ in tried if name.startswith("event")}
    assert len(events) == len(bob.client.get("/config").json()["dependencies"])
    known = {name.split()[2] for name, _ in tried if name.startswith("event") and name[-1] != " "}
    assert known >= {"upload", "queue", "export", "duplicate", "share", "unshare"}
    assert known >= {"cancel", "pause", "resume", "stop", "retry", "advance"}
    assert known >= {"choose-runs", "again", "retry-compare", "combine"}
    assert known >= {"exclude", "move-chosen", "rename", "allow-leaks", "delete-data"}
    figure(f"{2 * len(tried)} answers compared: 0 leaks")


def test_without_require_the_matrix_finds_leaks(here, ann, bob, monkeypatch):
    monkeypatch.setattr(Visitors, "require", lambda self, request: EVERYTHING)
    assert any(found for _, found in leaks(here, ann, bob)), "the control: nobody asks who comes"


def test_a_queued_run_of_another_is_not_cancelled(here, ann, bob):
    config = Ledger(here.settings).get(ann.run_id).config
    run = Ledger(here.settings).submit(RunConfig.parse(config, "run"), workspace_id(token(ann)))
    for event in (HEADER, QUEUE, LIVE):
        bob.fire(event, {"do": "cancel", "id": run.id})
    assert Ledger(here.settings).get(run.id).state == "queued"
    ann.fire(LIVE, {"do": "cancel", "id": run.id})
    assert Ledger(here.settings).get(run.id).state == "cancelled", "the control"


def test_each_sees_their_own_and_the_owner_sees_all(here, ann, bob):
    own, other, all_of_it = (
        json.dumps(who.fire(LOAD).json()["data"]) for who in (ann, bob, here.owner())
    )
    assert ann.run_id in own
    assert bob.run_id not in own
    assert bob.run_id in other
    assert ann.run_id not in other
    assert {ann.run_id, bob.run_id} <= set(re.findall(r"ft-\d{8}-\d{4}-\w{6}", all_of_it))


def test_own_files_are_found_and_hold_no_path_of_the_server(here, ann):
    for path in (f"/studio/runs/{ann.run_id}/files/{role}" for role in ("config", "events")):
        answer = ann.client.get(path)
        assert answer.status_code == 200
        assert ann.data_id in answer.text or "secret" in answer.text
        assert str(here.settings.home) not in answer.text
    events = here.owner().client.get(f"/studio/runs/{ann.run_id}/files/events").text
    assert str(here.settings.home) in events, "the control: the owner reads it as it is"


def test_what_a_page_says_to_its_visitor_holds_no_path(here, ann):
    text = ann.fire(LOAD, query=f"?run={ann.run_id}&tab=live").text
    assert "ann-secret" in text, "the control: the warning is shown"
    assert str(here.settings.home) not in text
    text = ann.fire(LOAD, query=f"?data={ann.data_id}&tab=train").text
    assert f"evenkeel train {ann.data_id}" in text
    assert str(here.settings.home) not in text


def test_the_session_of_another_is_another(here, ann, bob):
    ann.fire(LOAD, query=f"?run={ann.run_id}&tab=live")
    text = bob.fire(TICK, session_hash=ann.session).text
    assert ann.run_id not in text
    assert ann.run_id not in bob.fire(DATA, {"do": "nothing"}, session_hash=ann.session).text
    assert ann.run_id in ann.fire(LOAD).text, "the control"


def test_without_the_guard_a_session_still_belongs_to_its_visitor(tmp_path, monkeypatch):
    monkeypatch.setattr("studio.app.Guard", lambda app, visitors, settings: app)
    with town(tmp_path) as open_town:
        ann, bob = unguarded(open_town, "ann"), unguarded(open_town, "bob")
        ann.fire(LOAD)
        bob.fire(LOAD, session_hash=ann.session)
        assert ann.fire(TICK).status_code == 200
        upload = ann.client.post("/gradio_api/upload", files={"files": ("a.txt", b"of ann")})
        stolen = bob.client.get(f"/gradio_api/file={upload.json()[0]}")
        assert stolen.content == b"of ann", "the control: this is what the guard is for"


def unguarded(open_town, name):
    """A visitor whom nobody gave a cookie."""
    person = open_town.browser(name)
    cookie = f"ek-visitor-{digest(str(open_town.settings.home))[:8]}"
    person.client.cookies.set(cookie, new_token())
    return person


@pytest.mark.parametrize("named", ["/etc/passwd", "ViT-B-32/etc/passwd", "hf-hub:evil/model"])
def test_a_visitor_names_no_model_outside_the_list(here, ann, named):
    form = {"model": named, "templates": "dataset"}
    query = f"?data={ann.data_id}"
    ann.fire(LOAD, query=query)
    answer = ann.fire(DATA, {"do": "measure-with", "form": form})
    assert "choose from its list" in answer.text
    drafts = here.settings.home / "drafts"
    assert not any(named in path.read_text() for path in drafts.rglob("*.json"))
