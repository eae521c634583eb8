-- Orders: one row each, with the amount in minor units of its currency (cents), so that sums are exact. `account` is the
-- subject of the token that created it, whoever issued that: the table of accounts may be another service's.

create table orders (
    id             uuid        not null default uuidv7(),
    account        text        not null,
    reference      text        not null,
    customer_email text        not null,
    status         text        not null default 'pending',
    currency       text        not null,
    total_minor    bigint      not null,
    item_count     integer     not null,
    tags           text[]      not null default '{}',
    gift           boolean     not null default false,
    note           text,
    version        integer     not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),

    constraint orders_pkey primary key (id),
    constraint orders_reference_key unique (account, reference),
    constraint orders_status_check check (status in ('pending', 'paid', 'shipped', 'cancelled')),
    constraint orders_currency_check check (currency ~ '^[A-Z]{3}$'),
    constraint orders_total_minor_check check (total_minor >= 0),
    constraint orders_item_count_check check (item_count > 0)
);

-- One index for each way to page: all orders of an account, and those of one status. Both are read in either direction.
create index orders_account_created_at_idx on orders (account, created_at, id);
create index orders_account_status_created_at_idx on orders (account, status, created_at, id);
