-- kit: updated by the template; applied files are never edited
-- Since when tokens of a subject are accepted, older ones being revoked: kit/auth/revocations.py.

-- `create schema if not exists` asks for the right to create one even where it exists.
do $$ begin if to_regnamespace('kit') is null then create schema kit; end if; end $$;

-- `changed_by` is the transaction of the latest change. Workers read what has changed since they last did, and so miss
-- none that commits late.
create table kit.revocations (
    subject text constraint revocations_pkey primary key,
    not_before timestamptz not null default clock_timestamp(),
    changed_by xid8 not null default pg_current_xact_id(),
    expires_at timestamptz not null
);

create index revocations_changed_by_idx on kit.revocations (changed_by);

-- For the few expired rows that each new one deletes.
create index revocations_expires_at_idx on kit.revocations (expires_at);
