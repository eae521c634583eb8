create extension citext;

create table members (
    handle  citext not null,
    account text   not null,
    motto   citext,

    constraint members_pkey primary key (handle)
);
create index members_account_idx on members (account, handle);

insert into members values ('Ada', 'ada', null), ('Bob', 'bob', 'Go');
