"""A PostgreSQL with articles in it: prints where it is, and runs until its input is closed.

It runs in the environment of Conduit: `python articles.py ARTICLES`.
"""

import sys
from functools import partial

import asyncpg
from database import serve
from service.kit.commands.migrate import apply_migrations
from service.kit.server.settings import read_settings
from service.settings import Settings

FILL = (
    """
    insert into users (username, email, password_hash, bio)
    select 'user' || n, 'user' || n || '@example.com', '-', 'I work at statefarm' from generate_series(1, 1000) as n
    """,
    """
    insert into articles (author, slug, title, description, body, favorites_count, created_at)
    select author.id, 'article-' || n, 'Article ' || n, 'Ever wonder how?', repeat('You have to believe. ', 50),
           n % 7, now() - n * interval '1 minute'
      from generate_series(1, $1::int) as n
      join users as author on author.username = 'user' || (1 + n % 1000)
    """,
    """
    insert into article_tags (article, tag)
    select id, 'tag' || (favorites_count + place) from articles, generate_series(1, 3) as place
    """,
    "vacuum (analyze) users, articles, article_tags",
)


async def prepare(articles: int) -> dict[str, object]:
    """Migrate the database, and fill it so that no vacuum runs while something is measured."""
    settings = read_settings(Settings)
    await apply_migrations(settings)
    connection = await asyncpg.connect(settings.database.url.get_secret_value())
    for statement in FILL:
        arguments = (articles,) if "$1" in statement else ()
        await connection.execute(statement, *arguments)
    await connection.close()
    return {}


if __name__ == "__main__":
    serve(partial(prepare, int(sys.argv[1])))
