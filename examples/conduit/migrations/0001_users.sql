-- Users: who may sign in, and whom they follow. The password is stored as an Argon2id hash, which holds its own salt.

create table users (
    id            uuid        not null default uuidv7(),
    username      text        not null,
    email         text        not null,
    password_hash text        not null,
    bio           text,
    image         text,
    created_at    timestamptz not null default now(),

    constraint users_pkey primary key (id),
    constraint users_username_key unique (username)
);

-- However an address is written, it is one user's; and it is looked up by the same index.
create unique index users_email_key on users (lower(email));

create table follows (
    follower uuid not null,
    followed uuid not null,

    constraint follows_pkey primary key (follower, followed),
    constraint follows_follower_fkey foreign key (follower) references users on delete cascade,
    constraint follows_followed_fkey foreign key (followed) references users on delete cascade
);

-- For the deletion of a user who is followed.
create index follows_followed_idx on follows (followed);
