-- tracking a table, and everything that is refused
\set VERBOSITY terse
create table articles (id bigint primary key, title text, body text, words integer);
insert into articles values (1, 'One', 'The first article.', 3), (2, 'Two', null, 0), (3, 'Three', '', 0);

select steward.track('articles', content => 'body');
select source, content, key, model, chunking -> 'strategy' as strategy from steward.sources;
select source, key, state, generation, attempts from steward.jobs order by key;

-- the rows that are there are for the backfill
select source, state, reason, rows_queued, rows_estimated from steward.backfills;

-- the table has five triggers more, and nothing else
select tgname, pg_get_triggerdef(oid) from pg_trigger where tgrelid = 'articles'::regclass order by tgname;

-- refused, with nothing left behind
\set VERBOSITY default
\set SHOW_CONTEXT never
select steward.track('articles', content => 'body');
create view a_view as select * from articles;
select steward.track('a_view', content => 'body');
create table keyless (body text);
select steward.track('keyless', content => 'body');
create table other (id integer primary key, body text, n integer);
select steward.track('other', content => 'nothing');
select steward.track('other', content => 'n');
select steward.track('other', content => null);
select steward.track('other', content => 'body', model => 'nobody/knows@1');
select steward.track('other', content => 'body', chunking => '{"size": 10}');
select steward.track('pg_class', content => 'relname');
select steward.track('steward_private.model', content => 'model_name');
create temporary table fleeting (id integer primary key, body text);
select steward.track('fleeting', content => 'body');
create table parent (id integer primary key, body text);
create table child () inherits (parent);
select steward.track('parent', content => 'body');
select steward.track('child', content => 'body');
create table parted (id integer primary key, body text) partition by range (id);
create table part partition of parted for values from (0) to (10);
select steward.track('part', content => 'body');
select steward.track('missing', content => 'body');
select steward.untrack('other');
select count(*) from pg_trigger where tgrelid = 'other'::regclass;
select source from steward.sources;

-- a tracked table is left as it was
select steward.untrack('articles');
select tgname from pg_trigger where tgrelid = 'articles'::regclass;
select source from steward.sources;
select count(*) from pg_class where relnamespace = 'steward_data'::regnamespace;
select count(*) from pg_proc where pronamespace = 'steward_data'::regnamespace;
select count(*) from pg_proc where pronamespace = 'steward_private'::regnamespace and proname ~ '\d';
-- and can be tracked again
select steward.track('articles', content => 'body');

-- keys of types that would make somebody else's code run with our rights, or have two nulls
\set VERBOSITY default
create role somebody_ordinary;
create domain their_key as integer;
alter domain their_key owner to somebody_ordinary;
create table theirs (id their_key primary key, body text);
select steward.track('theirs', content => 'body');
create table json_keys (id jsonb primary key, body text);
select steward.track('json_keys', content => 'body');
drop table theirs;
drop domain their_key;
drop role somebody_ordinary;

-- rows are read as their owner
create table forced (id integer primary key, body text);
alter table forced enable row level security;
select steward.track('forced', content => 'body');
select steward.untrack('forced');
alter table forced force row level security;
select steward.track('forced', content => 'body');

-- keys that could be exchanged within a statement, rows that do not survive a crash, old snapshots
create table exchanged (id integer primary key deferrable, body text);
select steward.track('exchanged', content => 'body');
create unlogged table volatile (id integer primary key, body text);
select steward.track('volatile', content => 'body');
begin isolation level repeatable read;
select steward.track('other', content => 'body');
rollback;
