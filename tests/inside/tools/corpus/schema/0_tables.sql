-- Everything that schemas of services have, in the tables of a shop. Rows of the accounts ada and bob are at the end.

create type order_state as enum ('open', 'paid', 'shipped');
create type address as (street text, city text);
create domain email_address as text check (value like '%_@_%');

create table customers (
    id          uuid          not null default uuidv7(),
    account     text          not null,
    email       email_address not null,
    name        text,
    birthday    date,
    home        address,
    visits      integer       not null default 0,
    referrer_id uuid,

    constraint customers_pkey primary key (id),
    constraint customers_email_key unique (account, email),
    constraint customers_referrer_id_fkey foreign key (referrer_id) references customers (id)
);
create index customers_referrer_id_idx on customers (referrer_id);
create index customers_name_idx on customers (account, name, id);

create table orders (
    id             uuid        not null default uuidv7(),
    account        text        not null,
    number         text        not null,
    customer_id    uuid,
    state          order_state not null default 'open',
    currency       text        not null,
    total          bigint      not null,
    discount       integer,
    note           text,
    tags           text[]      not null default '{}',
    labels         text[],
    extra          jsonb       not null default '{}',
    placed_at      timestamptz not null default now(),
    shipped_at     timestamptz,
    due            date,
    version        integer     not null default 1,
    total_with_tax bigint      not null generated always as (total + total / 5) stored,
    heading        text        generated always as (number || ': ' || note) virtual,

    constraint orders_pkey primary key (id),
    constraint orders_number_key unique (account, number),
    constraint orders_total_check check (total >= 0),
    constraint orders_customer_id_fkey foreign key (customer_id) references customers (id)
);
create index orders_account_placed_at_idx on orders (account, placed_at, id);
create index orders_account_state_placed_at_idx on orders (account, state, placed_at, id);
create index orders_customer_id_idx on orders (customer_id);
create index orders_open_idx on orders (placed_at, id) where state = 'open';
create index orders_due_idx on orders (account, due) include (number, total);
create index orders_tags_idx on orders using gin (tags);

create table order_lines (
    order_id uuid           not null,
    position integer        not null,
    sku      text           not null,
    quantity integer        not null,
    price    numeric(12, 2) not null,
    comment  text,

    constraint order_lines_pkey primary key (order_id, position),
    constraint order_lines_order_id_fkey foreign key (order_id) references orders (id) on delete cascade
);
create index order_lines_sku_idx on order_lines (sku);

create table products (
    id         bigint         not null generated always as identity,
    sku        text           not null,
    name       text           not null,
    kind       varchar(20)    not null default 'thing',
    price      numeric(12, 2) not null,
    weight     real,
    attributes jsonb,
    sold       daterange      not null default '[2020-01-01,)',
    parent_id  bigint,
    deleted_at timestamptz,
    search     tsvector       generated always as (to_tsvector('simple', name)) stored,

    constraint products_pkey primary key (id),
    constraint products_sku_key unique (sku),
    constraint products_parent_id_fkey foreign key (parent_id) references products (id)
);
create unique index products_name_key on products (lower(name)) where deleted_at is null;
create index products_kind_price_idx on products (kind, price, id);
create index products_parent_id_idx on products (parent_id);
create index products_search_idx on products using gin (search);
create index products_attributes_idx on products using gin (attributes);

create table categories (
    id        integer  not null,
    parent_id integer,
    name      text     not null,
    rank      smallint,

    constraint categories_pkey primary key (id),
    constraint categories_parent_id_fkey foreign key (parent_id) references categories (id)
);
create index categories_parent_id_idx on categories (parent_id);

create table product_categories (
    product_id  bigint  not null,
    category_id integer not null,

    constraint product_categories_pkey primary key (product_id, category_id),
    constraint product_categories_product_id_fkey foreign key (product_id) references products (id),
    constraint product_categories_category_id_fkey foreign key (category_id) references categories (id)
);
create index product_categories_category_id_idx on product_categories (category_id, product_id);

create table events (
    at      timestamptz not null,
    id      bigint      not null generated always as identity,
    account text        not null,
    kind    text        not null,
    payload jsonb       not null default '{}',
    note    text,

    constraint events_pkey primary key (at, id)
) partition by range (at);
create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01');
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
create table events_default partition of events default;
create index events_account_at_idx on events (account, at, id);

create table readings (
    region text        not null,
    sensor integer     not null,
    at     timestamptz not null,
    value  numeric,

    constraint readings_pkey primary key (region, sensor, at)
) partition by list (region);
create table readings_north partition of readings for values in ('north');
create table readings_south partition of readings for values in ('south', 'east');

create table sites (
    id    uuid not null default uuidv7(),
    owner text not null,
    host  text not null,
    title text,

    constraint sites_pkey primary key (id),
    constraint sites_host_key unique (host)
);
create index sites_owner_idx on sites (owner, id);

create table transfers (
    id      bigint  not null generated by default as identity,
    account text    not null,
    amount  numeric not null,

    constraint transfers_pkey primary key (id)
);
create index transfers_account_idx on transfers (account, id);

