-- which changes are worth a new vector, and why
\set VERBOSITY terse

-- each beside a text that stays, so that nothing is less than 0.95 alike
create function told(
    old_text text, new_text text, significance jsonb default null,
    rest text default E'\n\n' || repeat('What else is said here stays as it was, to the last letter. ', 9)
)
returns table (decision text, stage text, similarity numeric, reason text) language sql
return (
    select row(e.decision, e.stage, round(e.similarity::numeric, 3), e.reason)
    from steward.explain_change(told.old_text || told.rest, told.new_text || told.rest, significance) as e
);

-- what changes what is said
select * from told('It does not rain.', 'It does rain.');
select * from told('It rains.', 'It never rains.');
select * from told('You restart it.', 'You may restart it.');
select * from told('You should restart it.', 'You restart it.');
select * from told('Es regnet nicht.', 'Es regnet.');
select * from told('Take 10 mg a day.', 'Take 1000 mg a day.');
select * from told('Take 10 mg a day.', 'Take 10 g a day.');
select * from told('It was -5 degrees.', 'It was 5 degrees.');
select * from told('if x > 5 then', 'if x < 5 then');
select * from told('Due on 5 March 2026.', 'Due on 6 March 2026.');
select * from told('Due on 2026-03-05.', 'Due on 2026-04-05.');
select * from told('Then Alice pays Bob.', 'Then Carol pays Bob.');
select * from told('Then Alice pays Bob.', 'Then Bob pays Alice.');
select * from told('Set max_workers to that.', 'Set min_workers to that.');
select * from told('# Backups', '# Restores');
select * from told(U&'It is \2705 there.', U&'It is \274C there.');

-- what does not
select * from told('It recieves a letter.', 'It receives a letter.');
select * from told('See Section 9.27 about it.', 'See Section 9.28 about it.');
select * from told('## 9.27. Backups', '## 9.28. Backups #', '{"structure": false}');
select * from told('So  it' || E'\n' || 'is.', 'So it is.');
select * from told('He said "so", didn''t he', U&'He said \201Cso\201D, didn\2019t he');
select * from told(U&'A caf\00E9 there', U&'A cafe\0301 there');
select * from told(U&'Fine \+01F600 so', U&'Fine  \+01F600 so');
select * from told('It Is So', 'it is so', '{"normalise": ["space", "case"]}');
select * from told('Well, it is so!', 'Well it is so', '{"normalise": ["space", "punctuation"]}');

-- a short paragraph is told by itself: beside the long one it would not count
select * from told('it is so', 'so be it');
select * from told('it is so', 'so be it', '{"structure": false}');
select * from told('it is so', E'it is so\n\nso be it');
select * from told('it is so', 'it  is so', '{"similarity": null}');

-- a hundred pages: no paragraph is like another
create function paragraph(n integer) returns text language sql immutable
return (
    select string_agg(translate(md5(n || '.' || w), '0123456789', 'ghijklmnop'), ' ' order by w)
    from generate_series(1, 18) as w
);
create function document(numbers integer[]) returns text language sql immutable
return (select string_agg(paragraph(u.n), E'\n\n' order by u.place) from unnest(numbers) with ordinality as u (n, place));
create function decided(old_text text, new_text text, chunking jsonb default null)
returns table (decision text, stage text, chunks text, reason text) language sql
begin atomic
    select
        e.decision,
        e.stage,
        case when count(*) <= 3 then '1 to 3' when count(*) > 99 then 'over 99' else 'more' end,
        min(e.reason)
    from steward.explain_change(decided.old_text, decided.new_text, null, decided.chunking) as e
    group by e.decision, e.stage;
end;
create table book (id integer primary key, title text, body text);
insert into book
select 1, 'A book', document(array_agg(n)) || E'\n\n- a point\n- a second one\n\n' || document(array_agg(n + 400))
from generate_series(1, 200) as n;
select length(body) > 200000 as is_long from book;

-- an item of a list
select d.*
from book cross join lateral decided(body, replace(body, '- a point', E'- so it goes\n- a point')) as d
order by d.decision, d.stage;

