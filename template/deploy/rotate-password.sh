#!/bin/sh
# kit: updated by the template
# Gives the service a new password for the database, while it runs:  ./rotate-password.sh
set -eu
cd "$(dirname "$0")"

if [ ! -s secrets/database_password ]; then
    echo "There is no password yet: ./secrets.sh makes it." >&2
    exit 1
fi
for name in database_password database_url database_direct_url pgbouncer_userlist; do
    if [ ! -w "secrets/$name" ]; then
        echo "You may not write secrets/$name, and nothing was changed: chmod 644 secrets/$name" >&2
        exit 1
    fi
done
password=$(head -c 32 /dev/urandom | od -A n -t x1 | tr -d ' \n')

# Into the same file: it is mounted in containers, and they would not see another one of that name.
write() {
    cat >"secrets/$1"
}

# Open connections go on. New ones wait until PgBouncer has read its file again, and the service notices its own within a second.
# The extension would keep the statement with its password for whoever may read pg_stat_statements.
printf "set pg_stat_statements.track_utility = off;\nalter role service password '%s';\n" "$password" |
    docker compose exec -T postgres psql --quiet --set ON_ERROR_STOP=1 --username postgres --dbname service
printf '%s' "$password" | write database_password
printf 'postgresql://service:%s@pgbouncer:6432/service' "$password" | write database_url
printf 'postgresql://service:%s@postgres:5432/service' "$password" | write database_direct_url
printf '"service" "%s"\n' "$password" | write pgbouncer_userlist
# Not `docker compose kill`: Docker takes it for a stop, and would not start the container with the machine.
docker compose exec -T pgbouncer kill -HUP 1
echo "The service has a new password. Keep a copy of secrets/ again."
