"""The SQL of articles. `{a.columns}` is every field of the type it returns, of the tables `a` and `author`."""

from uuid import UUID

from service.articles.model import Article, Comment, Known, Summary, Wanted
from service.kit.db import Query
from service.kit.rows import Listing

FOLLOWING = "exists (select from follows as f where f.followed = author.id and f.follower = $viewer)"

COLUMNS = {
    "tag_list": "array(select t.tag from article_tags as t where t.article = a.id order by t.tag)",
    "favorited": "exists (select from favorites as f where f.article = a.id and f.reader = $viewer)",
    "author.following": FOLLOWING,
}
"""What an article has that is no column of its tables."""

articles = Listing(
    "articles as a",
    Summary,
    Wanted,
    joins="join users as author on author.id = a.author",
    scope={},
    key=("created_at", "slug"),
    filters=((), ("tag",), ("author",), ("favorited",), ("tag", "author"), ("followed_by",)),
    conditions={
        "tag": "exists (select from article_tags as t where t.article = a.id and t.tag = $tag)",
        "author": "a.author = (select u.id from users as u where u.username = $author)",
        "favorited": """exists (
            select from favorites as f join users as u on u.id = f.reader
             where f.article = a.id and u.username = $favorited
        )""",
        "followed_by": "exists (select from follows as f where f.followed = a.author and f.follower = $followed_by)",
    },
    columns=COLUMNS,
    params={"viewer": UUID | None},
    samples={
        "viewer": "author.id",
        "tag": "'dragons'",
        "author": "author.username",
        "favorited": "author.username",
        "followed_by": "author.id",
    },
    # against the grain: pages by offset read what they skip, and a count reads what it counts
    max_offset=10_000,
    max_count=10_000,
)

read_article = Query(
    """
    select {a.columns}
      from articles as a
      join users as author on author.id = a.author
     where a.slug = $slug
    """,
    Article,
    tuple[UUID | None, str],
    columns=COLUMNS,
    sample="select author, slug from articles limit 1",
)

# Without a row where another article has the slug.
create_article = Query(
    """
    insert into articles (author, slug, title, description, body)
    values ($1, $2, $3, $4, $5)
    on conflict (slug) do nothing
    returning id
    """,
    UUID,
    tuple[UUID, str, str, str, str],
    sample="select id, uuidv7()::text, 'Dragons', 'How?', 'Believe' from users limit 1",
)

add_tags = Query(
    """
    with given as (
        select distinct tag from unnest($2::text[]) as listed (tag)
    ),
    known as (
        insert into tags (tag)
        select tag from given order by tag
        on conflict do nothing
    )
    insert into article_tags (article, tag)
    select $1, tag from given
    returning tag
    """,
    str,
    tuple[UUID, list[str]],
    sample="select id, array['fire', uuidv7()::text] from articles limit 1",
)

find_article = Query(
    """
    select {columns}
      from articles
     where slug = $1
    """,
    Known,
    tuple[str],
    sample="select slug from articles limit 1",
)

change_article = Query(
    """
    update articles
       set slug = $2, title = $3, description = $4, body = $5, updated_at = clock_timestamp()
     where id = $1
    returning id
    """,
    UUID,
    tuple[UUID, str, str, str, str],
    sample="select id, slug, title, description, body from articles limit 1",
)

delete_article = Query(
    "delete from articles where id = $1 returning id",
    UUID,
    tuple[UUID],
    sample="select id from articles limit 1",
)

favorite = Query(
    """
    with added as (
        insert into favorites (article, reader)
        select id, $2 from articles where slug = $1
        on conflict do nothing
        returning article
    )
    update articles
       set favorites_count = favorites_count + 1
      from added
     where articles.id = added.article
    returning articles.id
    """,
    UUID,
    tuple[str, UUID],
    sample="select slug, author from articles limit 1",
)

unfavorite = Query(
    """
    with removed as (
        delete from favorites
         where article = (select id from articles where slug = $1) and reader = $2
        returning article
    )
    update articles
       set favorites_count = favorites_count - 1
      from removed
     where articles.id = removed.article
    returning articles.id
    """,
    UUID,
    tuple[str, UUID],
    sample="select slug, author from articles limit 1",
)

list_tags = Query(
    """
    select tag
      from tags
     order by created_at desc, tag desc
     limit 1000
    """,
    str,
)

create_comment = Query(
    """
    insert into comments (article, author, body)
    values ($1, $2, $3)
    returning id
    """,
    UUID,
    tuple[UUID, UUID, str],
    sample="select id, author, 'It takes a Jacobian' from articles limit 1",
)

COMMENT_COLUMNS = {"updated_at": "c.created_at", "author.following": FOLLOWING}

read_comment = Query(
    """
    select {c.columns}
      from comments as c
      join users as author on author.id = c.author
     where c.article = $article and c.id = $comment
    """,
    Comment,
    tuple[UUID | None, UUID, UUID],
    columns=COMMENT_COLUMNS,
    sample="select author, article, id from comments limit 1",
)

list_comments = Query(
    """
    select {c.columns}
      from comments as c
      join users as author on author.id = c.author
     where c.article = $article
     order by c.created_at desc, c.id desc
     limit 1000
    """,
    Comment,
    tuple[UUID | None, UUID],
    columns=COMMENT_COLUMNS,
    sample="select author, article from comments limit 1",
)

delete_comment = Query(
    """
    delete from comments
     where article = $1 and id = $2
    returning author
    """,
    UUID,
    tuple[UUID, UUID],
    sample="select article, id from comments limit 1",
)

find_comment = Query(
    """
    select {columns}
      from comments
     where article = $1 and id = $2
    """,
    Known,
    tuple[UUID, UUID],
    sample="select article, id from comments limit 1",
)
