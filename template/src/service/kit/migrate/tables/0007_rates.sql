-- kit: updated by the template; applied files are never edited
-- What the callers of shared rates have used: kit/web/rates.py.

-- `create schema if not exists` asks for the right to create one even where it exists.
do $$ begin if to_regnamespace('kit') is null then create schema kit; end if; end $$;

-- No request waits for the disk, so a crash of PostgreSQL, or a standby that takes over, begins to count anew.
create unlogged table kit.rates (
    digest bytea constraint rates_pkey primary key,
    whole_at timestamptz not null,
    -- The end of its hour: most updates do not change it, and leave the indexes alone.
    -- squawk-ignore prefer-timestamp-tz -- it is UTC: what generates a column must not depend on the zone of a session
    expires_at timestamp not null
        generated always as (date_trunc('hour', whole_at at time zone 'UTC') + interval '1 hour') stored
) with (fillfactor = 70);

-- For the few expired rows that each request deletes.
create index rates_expires_at_idx on kit.rates (expires_at);
