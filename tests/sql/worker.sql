-- the life of a job, as a worker of one's own sees it
\set VERBOSITY default
\set SHOW_CONTEXT never
create table docs (id integer primary key, body text);
insert into docs values (1, 'one'), (2, 'two'), (3, 'three'), (4, null);
select steward.add_model('tiny@1', dimensions => 3, provider => 'mine');
select model, provider, dimensions, remarks from steward.models order by model;
select steward.track('docs', content => 'body', model => 'tiny@1');

-- a row without text needs no vector and is not returned
create temporary table claimed as
select * from steward.claim('worker 1', batch => 4, provider => 'mine');
select claimed_source, key, model, dimensions, texts from claimed order by key;
select key, state, worker, attempts from steward.jobs order by key;
select key, outcome, reason from steward.decisions order by decision_id;

-- nothing is left for another worker, and nothing for another provider
select count(*) from steward.claim('worker 2');
select count(*) from steward.claim('worker 2', provider => 'builtin');

-- what does not fit is refused and changes nothing
select steward.complete(token, '{}') from claimed where key = '{"id": 1}';
select steward.complete(token, null) from claimed where key = '{"id": 1}';
select steward.complete(token, array['[1,2]']) from claimed where key = '{"id": 1}';
select steward.complete(token, array['[1,2,3,4]']) from claimed where key = '{"id": 1}';
select steward.complete(token, array['[0,0,0]']) from claimed where key = '{"id": 1}';
select steward.complete(token, array['[1,2,NaN]']) from claimed where key = '{"id": 1}';
select steward.complete(token, array[null]::text[]) from claimed where key = '{"id": 1}';
select steward.complete(token, array['rubbish']) from claimed where key = '{"id": 1}';
select key, state, attempts from steward.jobs order by key;

select steward.complete(token, array['[1,0,0]']) from claimed where key = '{"id": 1}';
select steward.fail(token, 'the provider said no') from claimed where key = '{"id": 2}';
select key, state, attempts, last_error from steward.jobs order by key;

-- an edit since the claim keeps the row dirty, but its result is not lost
update docs set body = 'drei' where id = 3;
select steward.complete(token, array['[0,0,1]']) from claimed where key = '{"id": 3}';
select key, state, generation, attempts from steward.jobs order by key;
select key, chunk, round(similarity::numeric, 3) as similarity
from steward.search_vector('docs', '[1,0,1]', 10) order by similarity desc, chunk;

-- a claim is good for one answer
select steward.complete(token, array['[1,0,0]']) from claimed where key = '{"id": 1}';
select steward.fail(token, 'late') from claimed where key = '{"id": 1}';
\set VERBOSITY sqlstate
select steward.complete(token, array['[1,0,0]']) from claimed where key = '{"id": 1}';
\set VERBOSITY default

-- the other model embeds queries itself
select * from steward.search('docs', 'one', 3);
select * from steward.search_vector('docs', '[1,0]', 3);
select * from steward.search_vector('docs', null, 3);
select * from steward.search_vector('docs', '[1,0,0]', 0);
select * from steward.search('docs', '  ', 3);

-- arguments that make no sense
select * from steward.claim('');
select * from steward.claim(null);
select * from steward.claim('w', batch => 0);
select * from steward.claim('w', lease => '0 s');
select * from steward.claim('w', source => 'pg_class');
select steward.add_model('tiny@1', 3, 'mine');
select steward.add_model('tiny', 3, 'mine');
select steward.add_model('none@1', 0, 'mine');
select steward.add_model('none@1', 3, 'builtin');
select steward.untrack(null);
select * from steward.search(null, 'x');
select * from steward.search_vector(null, 'x');
