"""What an article and a comment are: as clients send them, and as they are shown them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from service.kit.rows import BaseFilter

Title = Annotated[str, Meta(min_length=1, max_length=200, examples=["How to train your dragon"])]
Text = Annotated[str, Meta(min_length=1, max_length=50_000)]
Tag = Annotated[str, Meta(min_length=1, max_length=50, examples=["dragons"])]
Tags = Annotated[list[Tag], Meta(max_length=20)]
Moment = Annotated[datetime, Meta(tz=True)]


class Draft(Struct, frozen=True, rename="camel"):
    """A new article."""

    title: Title
    description: Text
    body: Text
    tag_list: Tags = []


class ArticleChange(Struct, frozen=True):
    """The fields of an article that change; others stay."""

    title: Title | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    body: Text | UnsetType = UNSET


# against the grain: as in users, each body is within an object of one name
class NewArticle(Struct, frozen=True):
    """A new article, as clients send it."""

    article: Draft


class ChangedArticle(Struct, frozen=True):
    """A change of an article, as clients send it."""

    article: ArticleChange


class Author(Struct, frozen=True):
    """Who wrote something, and whether the reader follows this user."""

    username: str
    bio: str | None
    image: str | None
    following: bool


class Summary(Struct, frozen=True, rename="camel"):
    """An article in a list, without its body."""

    slug: str
    title: str
    description: str
    tag_list: list[str]
    created_at: Moment
    updated_at: Moment
    favorited: bool
    favorites_count: int
    author: Author


class Article(Summary, frozen=True, rename="camel"):
    """An article, whole."""

    body: str


class ArticleReply(Struct, frozen=True):
    """An article, as clients are shown it."""

    article: Article


class Articles(Struct, frozen=True, rename="camel"):
    """A page of articles, and how many there are in all."""

    articles: Sequence[Summary]
    articles_count: int


class Known(Struct, frozen=True):
    """What a change of an article is decided by."""

    id: UUID
    author: UUID


class ArticleFilter(BaseFilter, frozen=True):
    """Which articles are listed."""

    tag: str | None = None
    author: str | None = None
    favorited: str | None = None


# against the grain: what only the feed asks for is no parameter of a query string, so it is a filter more
class Wanted(ArticleFilter, frozen=True):
    """Which articles are listed, those of the feed included."""

    followed_by: UUID | None = None


class CommentDraft(Struct, frozen=True):
    """A new comment."""

    body: Text


class NewComment(Struct, frozen=True):
    """A new comment, as clients send it."""

    comment: CommentDraft


class Comment(Struct, frozen=True, rename="camel"):
    """A comment. It is never changed, so both times are one."""

    id: UUID
    created_at: Moment
    updated_at: Moment
    body: str
    author: Author


class CommentReply(Struct, frozen=True):
    """A comment, as clients are shown it."""

    comment: Comment


class Comments(Struct, frozen=True):
    """The comments on an article."""

    comments: Sequence[Comment]


class TagList(Struct, frozen=True):
    """Tags, the newest first."""

    tags: list[str]
