#!/bin/sh
# kit: updated by the template
# Runs once, with an empty volume and before limits.sql: the service owns its database, and is no superuser.
set -eu

DATABASE_PASSWORD_FILE=${DATABASE_PASSWORD_FILE:-/run/secrets/database_password}
export DATABASE_PASSWORD_FILE
if [ ! -s "$DATABASE_PASSWORD_FILE" ]; then
    echo "$DATABASE_PASSWORD_FILE is missing or empty: ./secrets.sh makes it." >&2
    exit 1
fi
# psql reads the file itself: its arguments are in the list of processes, and statements in pg_stat_statements.
psql --username "${POSTGRES_USER:-postgres}" --dbname service --set ON_ERROR_STOP=1 <<'SQL'
\set password `cat "$DATABASE_PASSWORD_FILE"`
set pg_stat_statements.track_utility = off;
create role service login password :'password';
alter database service owner to service;
create extension pg_stat_statements;
SQL
