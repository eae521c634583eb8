"""The SQL of users, one object for each statement. `{columns}` is every field of the type it returns."""

from uuid import UUID

from service.kit.db import Query
from service.users.model import Profile, Stored

create_user = Query(
    """
    insert into users (username, email, password_hash)
    values ($1, $2, $3)
    returning {columns}
    """,
    Stored,
    tuple[str, str, str],
    sample="select 'user-' || uuidv7(), uuidv7() || '@example.com', '$argon2id$'",
)

read_user = Query(
    """
    select {columns}
      from users
     where id = $1
    """,
    Stored,
    tuple[UUID],
    sample="select id from users limit 1",
)

find_user = Query(
    """
    select {columns}
      from users
     where lower(email) = lower($1)
    """,
    Stored,
    tuple[str],
    sample="select email from users limit 1",
)

change_user = Query(
    """
    update users
       set username = $2, email = $3, password_hash = $4, bio = $5, image = $6
     where id = $1
    returning {columns}
    """,
    Stored,
    tuple[UUID, str, str, str, str | None, str | None],
    sample="select id, username, email, password_hash, bio, image from users limit 1",
)

read_profile = Query(
    """
    select username, bio, image,
           exists (select from follows where follower = $2 and followed = users.id) as following
      from users
     where username = $1
    """,
    Profile,
    tuple[str, UUID | None],
    sample="select username, id from users limit 1",
)

follow = Query(
    """
    insert into follows (follower, followed)
    select $2, id from users where username = $1
    on conflict do nothing
    returning followed
    """,
    UUID,
    tuple[str, UUID],
    sample="select username, id from users limit 1",
)

unfollow = Query(
    """
    delete from follows
     where follower = $2 and followed = (select id from users where username = $1)
    returning followed
    """,
    UUID,
    tuple[str, UUID],
    sample="select username, id from users limit 1",
)
