"""The worst class and the worst group, which a mean accuracy hides. Imports no torch."""

from collections.abc import Mapping

from core.results.records import ClassScore, DomainScore, GroupScore


def worst_class(per_class: Mapping[str, tuple[int, int]]) -> ClassScore | None:
    """The class with the lowest accuracy among classes with images; None without any.

    Of equal classes, the one with the most images: its accuracy is the most certain.
    """
    seen = [(name, right, n) for name, (right, n) in per_class.items() if n]
    if not seen:
        return None
    name, right, n = min(seen, key=lambda one: (one[1] / one[2], -one[2]))
    return ClassScore(name=name, correct=right, n=n, accuracy=right / n)


def worst_group(domains: Mapping[str, DomainScore]) -> GroupScore | None:
    """The group with the lowest accuracy, where a group is one class in one domain.

    Worst-group accuracy as in Sagawa et al. 2020, arXiv 1911.08731. The group is chosen by the same
    numbers that are reported, and its n is small, so the accuracy is pessimistic: read it with n.
    """
    groups = [
        (domain, worst)
        for domain, score in domains.items()
        if (worst := worst_class(score.per_class)) is not None
    ]
    if not groups:
        return None
    domain, worst = min(groups, key=lambda group: (group[1].accuracy, -group[1].n))
    return GroupScore(domain=domain, **worst.model_dump())
