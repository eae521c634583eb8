create table documents (
    id      integer not null,
    account text    not null,
    title   text    not null,
    summary text,

    constraint documents_pkey primary key (id)
);
create table contracts (
    ends date,

    constraint contracts_pkey primary key (id)
) inherits (documents);
create index documents_account_idx on documents (account, id);
create index contracts_account_idx on contracts (account, id);

insert into documents values (1, 'ada', 'Letter', null), (2, 'bob', 'Note', null);
insert into contracts values (3, 'ada', 'Rent', 'a flat', null);
