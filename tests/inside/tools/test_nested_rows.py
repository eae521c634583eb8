"""What the contract says of rows with rows in them: each misfit by its field, and each statement of a list planned."""

from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

import asyncpg
import pytest_asyncio
from inside.rows import blog
from msgspec import Struct
from service.kit.db.query import Query, complete_query
from service_tools.sql import contract, samples, scratch
from service_tools.sql.budgets import Budgets


class Strict(Struct, frozen=True):
    username: str
    bio: str


class ByJoin(Struct, frozen=True):
    slug: str
    editor: Strict


class MaybeByJoin(Struct, frozen=True):
    slug: str
    editor: Strict | None


class Line(Struct, frozen=True, rename="camel"):
    tag: str
    article_id: UUID
    note: str | None = None


class ByJson(Struct, frozen=True):
    slug: str
    tags: list[Line]


LEFT_JOIN = "select {a.columns} from articles as a left join users as editor on editor.id = a.editor_id limit 9"
AGGREGATE = "select slug, %s as tags from articles as a where slug = $1"
TAGS = "(select %s from article_tags as t where t.article_id = a.id)"
SAMPLE = "select slug from articles limit 1"


def aggregate(item: str, *, coalesced: bool = True) -> str:
    """Return a statement that makes JSON of an article's tags."""
    tags = TAGS % f"json_agg({item})"
    return AGGREGATE % (f"coalesce({tags}, '[]')" if coalesced else tags)


FITTING = "json_build_object('tag', t.tag, 'articleId', t.article_id)"
UNREAD = {
    "'{\"tag\": 1}'::json": "Expected `str`, got `int`",
    "json_build_object('tag', t.tag, 'id', t.article_id)": "Object missing required field `articleId`",
    FITTING.replace("t.tag", "nullif(t.tag, t.tag)"): "Expected `str`, got `null`",
}
"""JSON that does not fit its struct, and what its sample says of it."""

FAULTS: dict[str, tuple[Query[Any, *tuple[Any, ...]], list[str]]] = {
    "join": (
        Query(LEFT_JOIN, ByJoin),
        ["editor.username can be null: the outer join", "editor.bio can be null: the outer join"],
    ),
    "join_of_null": (Query(LEFT_JOIN, MaybeByJoin), ["editor.bio can be null: users.bio can be null"]),
    "join_told_by_null": (
        Query(LEFT_JOIN, MaybeByJoin, columns={"editor.username": "editor.bio"}),
        ["editor.username can be null: users.bio can be null", "editor.bio can be null: users.bio can be null"],
    ),
    "join_of_another_type": (
        Query(LEFT_JOIN, MaybeByJoin, columns={"editor.username": "editor.id", "editor.bio": "'none'"}),
        ["editor.username is uuid, not str"],
    ),
    "fitting": (Query(aggregate(FITTING), ByJson, tuple[str], sample=SAMPLE), []),
    "no_tags": (
        Query(aggregate(FITTING, coalesced=False), ByJson, tuple[str], sample=SAMPLE),
        ["tags can be null: json_agg may return null"],
    ),
    "no_sample": (Query(aggregate(FITTING), ByJson, tuple[str]), ["nothing shows that tags decodes into the field"]),
    "no_json": (Query("select slug, array['x'] as tags from articles limit 1", ByJson, sample="select"), ["not list"]),
}


@pytest_asyncio.fixture
async def connection(empty_database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    """A connection to a database whose tables PostgreSQL believes to be as large as production's."""
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(blog.SCHEMA)
    await scratch.restore_statistics(connection, Budgets())
    yield connection
    await connection.close()


async def test_each_combination_of_filters_and_order_is_planned_under_its_name(connection: asyncpg.Connection):
    checked = await contract.check_statements(connection, blog.QUERIES.items(), Budgets())
    assert {it.name: [str(finding) for finding in it.findings] for it in checked if it.findings} == {}
    assert {it.name for it in checked} >= {
        "newest_by_tag_and_author",
        "count_by_tag_and_author",
        "newest_by_published",
        "newest_by_not_published",
        "likes_descending",
        "count_likes",
        "count_by_published",
        "slug",
    }
    await connection.execute("drop index articles_author_id_created_at_idx; drop index articles_draft_idx")
    checked = await contract.check_statements(connection, blog.QUERIES.items(), Budgets())
    broken = {it.name: {finding.rule for finding in it.findings} for it in checked if it.findings}
    assert broken["newest_by_author"] == {"filter"}
    assert broken["newest_by_not_published"] == {"filter"}


async def test_each_misfit_of_a_nested_row_is_named(connection: asyncpg.Connection):
    queries = [(name, query) for name, (query, _) in FAULTS.items()]
    for it in await contract.check_statements(connection, queries, Budgets()):
        said = [str(finding) for finding in it.findings if finding.rule in ("columns", "types", "nulls", "prepare")]
        expected = FAULTS[it.name][1]
        assert len(said) == len(expected), (it.name, said)
        for finding in expected:
            assert any(finding in text for text in said), (it.name, said)


async def test_what_a_statement_returns_with_its_sample_decodes(connection: asyncpg.Connection):
    await connection.execute(blog.ROWS)
    for query in blog.QUERIES.values():
        complete_query(query, sample=query.sample.replace("offset 500", "offset 9"))
        assert await samples.check_sample(connection, query) == []
    for item, said in UNREAD.items():
        unread = Query(aggregate(item), ByJson, tuple[str], sample=SAMPLE)
        (finding,) = await samples.check_sample(connection, unread)
        assert f"ValidationError: {said}" in finding.detail