create table devices (
    id       integer          not null,
    account  text             not null,
    code     char(3)          not null,
    address  inet             not null,
    mac      macaddr          not null,
    place    point            not null,
    flags    bit(4)           not null,
    life     tstzrange        not null,
    shifts   int4multirange   not null,
    home     address          not null,
    picture  bytea            not null,
    opens    time             not null,
    started  timestamp        not null,
    lasts    interval         not null,
    score    double precision not null,

    constraint devices_pkey primary key (id)
);
create index devices_account_idx on devices (account, id);

create table bookings (
    id      uuid      not null default uuidv7(),
    account text      not null,
    during  tstzrange not null,
    guest   text,

    constraint bookings_pkey primary key (id),
    constraint bookings_during_excl exclude using gist (during with &&)
);
create index bookings_account_idx on bookings (account, id);

-- Rows that were there before their constraints are not checked by them.
create table suppliers (
    id      integer not null,
    account text    not null,
    name    text,
    phone   text,
    city    text,

    constraint suppliers_pkey primary key (id)
);
create index suppliers_account_idx on suppliers (account, id);
insert into suppliers values (1, 'ada', null, null, null), (2, 'ada', 'Iron', '555', 'Oslo'), (3, 'bob', 'Wood', '556', null);
alter table suppliers add constraint suppliers_phone_not_null not null phone not valid;
alter table suppliers add constraint suppliers_name_check check (name is not null) not valid;

create table tasks (
    id       bigint      not null generated always as identity,
    account  text        not null,
    state    text        not null default 'ready',
    run_at   timestamptz not null default now(),
    attempts integer     not null default 0,
    error    text,

    constraint tasks_pkey primary key (id),
    constraint tasks_state_check check (state in ('ready', 'running', 'done', 'failed'))
);
create index tasks_ready_idx on tasks (run_at, id) where state = 'ready';
create index tasks_account_idx on tasks (account, id);

-- The account that a room belongs to is in a column that nothing tells of but the other statements.
create table rooms (
    id     uuid not null default uuidv7(),
    tenant text not null,
    name   text not null,
    floor  integer,

    constraint rooms_pkey primary key (id),
    constraint rooms_name_key unique (tenant, name)
);

create table "Wish Lists" (
    "Id"       integer not null,
    account    text    not null,
    "for whom" text    not null,
    "order"    integer,

    constraint "Wish Lists_pkey" primary key ("Id")
);
create index "Wish Lists_account_idx" on "Wish Lists" (account, "Id");

create schema billing;
create table billing.payments (
    id        uuid           not null default uuidv7(),
    account   text           not null,
    order_id  uuid           not null,
    amount    numeric(12, 2) not null,
    paid_at   timestamptz,
    reference text           not null,

    constraint payments_pkey primary key (id),
    constraint payments_order_id_fkey foreign key (order_id) references orders (id)
);
create index payments_account_idx on billing.payments (account, id);
create index payments_order_id_idx on billing.payments (order_id);

create view open_orders as
select id, account, number, note, placed_at from orders where state = 'open';

create view order_customers as
select o.id, o.account, o.number, c.name, c.email
  from orders as o left join customers as c on c.id = o.customer_id;

create view customer_totals as
select account, customer_id, count(*) as orders, sum(total) as total from orders group by account, customer_id;

create materialized view daily_sales as
select account, placed_at::date as day, count(*) as orders, sum(total) as total from orders group by 1, 2
with no data;
create unique index daily_sales_key on daily_sales (account, day);

create function add_tax(amount bigint) returns bigint immutable parallel safe return amount + amount / 5;

insert into customers (id, account, email, name, birthday, home, visits, referrer_id) values
    ('00000000-0000-0000-0000-0000000000c1', 'ada', 'eve@example.com', 'Eve', '1990-05-01', '("High Street 1",Bath)', 3, null),
    ('00000000-0000-0000-0000-0000000000c2', 'ada', 'max@example.com', null, null, null, 0, '00000000-0000-0000-0000-0000000000c1'),
    ('00000000-0000-0000-0000-0000000000c3', 'bob', 'kim@example.com', 'Kim', '1980-01-31', null, 1, null);

insert into orders (id, account, number, customer_id, state, currency, total, discount, note, tags, labels, extra, placed_at, shipped_at, due, version) values
    ('00000000-0000-0000-0000-0000000000a1', 'ada', 'A-1', '00000000-0000-0000-0000-0000000000c1', 'open', 'EUR', 1000, 100, 'fragile', '{gift,new}', '{red}', '{"ip": "::1", "steps": [1, 2]}', '2026-01-01 10:00Z', null, '2026-02-01', 1),
    ('00000000-0000-0000-0000-0000000000a2', 'ada', 'A-2', '00000000-0000-0000-0000-0000000000c2', 'paid', 'EUR', 2500, null, null, '{}', null, '{}', '2026-01-02 10:00Z', null, null, 2),
    ('00000000-0000-0000-0000-0000000000a3', 'ada', 'A-3', null, 'shipped', 'USD', 0, null, null, '{gift}', '{red,null}', '{"ip": null}', '2026-01-03 10:00Z', '2026-01-05 10:00Z', null, 1),
    ('00000000-0000-0000-0000-0000000000a4', 'ada', 'A-4', '00000000-0000-0000-0000-0000000000c1', 'open', 'EUR', 700, 0, '', '{new}', '{}', '{}', '2026-01-04 10:00Z', null, '2026-03-01', 1),
    ('00000000-0000-0000-0000-0000000000b1', 'bob', 'B-1', '00000000-0000-0000-0000-0000000000c3', 'open', 'EUR', 500, null, 'urgent', '{new}', '{blue}', '{}', '2026-01-01 12:00Z', null, null, 1),
    ('00000000-0000-0000-0000-0000000000b2', 'bob', 'B-2', null, 'paid', 'GBP', 900, 10, null, '{gift}', null, '{}', '2026-01-02 12:00Z', null, '2026-02-01', 1);

