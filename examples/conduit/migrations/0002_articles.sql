-- Articles with what hangs on them. The slug is made from the title, and is what clients know an article by.

create table articles (
    id              uuid        not null default uuidv7(),
    author          uuid        not null,
    slug            text        not null,
    title           text        not null,
    description     text        not null,
    body            text        not null,
    favorites_count integer     not null default 0,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),

    constraint articles_pkey primary key (id),
    constraint articles_slug_key unique (slug),
    constraint articles_author_fkey foreign key (author) references users on delete cascade
);

-- One index for each way to page: all articles, and those of an author.
create index articles_created_at_idx on articles (created_at, slug);
create index articles_author_created_at_idx on articles (author, created_at, slug);

-- Every tag once, to list them without counting articles.
create table tags (
    tag        text        not null,
    created_at timestamptz not null default now(),

    constraint tags_pkey primary key (tag)
);

create index tags_created_at_idx on tags (created_at, tag);

create table article_tags (
    article uuid not null,
    tag     text not null,

    constraint article_tags_pkey primary key (article, tag),
    constraint article_tags_article_fkey foreign key (article) references articles on delete cascade
);

create index article_tags_tag_idx on article_tags (tag, article);

create table favorites (
    article uuid not null,
    reader  uuid not null,

    constraint favorites_pkey primary key (article, reader),
    constraint favorites_article_fkey foreign key (article) references articles on delete cascade,
    constraint favorites_reader_fkey foreign key (reader) references users on delete cascade
);

create index favorites_reader_idx on favorites (reader, article);

create table comments (
    id         uuid        not null default uuidv7(),
    article    uuid        not null,
    author     uuid        not null,
    body       text        not null,
    created_at timestamptz not null default now(),

    constraint comments_pkey primary key (id),
    constraint comments_article_fkey foreign key (article) references articles on delete cascade,
    constraint comments_author_fkey foreign key (author) references users on delete cascade
);

create index comments_article_created_at_idx on comments (article, created_at, id);
create index comments_author_idx on comments (author);
