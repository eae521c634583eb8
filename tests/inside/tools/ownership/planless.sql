-- One statement a line. PostgreSQL makes no plan of them, and they neither read nor change rows.
set local statement_timeout = '9s'
Set transaction isolation level serializable
set constraints all deferred
notify branches
show server_version
