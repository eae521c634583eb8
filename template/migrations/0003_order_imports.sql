-- Imports of orders: the rows of a file wait in order_import_rows until a job has made orders of them.

create table order_imports (
    id         uuid        not null default uuidv7(),
    account    text        not null,
    state      text        not null default 'receiving',
    columns    text[]      not null default '{}',
    rows       integer     not null default 0,
    created    integer     not null default 0,
    refused    integer     not null default 0,
    faults     text[]      not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),

    constraint order_imports_pkey primary key (id),
    constraint order_imports_state_check check (state in ('receiving', 'waiting', 'done'))
);

-- One at a time for each account.
create unique index order_imports_account_key on order_imports (account) where state <> 'done';

-- Without a foreign key: rows of an import that was given up are deleted later, in batches.
create table order_import_rows (
    import_id uuid    not null,
    line      integer not null,
    text      text    not null,

    constraint order_import_rows_pkey primary key (import_id, line)
);
