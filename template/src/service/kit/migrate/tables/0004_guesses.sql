-- kit: updated by the template; applied files are never edited
-- How often passwords were tried, and where an account has signed in before: kit/auth/guesses.py.

-- `create schema if not exists` asks for the right to create one even where it exists.
do $$ begin if to_regnamespace('kit') is null then create schema kit; end if; end $$;

create table kit.guesses (
    digest bytea constraint guesses_pkey primary key,
    count integer not null,
    ends_at timestamptz not null,
    known_until timestamptz not null default '-infinity',
    expires_at timestamptz not null generated always as (greatest(ends_at, known_until)) stored
);

-- For the few expired rows that each new one deletes.
create index guesses_expires_at_idx on kit.guesses (expires_at);
