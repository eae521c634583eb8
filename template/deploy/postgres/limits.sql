-- kit: updated by the template
-- Behind a pooler, the role has the timeouts: DATABASE_STATEMENT_TIMEOUT, DATABASE_LOCK_TIMEOUT, DATABASE_COMMAND_TIMEOUT.
alter role service in database service set statement_timeout = '4500ms';
alter role service in database service set lock_timeout = '2000ms';
alter role service in database service set idle_in_transaction_session_timeout = '5000ms';
