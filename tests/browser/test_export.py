"""The export place: built, verified, and opened elsewhere."""

import pytest

from tests.browser.pages import see

TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"


@pytest.mark.slow
def test_artefacts_are_built_on_a_phone_and_the_report_opens_without_a_server(
    open_page, finished, chromium, tmp_path
):
    page = open_page(f"?data=demo&run={finished}&tab=export", width=390)
    see(page, "[data-key=report] button")
    assert "vision transformers only" in page.inner_text("[data-key=huggingface]")
    page.get_by_role("button", name="Build it: ONNX", exact=True).click()
    page.get_by_role("button", name="Build it: Report").click()
    see(page, "[data-key=report] a[download]", timeout=60_000)
    see(page, "[data-key=onnx] .ek-verified", timeout=120_000)
    assert "allowed" in page.inner_text("[data-key=onnx] .ek-verified")
    page.click("[data-key=onnx] summary")
    assert "onnxruntime.InferenceSession" in page.inner_text("#ek-snippet-onnx")
    assert page.evaluate(TOO_WIDE) <= 0
    with page.expect_download() as download:
        page.click("[data-key=report] a[download]")
    saved = tmp_path / "report.html"
    download.value.save_as(saved)

    for scheme, width in (("light", 390), ("dark", 1200)):
        reader = chromium.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
        asked, complaints = [], []
        reader.on("request", lambda request, asked=asked: asked.append(request.url))
        reader.on("console", lambda line, complaints=complaints: complaints.append(line.text))
        reader.goto(saved.as_uri())
        assert asked == [saved.as_uri()]
        assert complaints == []
        assert reader.locator("svg").count() == 3
        assert reader.evaluate(TOO_WIDE) <= 0
        reader.close()
