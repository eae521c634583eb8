-- kit: updated by the template; applied files are never edited
-- `uuidv7()`, which makes keys that grow with time, for PostgreSQL 15 to 17: 18 has it. It goes into the first schema of
-- the search path, as the tables do. After an upgrade to 18, unqualified calls find PostgreSQL's own.

do $$ begin if to_regprocedure('uuidv7()') is null then
    create function uuidv7() returns uuid language plpgsql volatile parallel safe as $body$
    declare
        microseconds bigint := extract(epoch from clock_timestamp()) * 1000000;
    begin
        -- 48 bits of milliseconds, the version, 12 bits of their fraction; the rest of a random one, which has the variant.
        return encode(overlay(uuid_send(gen_random_uuid()) placing int8send(
            microseconds / 1000 << 16 | (x'7000'::int + microseconds % 1000 * 4096 / 1000)
        ) from 1), 'hex')::uuid;
    end $body$;
end if; end $$;
