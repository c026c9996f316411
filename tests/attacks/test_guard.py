"""Requests that reach Gradio: few routes, canonical bodies, no files, no other web site."""

import json
import re
from html.parser import HTMLParser

import httpx
import pytest

from studio.door.guard import INSIDE, JSON_BYTES, OPEN
from tests.attacks.conftest import LOAD, TICK, town

OPEN_TO_STRANGERS = {
    ("GET", "/assets/{}"),
    ("GET", "/static/js/{}"),
    ("GET", "/theme.css"),
    ("GET", "/favicon.ico"),
    ("GET", "/robots.txt"),
    ("GET", "/gradio_api/startup-events"),
    ("GET", "/gradio_api/heartbeat/{}"),
    ("GET", "/studio/assets/{}/{}"),
    ("GET", "/studio/demo/{}"),
    ("GET", "/studio/login"),
    ("POST", "/studio/login"),
    ("POST", "/studio/logout"),
}
OPEN_TO_VISITORS = {
    ("GET", "/"),
    ("GET", "/config"),
    ("GET", "/gradio_api/app_id"),
    ("POST", "/gradio_api/run/predict"),
    ("POST", "/gradio_api/component_server/"),
    ("GET", "/studio/data/{}/thumbs/{}"),
    ("GET", "/studio/runs/{}/files/{}"),
    ("GET", "/studio/exports/{}/{}"),
    ("POST", "/studio/uploads"),
}
CLOSED = (
    "GET /gradio_api/file=/etc/passwd",
    "GET /gradio_api/file=http://127.0.0.1/",
    "GET /gradio_api/file/etc/passwd",
    "GET /gradio_api/proxy=http://127.0.0.1/",
    "POST /gradio_api/upload",
    "GET /gradio_api/upload_progress?upload_id=a",
    "POST /gradio_api/queue/join",
    "GET /gradio_api/queue/data?session_hash=a",
    "GET /gradio_api/queue/status",
    "POST /gradio_api/call/predict",
    "POST /gradio_api/api/predict",
    "POST /gradio_api/run/other",
    "POST /gradio_api/cancel",
    "POST /gradio_api/reset",
    "POST /gradio_api/stream/a",
    "GET /gradio_api/stream/a/b/1/playlist.m3u8",
    "GET /gradio_api/info",
    "GET /gradio_api/openapi.json",
    "GET /gradio_api/user",
    "GET /gradio_api/token",
    "GET /gradio_api/runs",
    "GET /gradio_api/deep_link?session_hash=a",
    "GET /gradio_api/dev/reload",
    "GET /gradio_api/custom_component/1/server/component/index.js",
    "POST /gradio_api/process_recording",
    "POST /gradio_api/vibe-edit",
    "GET /monitoring",
    "GET /monitoring/summary",
    "POST /login",
    "GET /logout",
    "GET /docs",
    "GET /openapi.json",
    "GET /pwa_icon",
    "GET /manifest.json",
)
TRICKS = (
    "/studio/runs/{own}/..%2f{other}/files/record",
    "/studio/runs/{own}%2f..%2f{other}/files/record",
    "/studio/runs//{other}/files/record",
    "/studio/runs/{own}/../{other}/files/record",
    "/studio/runs/%2e%2e/{other}/files/record",
    "/studio/runs/{own}%5c..%5c{other}/files/record",
    "/studio/runs/{other}%00/files/record",
    "/studio/exports/{own}/..%2f{other}%2fmodel.zip",
    "/studio/exports/{own}/link.zip",
    "/gradio_api/file={home}/studio.db",
    "//gradio_api/file={home}/studio.db",
    "/gradio_api%2ffile={home}/studio.db",
    "/studio/../gradio_api/file={home}/studio.db",
    "/gradio_api/heartbeat/..%2ffile={home}",
    "/assets/..%2f..%2froutes.py",
    "/static/js/..%2f..%2findex.html",
    "/theme.css/../gradio_api/info",
)


def shape(pattern):
    plain = pattern.replace(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*/)*", "{}/")
    return plain.replace("[A-Za-z0-9][A-Za-z0-9._-]*", "{}").replace("\\", "")


def raw(client, method, target, **options):
    """A request whose path is sent as it is written."""
    url = httpx.URL(client.base_url, raw_path=target.encode())
    return client.send(client.build_request(method, url, **options))


def test_what_is_open_is_this_list():
    assert {(method, shape(pattern)) for method, pattern in OPEN} == OPEN_TO_STRANGERS
    assert {(method, shape(pattern)) for method, pattern in INSIDE} == OPEN_TO_VISITORS


@pytest.mark.parametrize("request_line", CLOSED)
def test_no_other_route_of_gradio_is_reachable(bob, request_line):
    method, target = request_line.split(" ", 1)
    assert raw(bob.client, method, target, json={} if method == "POST" else None).status_code == 404


def test_the_closed_routes_exist_behind_the_guard(tmp_path, monkeypatch):
    monkeypatch.setattr("studio.app.Guard", lambda app, visitors, settings: app)
    with town(tmp_path, public=False, auth=None) as unguarded:
        client = unguarded.browser("anybody").client
        plain = [c for c in CLOSED if not re.search("stream|reload|queue/data|proxy|progress", c)]
        found = [c for c in plain if raw(client, *c.split(" ", 1)).status_code != 404]
        assert len(found) >= 15, "the control: the guard is what closes them"
        answer = client.get("/", headers={"Origin": "https://evil.example"})
        assert answer.status_code == 200, "the control: another site is let in"
        assert "content-security-policy" not in answer.headers, "the control"


