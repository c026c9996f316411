"""Lists the findings about a data set with their buttons, and the images excluded by hand."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.data.dataset import IngestReport
from core.data.health import Finding, HealthReport
from core.results.records import DomainScore, Evaluation
from core.results.untrained import ZeroShotScores
from studio.data import words
from studio.frame.markup import percent, render
from studio.workspace.background import Answer
from studio.workspace.data_store import Opened

SHOWN = 24
"""Images, or sets of images, that a review shows at most."""
NAMES_SHOWN = 40
"""Class names that a finding shows at most."""


def health_list(
    opened: Opened,
    answer: Answer[HealthReport],
    findings: Sequence[Finding],
    reports: Iterable[IngestReport],
    may_change: bool,
    leaks_allowed: bool,
    gains: Mapping[str, tuple[Answer[ZeroShotScores], Answer[ZeroShotScores]]],
) -> str:
    """Draws the list. `answer` tells if it is complete, `reports` how the folders were read,
    `gains` the zero-shot accuracy under the old and the proposed names of a finding.
    """
    dataset, reports = opened.dataset, list(reports)
    said = {finding.title for finding in findings}
    warned = _unique(line for report in reports for line in report.warnings)
    uploaded = [Finding("upload", "warning", line) for line in warned if line not in said]
    findings = HealthReport.of([*uploaded, *findings]).findings
    shown = (item for domain in dataset.domains for item in domain.items)
    hashes = {item.path: item.sha256 for item in (*shown, *dataset.excluded)}
    levels = [(level, sum(f.level == level for f in findings)) for level in ("error", "warning")]
    return render(
        "data/health.html",
        data_id=opened.data_id,
        findings=[(finding, _review(finding, hashes)) for finding in findings],
        most=SHOWN,
        most_names=NAMES_SHOWN,
        version=opened.version,
        gains={kind: _gain(*both) for kind, both in gains.items()},
        excluded=[(item.path, item.sha256) for item in dataset.excluded],
        may_change=may_change,
        leaks_allowed=leaks_allowed,
        waiting=answer.state == "waiting",
        error=answer.error,
        counts=[(level, n) for level, n in levels if n],
        understood=_unique(line for report in reports for line in report.understood),
        ignored=_unique(pair for report in reports for pair in report.ignored),
    )


def _gain(before: Answer[ZeroShotScores], after: Answer[ZeroShotScores]) -> str:
    """The change of zero-shot accuracy by other names, as far as it is known."""
    if "failed" in (before.state, after.state):
        return before.error or after.error
    if before.state != "ready" or after.state != "ready":
        return words.Data.names_wait
    both = [line_to_beat(answer.value.evaluation) for answer in (before, after)]
    return words.Data.names_gain.format(
        n=both[0].n, before=percent(both[0].accuracy), after=percent(both[1].accuracy)
    )


def line_to_beat(evaluation: Evaluation) -> DomainScore:
    """The score on the images that the runs will be tested on."""
    return evaluation.domains.get("test") or evaluation.domains["train"]


def _review(finding: Finding, hashes: Mapping[str, str]) -> list[list[tuple[str, str]]]:
    """(path, hash) of the images to show in one group; a single group if all are independent."""
    if finding.level == "pass" or finding.kind == "unreadable":
        return []
    sets = finding.groups or [(path,) for path in finding.paths]
    found = [[(path, hashes[path]) for path in paths if path in hashes] for paths in sets]
    return [each for each in found if each]


def _unique(items: Any) -> list[Any]:
    return list(dict.fromkeys(items))
