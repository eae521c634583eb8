-- kit: updated by the template; applied files are never edited
-- The replies that are stored under the Idempotency-Key of a client: kit/idempotency.py.

-- `create schema if not exists` asks for the right to create one even where it exists.
do $$ begin if to_regnamespace('kit') is null then create schema kit; end if; end $$;

create table kit.idempotency_keys (
    digest bytea constraint idempotency_keys_pkey primary key,
    fingerprint bytea not null,
    status smallint,
    headers jsonb not null,
    body bytea not null,
    expires_at timestamptz not null
);

-- For the few expired rows that each new one deletes.
create index idempotency_keys_expires_at_idx on kit.idempotency_keys (expires_at);
