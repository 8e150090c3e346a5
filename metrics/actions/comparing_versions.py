"""Each version beside the one before it and beside the baseline, from the estimates of their whole lives."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from feedback.models import ModelVersion
from metrics.actions.estimating import Made, Source, Window
from metrics.actions.gathering import Evidence
from metrics.reports import Comparison
from metrics.stats.comparing import (
    Difference,
    Pairs,
    Share,
    observed_difference,
    paired_difference,
    reviewed_difference,
)
from metrics.words import comparison_sentence


def compare_versions(evidence: Evidence, made: Iterable[Made]) -> None:
    """Write on the head of each version's whole life how it compares with the version before and the baseline."""
    lives = {
        (each.head.version_id, Source(each.head.source)): each
        for each in made
        if each.head.window == Window.VERSION and not each.head.segment
    }
    for at, version in enumerate(evidence.versions):
        for source in Source:
            life = lives.get((version.pk, source))
            if life is None:
                continue
            before = evidence.versions[at - 1] if at else None
            life.head.comparisons = [
                asdict(_told(evidence, source, version, other, found, is_previous=other == before))
                for other in _others(evidence.versions, at)
                for found in _differences(
                    evidence, source, (version, life), (other, lives.get((other.pk, source)))
                )
            ]


def _others(versions: list[ModelVersion], at: int) -> list[ModelVersion]:
    """The version before, and the baseline where that is another one."""
    before = versions[at - 1 : at] if at else []
    return [*before, *(each for each in versions if each.is_baseline and each not in (*before, versions[at]))]


def _differences(
    evidence: Evidence, source: Source, new: tuple[ModelVersion, Made], old: tuple[ModelVersion, Made | None]
) -> Iterator[Difference | str]:
    """What is known of the difference: on the same cases, and of all of each; or why nothing is known."""
    pairs = _pairs(evidence, new[0], old[0]) if source == Source.OBSERVED else Pairs()
    if pairs.n:
        yield paired_difference(pairs, n_star=evidence.n_star)
    shares = []
    for version, life in (new, old):
        if life is None or life.accuracy.value is None:
            why = life.accuracy.reason if life else "it has answered nothing"
            yield f"nothing is known of version {version.name}: {why}"
            return
        shares.append(Share(life.accuracy.value, life.accuracy.n, life.head.accuracy_variance))
    compare = reviewed_difference if source == Source.REVIEWED else observed_difference
    yield compare(*shares, n_star=evidence.n_star)


def _pairs(evidence: Evidence, new: ModelVersion, old: ModelVersion) -> Pairs:
    """Of both orders: a version that is said to be deployed at another time keeps its pairs."""
    turned = evidence.pairs.get((old.pk, new.pk), Pairs())
    return evidence.pairs.get((new.pk, old.pk), Pairs()).plus(
        Pairs(turned.both, turned.only_old, turned.only_new, turned.neither)
    )


def _told(
    evidence: Evidence,
    source: Source,
    version: ModelVersion,
    other: ModelVersion,
    found: Difference | str,
    *,
    is_previous: bool,
) -> Comparison:
    names: dict[str, Any] = {
        "version": version.name,
        "against": other.name,
        "against_is_baseline": other.is_baseline,
        "against_is_previous": is_previous,
    }
    sentence = comparison_sentence(version.name, other.name, found, source=source)
    if isinstance(found, str):
        method = "unpaired" if source == Source.REVIEWED else "newcombe"
        nothing: dict[str, Any] = dict.fromkeys(("value", "low", "high", "anytime_low", "anytime_high", "n_to_go"))
        return Comparison(
            **names, **nothing, method=method, n=0, n_against=0, state="no_data", reason=found, sentence=sentence
        )
    return Comparison(
        **names,
        method=found.method,
        value=found.value,
        low=found.low,
        high=found.high,
        anytime_low=found.anytime_low,
        anytime_high=found.anytime_high,
        n=found.n_new,
        n_against=found.n_old,
        n_to_go=found.n_to_go,
        state="measured" if found.is_sure else "collecting",
        reason="" if found.is_sure else "what luck alone could do is not excluded yet",
        sentence=sentence,
    )