-- a paragraph moved, and all of them turned round, where each is a chunk
select d.*
from decided(
    document(array(select generate_series(1, 200))),
    document(200 || array(select generate_series(1, 199))), '{"size": 600, "minimum": 400, "maximum": 700}'
) as d
order by d.decision, d.stage;
select d.*
from decided(
    document(array(select generate_series(1, 200))),
    document(array(select generate_series(200, 1, -1))), '{"size": 600, "minimum": 400, "maximum": 700}'
) as d
order by d.decision, d.stage;

-- white space: every paragraph wrapped anew
select d.*
from (select repeat('what else is said here stays as it was ', 12) as text) as t
cross join lateral decided(t.text, regexp_replace(t.text, '(.{60,69}) ', E'\\1\n', 'g')) as d;

-- parts of a content
select steward.track('book', content => 'title, body', significance => steward.significance(always => array['title']));
call steward.work(idle_seconds => 0);
select decision, stage, reason from steward.explain_change('book', key => '{"id": 1}') where decision <> 'keep';
update book set title = 'A  book';
select decision, stage, reason from steward.explain_change('book', key => '{"id": 1}') where decision <> 'keep';
call steward.work(idle_seconds => 0);
select outcome, chunks_embedded, chunks_accepted, details -> 'parts' as parts, details -> 'guards' as guards
from steward.decisions order by decision_id desc limit 1;

-- A literal may be a text or the name of a table: a cast says which, or the name of an argument.
select decision, stage from steward.explain_change('book'::regclass, '{"id": 1}', 'Another')
where decision = 'embed';
select decision, stage from steward.explain_change('book', key => '{"id": 1}', new_text => 'Another')
where decision = 'embed';
select decision, stage, old_excerpt, new_excerpt from steward.explain_change('book', '{"id": 1}');
select decision, stage from steward.explain_change('book', '{"id": 1}', 'Another book');

-- a policy is given whole; from the one in force a single key can be changed
select a.option, a.is_now::jsonb - '{guards,languages,negations,normalise}'::text[] as is_now
from steward.alter('book', significance => (
    select s.significance || '{"similarity": 0.9}' from steward.sources as s where s.source = 'book'::regclass
)) as a;
select a.option, a.is_now::jsonb - '{guards,languages,negations,normalise}'::text[] as is_now
from steward.alter('book', significance => '{"similarity": 0.9}') as a;

-- a hundred edits, none of them significant by itself: they add up
create table note (id integer primary key, body text);
insert into note values (1, repeat('what else is said here stays as it was ', 12));
select steward.track('note', content => 'body');
call steward.work(idle_seconds => 0);
do $do$
declare
    v_text text := (select n.body from note as n);
begin
    for v_n in 1..100 loop
        v_text := overlay(v_text placing 'z' from 4 * v_n for 1);
        update note set body = v_text;
        call steward.work(idle_seconds => 0);
    end loop;
end
$do$;
select outcome, count(*) between 3 and 99 as several, min(reason) as reason
from steward.decisions where source = 'note'::regclass and revision > 1
group by outcome order by outcome;

-- what another policy would have done, and what the vectors say
select s.outcome, s.simulated_outcome, count(*) > 0 as some, sum(s.simulated_characters) > 0 as sends
from steward.simulate('note', steward.significance(similarity => null)) as s
group by s.outcome, s.simulated_outcome order by 1, 2;
select count(*) filter (
    where (s.outcome, s.chunks_embedded, s.characters)
    <> (s.simulated_outcome, s.simulated_chunks, s.simulated_characters)
) as differs
from steward.simulate('note', '{}') as s;
select threshold <= 1 as is_threshold, pairs > 0 as has_pairs, is_suggested
from steward.suggest_threshold('note', evidence => 1);

-- nonsense
\set VERBOSITY default
\set SHOW_CONTEXT never
select steward.significance(similarity => 2);
select steward.significance(guards => array['number']);
select steward.significance(cosine_by => 'mean');
select steward.significance(negations => null);
select steward.explain_change('a', 'b', '{"guard": []}');
select steward.explain_change('note', key => '{"no": 1}');
select steward.explain_change('nothing'::text, null);
select steward.simulate('note', '{"similarity": "much"}');
select steward.suggest_threshold('note', share => 2);
