create domain percent as integer check (value is not null and value between 0 and 100);

create table discounts (
    id      integer not null,
    account text    not null,
    share   percent not null,

    constraint discounts_pkey primary key (id)
);
create index discounts_account_idx on discounts (account, id);

insert into discounts values (1, 'ada', 20), (2, 'bob', 30);
