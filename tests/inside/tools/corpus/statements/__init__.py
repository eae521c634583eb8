"""The cases by area."""

from collections.abc import Mapping, Sequence

from inside.tools.corpus.case import AnyCase
from inside.tools.corpus.statements import (
    bounds,
    comparisons,
    elsewhere,
    facts,
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
    tables,
    types,
    unusual,
)

AREAS: Mapping[str, Sequence[AnyCase]] = {
    "nulls": nulls.CASES,
    "bounds": bounds.CASES,
    "facts": facts.CASES,
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
    "tables": tables.CASES,
}