insert into order_lines (order_id, position, sku, quantity, price, comment) values
    ('00000000-0000-0000-0000-0000000000a1', 1, 'cup', 2, 4.50, 'blue'),
    ('00000000-0000-0000-0000-0000000000a1', 2, 'pen', 1, 1.00, null),
    ('00000000-0000-0000-0000-0000000000a2', 1, 'cup', 5, 4.50, null),
    ('00000000-0000-0000-0000-0000000000b1', 1, 'pen', 9, 1.00, null);

insert into products (sku, name, kind, price, weight, attributes, sold, parent_id, deleted_at) values
    ('cup', 'Cup', 'thing', 4.50, 0.3, '{"colour": "blue", "sizes": ["s", "m"]}', '[2020-01-01,2030-01-01)', null, null),
    ('pen', 'Pen', 'thing', 1.00, null, null, '[2021-01-01,)', 1, null),
    ('course', 'Course', 'service', 99.00, null, '{}', 'empty', null, '2026-01-01');

insert into categories (id, parent_id, name, rank) values (1, null, 'All', 1), (2, 1, 'Kitchen', null), (3, 1, 'Office', 2);
insert into product_categories (product_id, category_id) values (1, 2), (2, 3), (2, 1);

insert into events (at, account, kind, payload, note) values
    ('2025-06-01Z', 'ada', 'login', '{"ip": "::1"}', 'first'),
    ('2026-01-01Z', 'ada', 'login', '{}', null),
    ('2026-01-02Z', 'bob', 'logout', '{}', null),
    ('2030-01-01Z', 'bob', 'login', '{}', null);

insert into readings (region, sensor, at, value) values
    ('north', 1, '2026-01-01Z', 1.5), ('north', 1, '2026-01-02Z', null), ('south', 2, '2026-01-01Z', 7);

insert into sites (id, owner, host, title) values
    ('00000000-0000-0000-0000-0000000000d1', 'ada', 'ada.example', 'Ada'),
    ('00000000-0000-0000-0000-0000000000d2', 'bob', 'bob.example', null);

insert into transfers (account, amount) values ('DE1', 10), ('DE2', 20);

insert into devices values
    (1, 'ada', 'a', '10.0.0.1', '08:00:2b:01:02:03', '(1,2)', '1010', '[2026-01-01Z,)', '{[1,3),[8,9)}', '("Low Road",York)', '\x00ff', '09:30', '2026-01-01 08:00', '2 hours', 0.5),
    (2, 'bob', 'bc', '10.0.0.2', '08:00:2b:01:02:04', '(0,0)', '0000', 'empty', '{}', '(,)', '', '00:00', '2026-01-01 00:00', '1 day', 1);

insert into bookings (id, account, during, guest) values
    ('00000000-0000-0000-0000-0000000000e1', 'ada', '[2026-01-01Z,2026-01-03Z)', 'Lee'),
    ('00000000-0000-0000-0000-0000000000e2', 'ada', '[2026-02-01Z,)', null),
    ('00000000-0000-0000-0000-0000000000e3', 'bob', '[2025-01-01Z,2025-01-02Z)', null);

insert into tasks (account, state, error) values ('ada', 'ready', null), ('ada', 'failed', 'no route'), ('bob', 'ready', null);

insert into rooms (id, tenant, name) values
    ('00000000-0000-0000-0000-000000000091', 'ada', 'Hall'),
    ('00000000-0000-0000-0000-000000000092', 'bob', 'Cell');

insert into "Wish Lists" values (1, 'ada', 'Tim', null), (2, 'bob', 'Ann', 1);

insert into billing.payments (id, account, order_id, amount, paid_at, reference) values
    ('00000000-0000-0000-0000-0000000000f1', 'ada', '00000000-0000-0000-0000-0000000000a2', 25.00, '2026-01-02Z', 'P1'),
    ('00000000-0000-0000-0000-0000000000f2', 'ada', '00000000-0000-0000-0000-0000000000a1', 10.00, null, 'P2'),
    ('00000000-0000-0000-0000-0000000000f3', 'bob', '00000000-0000-0000-0000-0000000000b1', 5.00, null, 'P3');

refresh materialized view daily_sales;
