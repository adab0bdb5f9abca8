-- the built-in model is a lexical one: spellings are near, topics are far, meaning it does not know
\set VERBOSITY default
\set SHOW_CONTEXT never
select vector_dims(v::vector), round(vector_norm(v::vector)::numeric, 3) as norm
from unnest(steward.embed(array['a few words', '!', '日本語'])) as v;

with pairs (what, one, other) as (
    values
    ('same', 'The dough rises in a warm kitchen overnight.', 'The dough rises in a warm kitchen overnight.'),
    ('case', 'The dough rises in a warm kitchen overnight.', 'THE DOUGH RISES in a warm kitchen OVERNIGHT.'),
    ('typo', 'The dough rises in a warm kitchen overnight.', 'The dough rises in a warm kitchne overnight.'),
    ('topic', 'The dough rises in a warm kitchen overnight.', 'Interest rates influence bond prices inversely.')
)

select p.what, (v.one <=> v.other) < 0.2 as near, (v.one <=> v.other) > 0.7 as far
from pairs as p
cross join lateral (
    select e[1]::vector as one, e[2]::vector as other
    from steward.embed(array[p.one, p.other]) as e
) as v;

select steward.embed(array['x'], model => 'other@1');
select steward.embed(array['  ']);
select steward.embed(array[null]::text[]);
select steward.embed(null);
select steward.embed('{}');
