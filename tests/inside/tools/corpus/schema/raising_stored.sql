create table rates (
    id      integer not null,
    account text    not null,
    count   integer not null,
    share   integer not null generated always as (100 / coalesce(count, 0)) stored,

    constraint rates_pkey primary key (id)
);
create index rates_account_idx on rates (account, id);

insert into rates (id, account, count) values (1, 'ada', 4), (2, 'bob', 5);