@pytest.mark.parametrize("trick", TRICKS)
def test_no_spelling_of_a_path_leads_elsewhere(here, ann, bob, trick):
    link = here.settings.home / "exports" / bob.run_id / "link.zip"
    if not link.is_symlink():
        link.symlink_to(here.settings.home / "studio.db")
    names = {"own": bob.run_id, "other": ann.run_id, "home": here.settings.home}
    answer = raw(bob.client, "GET", trick.format(**names))
    assert answer.status_code == 404
    assert b"SQLite" not in answer.content
    assert b"ann" not in answer.content


FILE = {"path": "PATH", "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    "value",
    [
        json.dumps(FILE),
        json.dumps(FILE).replace("_type", "\\u005ftype").replace("PATH", "\\u0050ATH"),
        json.dumps({"a": [{"b": FILE}]}),
        json.dumps([{"image": FILE, "caption": None}]),
        '{"meta": {}, ' + json.dumps(FILE)[1:],
    ],
    ids=["plain", "escaped", "nested", "gallery", "doubled-key"],
)
def test_a_file_that_a_body_names_is_refused(here, bob, value):
    secret = str(here.settings.home / "studio.db")
    for body in (
        f'{{"data": [{value}], "fn_index": 1, "session_hash": "a"}}',
        f'{{"data": [null], "event_data": {value}, "fn_index": 5, "session_hash": "a"}}',
    ):
        answer = bob.client.post(
            "/gradio_api/run/predict",
            content=body.replace("PATH", secret).replace("\\u0050ATH", secret),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"data": []}',
        b'{"data": [], "session_hash": null}',
        b'{"data": [], "session_hash": "../a"}',
        b'{"data": [NaN], "session_hash": "a"}',
        b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b', "session_hash": "a"}',
        b"\xff\xfe",
    ],
)
def test_a_body_that_is_no_message_is_refused(bob, body):
    answer = bob.client.post(
        "/gradio_api/run/predict", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400


def test_a_form_cannot_pose_as_a_message(bob):
    body = {"data": [None], "fn_index": bob.numbers[TICK], "session_hash": "a"}
    kinds = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a")
    for kind in kinds:
        answer = bob.client.post(
            "/gradio_api/run/predict", content=json.dumps(body), headers={"Content-Type": kind}
        )
        assert answer.status_code == 415


def test_a_message_above_the_limit_is_refused_whether_it_says_its_size_or_not(bob):
    body = json.dumps({"data": ["x" * JSON_BYTES], "session_hash": "a"}).encode()
    headers = {"Content-Type": "application/json"}
    told = bob.client.post("/gradio_api/run/predict", content=body, headers=headers)
    untold = bob.client.post("/gradio_api/run/predict", content=iter([body]), headers=headers)
    assert told.status_code == untold.status_code == 413
    assert "5 MB" in told.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "SELF"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "SELF.evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
    ],
)
def test_another_web_site_cannot_act(here, bob, headers, status):
    sent = {name: value.replace("SELF", here.url) for name, value in headers.items()}
    body = {"data": [], "fn_index": bob.numbers[LOAD], "session_hash": bob.session}
    answer = bob.client.post("/gradio_api/run/predict", json=body, headers=sent)
    assert answer.status_code == status
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_preflight_allows_nothing(bob):
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = bob.client.options("/gradio_api/run/predict", headers=asked)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_private_studio_answers_to_its_own_name_only(tmp_path):
    with town(tmp_path, public=False, auth=None) as private:
        client = private.browser("owner").client
        assert client.get("/").status_code == 200
        assert "set-cookie" not in client.get("/").headers, "nobody needs a cookie here"
        for host in ("evil.example", "127.0.0.1.evil.example", "10.0.0.1:7860"):
            assert client.get("/", headers={"Host": host}).status_code == 403


def test_every_answer_carries_the_headers(here, ann, bob):
    pages = ["/", "/config", "/studio/login", "/nowhere", "/theme.css", "/studio/assets/studio.css"]
    pages += [f"/studio/runs/{ann.run_id}/files/record", "/gradio_api/file=/etc/passwd"]
    answers = [bob.client.get(page) for page in pages]
    answers += [here.browser("stranger").client.get("/config"), bob.fire(TICK)]
    answers.append(bob.client.get("/", headers={"Origin": "https://evil.example"}))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "object-src 'none'" in policy
        assert "script-src 'self' 'nonce-" in policy
        assert "unsafe-inline" not in re.search(r"script-src [^;]*", policy)[0]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "camera=(self)" in answer.headers["permissions-policy"]


def test_the_scripts_of_the_page_carry_a_nonce_that_is_new_each_time(bob):
    class Nonces(HTMLParser):
        def __init__(self):
            super().__init__()
            self.found = []

        def handle_starttag(self, tag, attributes):
            if tag == "script":
                self.found.append(dict(attributes).get("nonce"))

    seen = []
    for _ in range(2):
        answer = bob.client.get("/")
        parser = Nonces()
        parser.feed(answer.text)
        (nonce,) = set(parser.found)
        assert f"'nonce-{nonce}'" in answer.headers["content-security-policy"]
        seen.append(nonce)
    assert seen[0] != seen[1]


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(here):
    given = here.browser("new").client.get("/").headers["set-cookie"]
    assert "HttpOnly" in given
    assert "SameSite=Lax" in given
    assert "Secure" not in given
    secure = here.browser("new").client.get("/", headers={"X-Forwarded-Proto": "https"})
    assert secure.headers["set-cookie"].startswith("__Host-")
    assert "; Secure" in secure.headers["set-cookie"]
    assert len(re.search(r"=([A-Za-z0-9_-]+);", given)[1]) == 43, "32 random bytes"
