import csv
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

import httpx2
import pytest
import pytest_asyncio
from inside.rows import blog
from inside.rows.blog import Article, ArticleFilter, Draft, DraftFilter, Editor, Profile, articles, drafts
from msgspec import Struct, json
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.rows.export import Exports
from service.kit.rows.listing import BaseFilter, Listing
from service.kit.work.problems import Problem
from service.settings import Settings

FIND_USER = Query("select id from users where username = $1", UUID, tuple[str])
NUMBERS = range(30)


@pytest_asyncio.fixture
async def db(settings: Settings) -> AsyncGenerator[Database]:
    async with Database(settings.database) as db:
        async with db.connection() as connection:
            await connection.raw.execute(blog.SCHEMA + blog.ROWS)
        yield db


def list_slugs(chosen: Any) -> list[str]:
    """Return the slugs of the chosen articles, the newest first."""
    return [f"a{number:02}" for number in reversed(NUMBERS) if chosen(number)]


async def test_a_row_has_the_rows_of_joined_tables_and_of_json(db: Database):
    grace = await db.fetch_one(FIND_USER, "grace")
    ada = await db.fetch_one(FIND_USER, "ada")
    article = await db.fetch_one(blog.read_article, grace, "a13")
    assert article.author == Profile("grace", None, following=False)
    assert article.editor is None
    assert (article.tag_list, article.favorited) == (["all"], True)
    assert article.fans == [Editor("grace", None)]
    followed = await db.fetch_one(blog.read_article, ada, "a02")
    assert followed.author == Profile("alan", None, following=True)
    assert (followed.editor, followed.fans) == (Editor("ada", "counts"), [])
    assert not (await db.fetch_one(blog.read_article, None, "a13")).favorited
    assert json.decode(json.encode(followed))["tagList"] == ["all", "even"]


async def test_a_single_column_of_json_is_decoded(db: Database):
    users = "select json_build_object('username', username, 'bio', bio) as user from users where username = $1"
    editors = Query(f"select json_agg(u.user) from ({users}) as u", list[Editor], tuple[str])
    assert await db.fetch(editors, "ada") == [[Editor("ada", "counts")]]


async def test_one_declaration_lists_and_counts_by_each_relation(db: Database):
    ada = await db.fetch_one(FIND_USER, "ada")
    for where, chosen in [
        (ArticleFilter(), lambda _: True),
        (ArticleFilter(tag="even"), lambda number: number % 2 == 0),
        (ArticleFilter(author="grace"), lambda number: number % 3 == 1),
        (ArticleFilter(tag="even", author="grace"), lambda number: number % 6 == 4),
        (ArticleFilter(favorited="grace"), lambda number: number % 10 == 3),
        (ArticleFilter(followed_by=ada), lambda number: number % 3 == 2),
        (ArticleFilter(tag="odd"), lambda _: False),
    ]:
        expected = list_slugs(chosen)
        rows = await articles.fetch_offset(db, where, 0, 100, None)
        assert [row.slug for row in rows] == expected
        later = await articles.fetch_offset(db, where, 2, 3, None)
        assert later == rows[2:5]
        assert await articles.count(db, where, None) == min(len(expected), articles.max_count)
        slugs: list[str] = []
        page = await articles.page(db, where, None, 4, None)
        while page.next is not None:
            slugs += [row.slug for row in page.data]
            page = await articles.page(db, where, page.next, 4, None)
        assert slugs + [row.slug for row in page.data] == expected


async def test_an_offset_beyond_the_declared_one_is_refused(db: Database):
    assert not await articles.fetch_offset(db, ArticleFilter(), 1_000, 5, None)
    for offset in (1_001, -1):
        with pytest.raises(Problem, match="offset") as caught:
            await articles.fetch_offset(db, ArticleFilter(), offset, 5, None)
        assert caught.value.status == 422
    with pytest.raises(Problem, match="offset"):
        await drafts.fetch_offset(db, DraftFilter(), 1, 5)


