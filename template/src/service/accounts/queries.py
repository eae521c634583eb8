"""The SQL of accounts, one object for each statement. `{columns}` is every field of the type it returns."""

from datetime import datetime
from uuid import UUID

from service.accounts.model import Account, Secret
from service.kit.db import Query

create_account = Query(
    """
    insert into accounts (email, password_hash)
    values ($1, $2)
    returning {columns}
    """,
    Account,
    tuple[str, str],
    sample="select uuidv7() || '@example.com', '$argon2id$'",
)

read_account = Query(
    """
    select {columns}
      from accounts
     where id = $1
    """,
    Account,
    tuple[UUID],
    sample="select id from accounts limit 1",
)

# An address is one account's, however it is written.
find_secret = Query(
    """
    select {columns}
      from accounts
     where lower(email) = lower($1)
    """,
    Secret,
    tuple[str],
    sample="select email from accounts limit 1",
)

find_own_secret = Query(
    """
    select {columns}
      from accounts
     where id = $1
    """,
    Secret,
    tuple[UUID],
    sample="select id from accounts limit 1",
)

# The time of a login, unless the password was changed since it was read. It waits for a change that is under way, and a
# change waits for it, so that the tokens which the change revokes are those of the old password.
begin_session = Query(
    """
    select clock_timestamp()
      from accounts
     where id = $1 and password_hash = $2
       for share
    """,
    datetime,
    tuple[UUID, str],
    sample="select id, password_hash from accounts limit 1",
)

# Unless it was changed since it was read.
change_password = Query(
    """
    update accounts
       set password_hash = $3
     where id = $1 and password_hash = $2
    returning id
    """,
    UUID,
    tuple[UUID, str, str],
    sample="select id, password_hash, '$argon2id$' from accounts limit 1",
)

delete_account = Query(
    """
    delete from accounts
     where id = $1 and password_hash = $2
    returning id
    """,
    UUID,
    tuple[UUID, str],
    sample="select id, password_hash from accounts limit 1",
)
