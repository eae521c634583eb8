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
    dropdb --if-exists --maintenance-db postgres "$restored"
}

[ -f "$file" ] || fail "There is no file $file."
pg_restore --file=/dev/null "$file" || fail "$file is no complete dump: it was cut off, or damaged."

owner=$(echo "select pg_get_userbyid(datdba) from pg_database where datname = :'database';" | query)
[ -n "$owner" ] || fail "There is no database $database."
createdb --maintenance-db postgres --template template0 --owner "$owner" "$restored"
trap drop_restored EXIT
pg_restore --exit-on-error --dbname "$restored" "$file" || fail "$file could not be restored: see the message above."

# The limits of roles in the database are no part of a dump.
query <<'SQL'
select format(
           'alter role %I in database %I set %s to %L',
           rolname, :'restored', split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
       )
  from pg_db_role_setting
  join pg_roles on pg_roles.oid = setrole
  join pg_database on pg_database.oid = setdatabase
 cross join unnest(setconfig) as setting
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