async def test_a_list_is_sorted_by_any_declared_column_within_its_range(db: Database):
    facts = [(f"a{number:02}", number % 4, number % 5 > 0) for number in NUMBERS]
    for where, expected in [
        (DraftFilter(sort="slug"), sorted(facts)),
        (DraftFilter(sort="likes"), sorted(facts, key=lambda it: (it[1], it[0]))),
        (DraftFilter(sort="-likes"), sorted(facts, key=lambda it: (it[1], it[0]), reverse=True)),
        (DraftFilter(sort="-likes", likes_from=1, likes_before=3), [it for it in facts if 1 <= it[1] < 3]),
        (DraftFilter(sort="likes", likes_from=3), [it for it in facts if it[1] == 3]),
        (DraftFilter(published=True), [it for it in facts[::-1] if it[2]]),
        (DraftFilter(published=False), [it for it in facts[::-1] if not it[2]]),
    ]:
        if where.likes_before:
            expected.sort(key=lambda it: (it[1], it[0]), reverse=True)
        slugs: list[str] = []
        page = await drafts.page(db, where, None, 7)
        while page.next is not None:
            slugs += [row.slug for row in page.data]
            page = await drafts.page(db, where, page.next, 7)
        assert slugs + [row.slug for row in page.data] == [slug for slug, *_ in expected]
        assert await drafts.count(db, where) == len(expected)


async def test_a_range_belongs_to_the_order_by_its_column(db: Database):
    with pytest.raises(Problem, match="likes_from") as caught:
        await drafts.page(db, DraftFilter(likes_from=1), None, 7)
    assert caught.value.status == 422
    detail = "it does not go with sort=-created_at; filter by published, or by nothing"
    assert caught.value.errors[0].detail == detail
    page = await drafts.page(db, DraftFilter(sort="likes"), None, 7)
    for where in (DraftFilter(sort="-likes"), DraftFilter(sort="likes", likes_from=1)):
        with pytest.raises(Problem, match="cursor"):
            await drafts.page(db, where, page.next, 7)


async def test_a_list_with_relations_is_exported(db: Database):
    export = Exports(db).stream(articles, ArticleFilter(author="ada"), None, name="articles", form="csv")
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(export), base_url="http://service.test") as client:
        rows = [*csv.DictReader((await client.get("/")).text.splitlines())]
    assert [row["slug"] for row in rows] == list_slugs(lambda number: number % 3 == 0)
    assert (rows[0]["author.username"], rows[0]["editor.username"], rows[1]["editor.bio"]) == ("ada", "", "counts")
    assert rows[2]["tag_list"] == '["all"]'


class Untold(Struct, frozen=True):
    bio: str | None
    username: str


class ByUntold(Struct, frozen=True):
    editor: Untold | None


class Named(Struct, frozen=True, kw_only=True):
    slug: str


class Comment(Struct, frozen=True):
    id: int
    parent: "Comment | None"


def test_a_row_that_cannot_be_made_is_refused_at_import():
    with pytest.raises(TypeError, match=r"editor may be None, and Untold\.bio cannot tell: let Untold begin with"):
        Query("select {columns} from articles", ByUntold)
    with pytest.raises(TypeError, match=r"Named\.slug is kw_only, and columns fill a struct by position: remove"):
        Query("select {columns} from articles", Named)
    with pytest.raises(TypeError, match=r"parent never ends; give `columns` the SQL of its JSON: \{'parent'"):
        Query("select {columns} from comments", Comment)
    assert Query("select {columns} from comments", Comment, columns={"parent": "null::json"}).make_row(1, None)
    with pytest.raises(TypeError, match="name all parameters, or number all"):
        Query("select {columns} from articles where slug = $1 or likes > $likes", Draft, columns={})


class Wide(BaseFilter, frozen=True):
    tag: str | None = None


def test_a_table_with_its_schema_is_joined():
    listing = Listing(
        "blog.articles",
        Draft,
        Wide,
        joins="join users on true",
        scope={},
        key=("created_at", "slug"),
        filters=(("tag",),),
    )
    sql = listing.queries["newest_by_tag"].sql
    assert "select articles.slug, " in sql
    assert "where articles.tag = $1" in sql


@pytest.mark.parametrize(
    ("row", "changes", "fault"),
    [
        (Draft, {"sorts": {"likes": ((),)}}, "sorts of Wide and of articles differ: likes"),
        (Draft, {"conditions": {"tag": "slug is null"}}, "the condition of tag lacks \\$tag, or tag is to be a bool"),
        (Draft, {"conditions": {"tag": "slug = $tag || $suffix"}}, "is called suffix"),
        (Draft, {"key": ("slug", "slug")}, "a list of Draft cannot be sorted by -slug: that takes a time"),
        (Article, {"key": ("tag_list", "slug")}, "cannot be sorted by -tag_list"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_at_import(row: Any, changes: dict[str, Any], fault: str):
    declare: Any = Listing
    fitting = {"scope": {}, "key": ("created_at", "slug"), "filters": ((), ("tag",))}
    with pytest.raises(TypeError, match=fault):
        declare("articles", row, Wide, **fitting | changes)
