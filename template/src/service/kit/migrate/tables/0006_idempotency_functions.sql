-- kit: updated by the template; applied files are never edited
-- What an Idempotency-Key takes besides the work itself, as functions, so that it is sent together with `begin` and
-- with `commit`: kit/web/idempotency.py.

-- Returns whether this transaction alone may do the work of a key: nobody else has it, and no reply is stored. Nobody
-- waits: a second request gets no lock. The lock ends with the transaction, also behind a pooler in transaction mode.
create function kit.claim_key(key_digest bytea) returns boolean language plpgsql volatile as $body$
begin
    if not pg_try_advisory_xact_lock(('x' || encode(substr(key_digest, 1, 8), 'hex'))::bit(64)::bigint) then
        return false;
    end if;
    -- A statement of its own, after the lock: one that began before would not see what the holder of the lock has
    -- committed.
    return not exists (
        select from kit.idempotency_keys as kept where kept.digest = key_digest and kept.expires_at > now()
    );
end $body$;

-- Stores the reply of a key. Each one deletes up to ten expired ones, so the table shrinks to the keys of the last hours
-- by itself. A reply that is there already is an error, which undoes the work.
create function kit.store_reply(
    key_digest bytea, request bytea, reply_status smallint, reply_headers bytea, reply_body bytea, keep interval
) returns void language plpgsql volatile as $body$
begin
    delete from kit.idempotency_keys
     where digest = any(array(
           select digest
             from kit.idempotency_keys
            where expires_at <= now() and digest <> key_digest
            order by expires_at
            limit 10
              for update skip locked
     ));
    insert into kit.idempotency_keys as kept (digest, fingerprint, status, headers, body, expires_at)
    values (key_digest, request, reply_status, convert_from(reply_headers, 'UTF8')::jsonb, reply_body, now() + keep)
    on conflict (digest) do update
       set (fingerprint, status, headers, body, expires_at)
         = (excluded.fingerprint, excluded.status, excluded.headers, excluded.body, excluded.expires_at)
     where kept.expires_at <= now();
    if not found then
        raise unique_violation using message = 'a reply is stored for this key', constraint = 'idempotency_keys_pkey';
    end if;
end $body$;
