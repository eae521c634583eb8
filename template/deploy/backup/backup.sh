#!/bin/sh
# kit: updated by the template
# Dumps the database into BACKUP_FOLDER, and deletes dumps older than BACKUP_KEEP_DAYS:
#   backup.sh now     at once
#   backup.sh daily   each day at BACKUP_TIME, and at once if the last one was missed
#   backup.sh check   fails if the newest dump is older than 26 hours
# Where to dump from, libpq's variables say: PGHOST, PGUSER, PGDATABASE.
set -eu

folder=${BACKUP_FOLDER:?Set BACKUP_FOLDER to the folder of the dumps}
time=${BACKUP_TIME:-03:00}
keep_days=${BACKUP_KEEP_DAYS:-14}
database=${PGDATABASE:?Set PGDATABASE to the database to dump}
if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi

# A dump has its name only once it was read back to its end. Older ones are deleted after that, so a newest one always stays.
make_backup() {
    umask 077
    file=$folder/$database-$(date -u +%Y-%m-%dT%H%M%SZ).dump
    part=$file.$$.part
    trap 'exit 130' INT TERM HUP # or sh ends without the next line
    trap 'rm -f "$part" "$part.prom"' EXIT
    # What a run left that was killed. Younger ones may be another run's.
    find "$folder" -maxdepth 1 \( -name "$database-*.part" -o -name "$database-*.part.prom" \) -mmin +1440 -delete
    pg_dump --format=custom --file="$part"
    pg_restore --file=/dev/null "$part"
    sync "$part"
    mv "$part" "$file"
    find "$folder" -maxdepth 1 -name "$database-*.dump" -mtime "+$keep_days" -delete
    write_metrics "$file"
    echo "backed up to $file: $(stat -c %s "$file") bytes"
}

# For the textfile collector of node_exporter.
write_metrics() {
    cat >"$part.prom" <<METRICS
# HELP backup_last_success_timestamp_seconds When the newest dump was made.
# TYPE backup_last_success_timestamp_seconds gauge
backup_last_success_timestamp_seconds{database="$database"} $(stat -c %Y "$1")
# HELP backup_size_bytes The size of the newest dump.
# TYPE backup_size_bytes gauge
backup_size_bytes{database="$database"} $(stat -c %s "$1")
METRICS
    chmod 644 "$part.prom"
    mv "$part.prom" "$folder/backup.prom"
}

has_dump_since() {
    [ -n "$(find "$folder" -maxdepth 1 -name "$database-*.dump" -newermt "$1" | head -n 1)" ]
}

# Prints when the last dump was due, in seconds since 1970.
find_due_time() {
    due=$(date -u -d "$time" +%s)
    if [ "$due" -gt "$(date -u +%s)" ]; then
        due=$((due - 86400))
    fi
    echo "$due"
}

back_up_daily() {
    trap 'exit 0' TERM INT
    while true; do
        if ! has_dump_since "@$(find_due_time)"; then
            sh "$0" now || echo "the backup failed; the next attempt is in a minute" >&2
        fi
        sleep 60 &
        wait $!
    done
}

case ${1:-} in
    now) make_backup ;;
    daily) back_up_daily ;;
    check) has_dump_since "-26 hours" || { echo "$folder has no dump of the last 26 hours" >&2; exit 1; } ;;
    *) echo "usage: backup.sh now | daily | check" >&2; exit 2 ;;
esac
