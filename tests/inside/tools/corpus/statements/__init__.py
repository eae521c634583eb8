"""The cases by area."""

from collections.abc import Mapping, Sequence

from inside.tools.corpus.case import AnyCase
from inside.tools.corpus.statements import (
    blind,
    bounds,
    comparisons,
    elsewhere,
    facts,
    final,
    fresh,
    holes,
    joins,
    later,
    nulls,
    results,
    samples,
    scope,
    sessions,
    settings,
    sources,
    subqueries,
    tables,
    types,
    unseen,
    unusual,
)

AREAS: Mapping[str, Sequence[AnyCase]] = {
    "nulls": nulls.CASES,
    "bounds": bounds.CASES,
    "facts": facts.CASES,
    "final": final.CASES,
    "fresh": fresh.CASES,
    "blind": blind.CASES,
    "unseen": unseen.CASES,
    "scope": scope.CASES,
    "types": types.CASES,
    "comparisons": comparisons.CASES,
    "joins": joins.CASES,
    "results": results.CASES,
    "elsewhere": elsewhere.CASES,
    "later": later.CASES,
    "holes": holes.CASES,
    "samples": samples.CASES,
    "sessions": sessions.CASES,
    "unusual": unusual.CASES,
    "sources": sources.CASES,
    "settings": settings.CASES,
    "subqueries": subqueries.CASES,
    "tables": tables.CASES,
}
