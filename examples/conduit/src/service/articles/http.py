"""Requests about articles: parse, call, respond."""

from functools import partial
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, structs

from service.articles import queries
from service.articles.model import (
    ArticleFilter,
    ArticleReply,
    Articles,
    ChangedArticle,
    CommentReply,
    Comments,
    Known,
    NewArticle,
    NewComment,
    TagList,
    Wanted,
)
from service.articles.slug import make_slug, make_unique
from service.kit.db import Connection, Database
from service.kit.rows import DEFAULT_LIMIT, Limit
from service.kit.web import NEEDS_TOKEN, OPTIONAL_TOKEN, PUBLIC, Problem, Routes, invalid, not_found
from service.viewer import Member, Viewer

CONSTRAINTS = {
    "articles_slug_key": partial(invalid, "title", "has already been taken"),
    "articles_author_fkey": partial(not_found, "Your user"),
    "article_tags_article_fkey": partial(not_found, "The article"),
    "favorites_article_fkey": partial(not_found, "The article"),
    "favorites_reader_fkey": partial(not_found, "Your user"),
    "comments_article_fkey": partial(not_found, "The article"),
    "comments_author_fkey": partial(not_found, "Your user"),
}

Offset = Annotated[int, Meta(ge=0, description="Articles to skip.")]

routes = Routes("/api", tags=["articles"])


@routes.get("/articles", summary="List articles", access=OPTIONAL_TOKEN)
async def list_articles(
    db: Database, viewer: Viewer, where: ArticleFilter, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
) -> Articles:
    """Return articles without their bodies, the newest first."""
    return await fetch_articles(db, viewer, Wanted(**structs.asdict(where)), limit, offset)


@routes.get("/articles/feed", summary="Read your feed", access=NEEDS_TOKEN)
async def read_feed(
    db: Database, viewer: Viewer, member: Member, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
) -> Articles:
    """Return articles of the users whom one follows, the newest first."""
    return await fetch_articles(db, viewer, Wanted(followed_by=member.id), limit, offset)


async def fetch_articles(db: Database, viewer: Viewer, where: Wanted, limit: int, offset: int) -> Articles:
    """Return a page of articles, and how many there are in all."""
    articles = await queries.articles.fetch_offset(db, where, offset, limit, viewer.id)
    count = await queries.articles.count(db, where, viewer.id)
    return Articles(articles, count)


@routes.post("/articles", summary="Write an article", access=NEEDS_TOKEN)
async def create_article(db: Database, viewer: Viewer, member: Member, data: NewArticle) -> ArticleReply:
    """Publish an article of the user, under a slug that follows its title."""
    draft = data.article
    slug = make_slug(draft.title)
    async with db.transaction() as connection:
        values = (draft.title, draft.description, draft.body)
        article = await connection.find(queries.create_article, member.id, slug, *values)
        if article is None:
            slug = make_unique(slug)
            article = await connection.fetch_one(queries.create_article, member.id, slug, *values)
        await connection.fetch(queries.add_tags, article, draft.tag_list)
        return await show_article(connection, viewer, slug)


@routes.get("/articles/{slug}", summary="Read an article", access=OPTIONAL_TOKEN)
async def read_article(db: Database, viewer: Viewer, slug: str) -> ArticleReply:
    """Return one article."""
    return await show_article(db, viewer, slug)


@routes.put("/articles/{slug}", summary="Change an article", access=NEEDS_TOKEN)
async def change_article(db: Database, viewer: Viewer, member: Member, slug: str, data: ChangedArticle) -> ArticleReply:
    """Change the given fields of one's own article. A new title gives it a new slug."""
    known = await find_article(db, slug)
    check_author(known, member)
    article = (await show_article(db, viewer, slug)).article
    given = {name: value for name, value in structs.asdict(data.article).items() if value is not UNSET}
    wanted = structs.replace(article, **given)
    if make_slug(wanted.title) != make_slug(article.title):
        slug = make_slug(wanted.title)
        if await db.find(queries.find_article, slug):
            slug = make_unique(slug)
    await db.find(queries.change_article, known.id, slug, wanted.title, wanted.description, wanted.body)
    return await show_article(db, viewer, slug)


@routes.delete("/articles/{slug}", summary="Delete an article", access=NEEDS_TOKEN)
async def delete_article(db: Database, member: Member, slug: str) -> None:
    """Delete one's own article, with its comments."""
    known = await find_article(db, slug)
    check_author(known, member)
    await db.find(queries.delete_article, known.id)


@routes.post("/articles/{slug}/favorite", summary="Favourite an article", access=NEEDS_TOKEN, status=200)
async def favorite(db: Database, viewer: Viewer, member: Member, slug: str) -> ArticleReply:
    """Add an article to one's favourites. Twice is as good as once."""
    await db.find(queries.favorite, slug, member.id)
    return await show_article(db, viewer, slug)


@routes.delete("/articles/{slug}/favorite", summary="Unfavourite an article", access=NEEDS_TOKEN, status=200)
async def unfavorite(db: Database, viewer: Viewer, member: Member, slug: str) -> ArticleReply:
    """Take an article out of one's favourites."""
    await db.find(queries.unfavorite, slug, member.id)
    return await show_article(db, viewer, slug)


@routes.post("/articles/{slug}/comments", summary="Comment on an article", access=NEEDS_TOKEN, status=200)
async def create_comment(db: Database, viewer: Viewer, member: Member, slug: str, data: NewComment) -> CommentReply:
    """Store a comment of the user."""
    article = await find_article(db, slug)
    comment = await db.fetch_one(queries.create_comment, article.id, member.id, data.comment.body)
    return CommentReply(await db.fetch_one(queries.read_comment, viewer.id, article.id, comment))


@routes.get("/articles/{slug}/comments", summary="List the comments on an article", access=OPTIONAL_TOKEN)
async def list_comments(db: Database, viewer: Viewer, slug: str) -> Comments:
    """Return the latest 1,000 comments, the newest first."""
    article = await find_article(db, slug)
    return Comments(await db.fetch(queries.list_comments, viewer.id, article.id))


@routes.delete("/articles/{slug}/comments/{comment_id:uuid}", summary="Delete a comment", access=NEEDS_TOKEN)
async def delete_comment(db: Database, member: Member, slug: str, comment_id: UUID) -> None:
    """Delete one's own comment."""
    article = await find_article(db, slug)
    comment = await db.find(queries.find_comment, article.id, comment_id)
    if comment is None:
        raise not_found(f"The comment {comment_id}")
    check_author(comment, member)
    await db.find(queries.delete_comment, article.id, comment_id)


@routes.get("/tags", summary="List tags", access=PUBLIC)
async def list_tags(db: Database) -> TagList:
    """Return the 1,000 newest tags."""
    return TagList(await db.fetch(queries.list_tags))


async def find_article(db: Database, slug: str) -> Known:
    article = await db.find(queries.find_article, slug)
    if article is None:
        raise not_found(f"The article {slug}")
    return article


async def show_article(db: Database | Connection, viewer: Viewer, slug: str) -> ArticleReply:
    """Return an article as a user sees it. Raises a 404 problem."""
    article = await db.find(queries.read_article, viewer.id, slug)
    if article is None:
        raise not_found(f"The article {slug}")
    return ArticleReply(article)


def check_author(known: Known, member: Member) -> None:
    """Raise a 403 problem unless it is the member's own."""
    if known.author != member.id:
        raise Problem(403, "forbidden", "It belongs to another user.")
