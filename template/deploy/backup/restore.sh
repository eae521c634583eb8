#!/bin/sh
# kit: updated by the template
# Puts a dump in place of the database:  restore.sh FILE
# The dump is restored alongside first. Only a complete one takes the name; the former database is kept under another.
set -eu

database=${PGDATABASE:?Set PGDATABASE to the database to replace}
file=${1:?Name the dump to restore, as in restore.sh /backups/service-2026-01-31T030000Z.dump}
now=$(date -u +%Y%m%dt%H%M%S)
restored=${database}_restored_$now
former=${database}_before_$now
if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi

fail() {
    echo "$1 Nothing was changed." >&2
    exit 1
}

query() {
    psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname postgres \
        --set database="$database" --set restored="$restored" --set former="$former"
}

drop_restored() {
    dropdb --if-exists --force --maintenance-db postgres "$restored"
}

[ -f "$file" ] || fail "There is no file $file."
pg_restore --file=/dev/null "$file" || fail "$file is not a complete dump: it is truncated or corrupt."

owner=$(echo "select pg_get_userbyid(datdba) from pg_database where datname = :'database';" | query)
[ -n "$owner" ] || fail "There is no database $database."
trap 'exit 130' INT TERM HUP # or sh ends without what is trapped at EXIT
trap drop_restored EXIT
createdb --maintenance-db postgres --template template0 --owner "$owner" "$restored"
pg_restore --exit-on-error --dbname "$restored" "$file" || fail "$file could not be restored: see the message above."

# A dump has neither the settings of the database and of roles in it, nor who may connect. PostgreSQL keeps the value of
# a setting that is a list as it is written, with the quotes that its elements need; only an empty one takes others.
query <<'SQL'
select format(
           'alter %s database %I set %s to %s',
           case when setrole <> 0 then format('role %I in', rolname) end, :'restored', name,
           case
               when name not in ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries')
                   then quote_literal(value)
               when value in ('', '""') then quote_literal('')
               else value
           end
       )
  from pg_db_role_setting
  join pg_database on pg_database.oid = setdatabase
  left join pg_roles on pg_roles.oid = setrole
 cross join unnest(setconfig) as setting
 cross join lateral (
           select split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
       ) as parts (name, value)
 where datname = :'database' \gexec
select format('revoke all on database %I from public, %I', :'restored', pg_get_userbyid(datdba))
  from pg_database
 where datname = :'database' and datacl is not null \gexec
select format(
           'grant %s on database %I to %s %s',
           privilege_type, :'restored',
           case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
           case when is_grantable then 'with grant option' end
       )
  from pg_database
 cross join aclexplode(datacl)
 where datname = :'database' \gexec
select format('alter database %I connection limit %s', :'restored', datconnlimit)
  from pg_database
 where datname = :'database' \gexec
SQL

# The names change hands in one transaction. In between nobody is connected, or PostgreSQL refuses.
reopen() {
    echo "alter database :\"database\" allow_connections true;" | query
    drop_restored
}
trap reopen EXIT
query <<'SQL'
alter database :"database" allow_connections false;
select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = :'database' \g /dev/null
begin;
alter database :"database" rename to :"former";
alter database :"restored" rename to :"database";
commit;
SQL
trap - EXIT

echo "$database is that of $file. The former one is kept as $former, closed to connections, until you drop it."
