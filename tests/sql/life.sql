-- what every kind of change does to the jobs, the chunks and the decisions
\set VERBOSITY terse
create table notes (id integer primary key, body text, read boolean default false);
insert into notes values
(1, 'Bread is made of flour and water.'),
(2, 'Tides follow the moon.'),
(3, 'A mutex guards the critical section.');
select steward.track('notes', content => 'body');
call steward.work(idle_seconds => 0);
select documents, fresh, pending, failed, missing, chunks from steward.freshness;

-- a change that does not touch the content makes no job
update notes set read = true;
update notes set body = body;
select count(*) from steward.jobs;

-- several edits of one row are one job
update notes set body = 'Bread is made of flour, water and salt.' where id = 1;
update notes set body = 'Bread is made of flour, water, salt and time.' where id = 1;
select key, state, generation from steward.jobs;
select documents, fresh, pending, failed, missing, chunks from steward.freshness;
call steward.work(idle_seconds => 0);
select key, chunk from steward.search('notes', 'salt in the bread', 1);

-- rolled back: nothing happened
begin;
update notes set body = 'Nothing.' where id = 1;
select key, state from steward.jobs;
rollback;
select key, state from steward.jobs;

-- a deleted row is gone from search at once, in its own transaction
begin;
delete from notes where id = 1;
select key from steward.search('notes', 'salt in the bread', 10) order by key;
rollback;
select key from steward.search('notes', 'salt in the bread', 10) order by key;
delete from notes where id = 1;
select key from steward.search('notes', 'salt in the bread', 10) order by key;

-- a key that changes is a row that goes and one that comes
update notes set id = 20 where id = 2;
select key from steward.search('notes', 'moon', 10) order by key;
call steward.work(idle_seconds => 0);
select key from steward.search('notes', 'moon', 10) order by key;

-- upsert, merge and copy
insert into notes values (3, 'A semaphore counts.') on conflict (id) do update set body = excluded.body;
insert into notes values (3, 'Ignored.') on conflict (id) do nothing;
merge into notes as n using (values (4, 'Rain falls.'), (20, 'Tides follow the sun, too.')) as v (id, body)
on n.id = v.id
when matched then update set body = v.body
when not matched then insert (id, body) values (v.id, v.body);
copy notes (id, body) from stdin;
5	Wind blows.
6	\N
7	
\.
select key, state, generation from steward.jobs order by key;
call steward.work(idle_seconds => 0);
select key, chunk from steward.search('notes', 'rain and wind', 10) order by key;

-- content that becomes empty has no chunks
update notes set body = null where id = 5;
update notes set body = '   ' where id = 4;
call steward.work(idle_seconds => 0);
select key, chunk from steward.search('notes', 'rain and wind', 10) order by key;
select documents, fresh, pending, failed, missing, chunks from steward.freshness;

-- an edit and its opposite cost nothing
update notes set body = 'Something else.' where id = 20;
update notes set body = 'Tides follow the sun, too.' where id = 20;
call steward.work(idle_seconds => 0);

truncate notes;
select documents, fresh, pending, failed, missing, chunks from steward.freshness;
select * from steward.search('notes', 'anything', 10);

select key, revision, outcome, reason, chunks_embedded, chunks_reused, chunks_removed
from steward.decisions order by key, decision_id;
