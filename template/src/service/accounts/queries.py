"""The SQL of accounts, one object for each statement. `{columns}` is every field of the type it returns."""

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
