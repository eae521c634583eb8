#!/bin/sh
# kit: updated by the template
# Runs once, with an empty volume and before limits.sql: the service owns its database, and is no superuser.
set -eu

password=$(cat "${DATABASE_PASSWORD_FILE:-/run/secrets/database_password}")
psql --username "${POSTGRES_USER:-postgres}" --dbname service --set ON_ERROR_STOP=1 --set password="$password" <<'SQL'
create role service login password :'password';
alter database service owner to service;
create extension pg_stat_statements;
SQL
