"""A test bed of relations: articles with authors and tags, favourites and follows, as one declaration lists them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct
from service.kit.db.query import Query
from service.kit.rows.listing import BaseFilter, Listing

Moment = Annotated[datetime, Meta(tz=True)]

SCHEMA = """
create table users (
    id uuid constraint users_pkey primary key default uuidv7(), username text not null, bio text,
    constraint users_username_key unique (username)
);
create table articles (
    id uuid constraint articles_pkey primary key default uuidv7(), slug text not null, title text not null,
    author_id uuid not null constraint articles_author_id_fkey references users,
    editor_id uuid constraint articles_editor_id_fkey references users,
    likes int not null default 0, published_at timestamptz, created_at timestamptz not null default now(),
    constraint articles_slug_key unique (slug)
);
create index articles_created_at_idx on articles (created_at, slug);
create index articles_author_id_created_at_idx on articles (author_id, created_at, slug);
create index articles_draft_idx on articles (created_at, slug) where published_at is null;
create index articles_published_idx on articles (created_at, slug) where published_at is not null;
create index articles_likes_idx on articles (likes, slug);
create index articles_editor_id_idx on articles (editor_id);
create table article_tags (
    article_id uuid not null constraint article_tags_article_id_fkey references articles, tag text not null,
    constraint article_tags_pkey primary key (article_id, tag)
);
create index article_tags_tag_idx on article_tags (tag, article_id);
create table favourites (
    article_id uuid not null constraint favourites_article_id_fkey references articles,
    user_id uuid not null constraint favourites_user_id_fkey references users,
    constraint favourites_pkey primary key (article_id, user_id)
);
create index favourites_user_id_idx on favourites (user_id, article_id);
create table follows (
    follower_id uuid not null constraint follows_follower_id_fkey references users,
    followed_id uuid not null constraint follows_followed_id_fkey references users,
    constraint follows_pkey primary key (follower_id, followed_id)
);
create index follows_followed_id_idx on follows (followed_id);
"""

ROWS = """
insert into users (username, bio) values ('ada', 'counts'), ('grace', null), ('alan', null);
insert into articles (slug, title, author_id, editor_id, likes, published_at, created_at)
select 'a' || lpad(n::text, 2, '0'), 'Article ' || n, author.id, editor.id, n % 4,
       case when n % 5 > 0 then now() end, timestamptz '2026-01-01 00:00Z' + n / 2 * interval '1 hour'
  from generate_series(0, 29) as n
  join users as author on author.username = case n % 3 when 0 then 'ada' when 1 then 'grace' else 'alan' end
  left join users as editor on editor.username = 'ada' and n % 2 = 0;
insert into article_tags
select id, tag from articles, unnest(array['even', 'all']) as tag
 where tag = 'all' or right(slug, 1) in ('0', '2', '4', '6', '8');
insert into favourites
select articles.id, users.id from articles, users where username = 'grace' and right(slug, 1) = '3';
insert into follows select a.id, b.id from users as a, users as b where a.username = 'ada' and b.username = 'alan';
"""


class Profile(Struct, frozen=True):
    username: str
    bio: str | None
    following: bool


class Editor(Struct, frozen=True):
    username: str
    bio: str | None


class Article(Struct, frozen=True, rename="camel"):
    """Field by field: columns, computed ones, a joined row, one that may be missing, and a list of JSON."""

    slug: str
    title: str
    likes: int
    created_at: Moment
    tag_list: list[str]
    favorited: bool
    author: Profile
    editor: Editor | None
    fans: list[Editor]


class ArticleFilter(BaseFilter, frozen=True):
    tag: str | None = None
    author: str | None = None
    favorited: str | None = None
    followed_by: UUID | None = None


COLUMNS = {
    "tag_list": "array(select t.tag from article_tags as t where t.article_id = a.id order by t.tag)",
    "favorited": "exists (select from favourites as f where f.article_id = a.id and f.user_id = $viewer)",
    "author.following": (
        "exists (select from follows as f where f.followed_id = a.author_id and f.follower_id = $viewer)"
    ),
    "fans": """coalesce((
        select json_agg(json_build_object('username', u.username, 'bio', u.bio))
          from favourites as f join users as u on u.id = f.user_id where f.article_id = a.id
    ), '[]')""",
}

articles = Listing(
    "articles as a",
    Article,
    ArticleFilter,
    joins="""
      join users as author on author.id = a.author_id
      left join users as editor on editor.id = a.editor_id
    """,
    scope={},
    key=("created_at", "slug"),
    filters=((), ("tag",), ("author",), ("favorited",), ("tag", "author"), ("followed_by",)),
    conditions={
        "tag": "exists (select from article_tags as t where t.article_id = a.id and t.tag = $tag)",
        "author": "a.author_id = (select u.id from users as u where u.username = $author)",
        "favorited": """exists (
            select from favourites as f join users as u on u.id = f.user_id
             where f.article_id = a.id and u.username = $favorited
        )""",
        "followed_by": """exists (
            select from follows as f where f.followed_id = a.author_id and f.follower_id = $followed_by
        )""",
    },
    columns=COLUMNS,
    params={"viewer": UUID | None},
    samples={
        "viewer": "author.id",
        "tag": "'even'",
        "author": "author.username",
        "favorited": "'grace'",
        "followed_by": "author.id",
    },
    max_offset=1_000,
    max_count=20,
)

read_article = Query(
    """
    select {a.columns}
      from articles as a
      join users as author on author.id = a.author_id
      left join users as editor on editor.id = a.editor_id
     where a.slug = $slug
    """,
    Article,
    tuple[UUID | None, str],
    columns=COLUMNS,
    sample="select author_id, slug from articles limit 1",
)


class Draft(Struct, frozen=True):
    slug: str
    likes: int
    created_at: Moment


class DraftFilter(BaseFilter, frozen=True):
    """What `drafts` can be asked: four orders, the range of a number, and whether a column is null."""

    sort: Literal["-created_at", "likes", "-likes", "slug"] = "-created_at"
    likes_from: int | None = None
    likes_before: int | None = None
    published: bool | None = None


drafts = Listing(
    "articles",
    Draft,
    DraftFilter,
    scope={},
    key=("created_at", "slug"),
    filters=((),),
    sorts={"-created_at": ((), ("published",))},
    conditions={"published": "published_at is not null"},
    max_count=10_000,
)

QUERIES = {"read_article": read_article, **articles.queries, **drafts.queries}
