-- cutting a text, and looking at the chunks of a table before it is tracked
\set VERBOSITY default
\set SHOW_CONTEXT never
create function prose(words integer) returns text
language sql immutable
return (
    select string_agg(format('Sentence %s has some words.', n), case when n % 5 = 0 then E'\n\n' else ' ' end order by n)
    from generate_series(1, words) as n
);

-- offsets are exact, nothing but white space lies between
create table texts (name text, body text);
insert into texts values
('prose', prose(100)),
('markdown', E'# Title\n\n' || prose(10) || E'\n\n## List\n\n- one\n- two\n\n## Table\n\n| a | b |\n|---|---|\n| 1 | 2 |'),
('crlf', replace(prose(30), E'\n', E'\r\n')),
('chinese', repeat('你好世界。', 100)),
('arabic', repeat('مرحبا بالعالم؟ ', 60)),
('marks', repeat(E'e\u0301', 500)),
('emoji', repeat(E'\U0001F469\u200D\U0001F467 ', 100)),
('no space', repeat('x', 1000)),
('blank', E' \n\u3000\t'),
('empty', ''),
('parts', E'A title\n\x1d\n' || prose(10)),
('null', null);

with strategies (strategy) as (
    values ('stable'), ('recursive'), ('fixed'), ('sentence'), ('markdown')
),

cut as (
    select t.name, t.body, s.strategy, c.*, lag(c.end_offset, 1, 0) over w as before
    from texts as t
    cross join strategies as s
    cross join lateral steward.chunk(t.body, jsonb_build_object('strategy', s.strategy, 'size', 200)) as c
    window w as (partition by t.name, s.strategy order by c.ordinal)
)

select
    strategy,
    count(*) as chunks,
    count(distinct name) as texts,
    max(length(chunk)) as longest,
    min(length(chunk)) > 0 as none_is_empty,
    bool_and(substr(body, start_offset + 1, end_offset - start_offset) = chunk) as are_exact,
    bool_and(substr(body, before + 1, start_offset - before) ~ '^[\s\x1d]*$') as is_whole,
    bool_and(chunk_hash = encode(sha256(convert_to(chunk, 'UTF8')), 'hex')) as are_hashed,
    bool_and(tokens > 0) as are_counted
from cut
group by strategy
order by strategy;

select ordinal, heading_path, chunk, start_offset, end_offset, tokens
from steward.chunk(
    E'# Bread\n\nKnead flour, water and salt.\n\n## Baking\n\nBake it in a hot oven. Let it cool.\n',
    '{"strategy": "markdown", "size": 50}'
);

-- what is sent can have the headings before it: another hash, the same chunk
select
    a.chunk = b.chunk as same_chunk, a.chunk_hash = b.chunk_hash as same_hash, b.tokens > a.tokens as more_tokens,
    b.chunk_hash = encode(sha256(convert_to(b.heading_path || E'\n\n' || b.chunk, 'UTF8')), 'hex') as is_prefixed
from steward.chunk(E'# One\n\ntext') as a
inner join steward.chunk(E'# One\n\ntext', '{"headings": true}') as b using (ordinal);

-- overlap, and no tail that is nothing else
select ordinal, start_offset, end_offset
from steward.chunk(repeat('x', 100), '{"strategy": "fixed", "size": 60, "overlap": 20}');

-- tokens
select max(tokens) <= 60 as fits, count(*) > 5 as are_several
from steward.chunk(prose(100), '{"unit": "tokens", "size": 40}');
select max(tokens) <= 40 as fits, count(*) > 5 as are_several
from steward.chunk(prose(100), '{"strategy": "recursive", "unit": "tokens", "size": 40}');

select * from steward.chunk(null);
select * from steward.chunk('');

-- refused
select * from steward.chunk('text', '[]');
select * from steward.chunk('text', '{"strategy": "semantic"}');
select * from steward.chunk('text', '{"strategy": "fixed", "minimum": 100}');
select * from steward.chunk('text', '{"size": 10}');
select * from steward.chunk('text', '{"size": 1e30}');
select * from steward.chunk('text', '{"size": 500, "maximum": 400}');
select * from steward.chunk('text', '{"strategy": "recursive", "size": 100, "overlap": 100}');
select * from steward.chunk('text', '{"tokenizer": "tokenizers:/etc/passwd"}');
select * from steward.chunk('text', '{"tokenizer": "words"}');

-- the normal form
select strategy, steward_private.check_chunking(jsonb_build_object('strategy', strategy))
from unnest(array['stable', 'recursive', 'fixed', 'sentence', 'markdown']) as strategy;
select steward_private.check_chunking(null) = steward_private.check_chunking('{"strategy": "stable"}') as same;
select steward_private.check_chunking('{"unit": "tokens", "headings": true}');

-- before anything is tracked
create table articles (id integer primary key, title text, body text);
insert into articles
select n, 'Article ' || n, case when n % 3 > 0 then prose(10 * n) else ' ' end from generate_series(1, 6) as n;
select steward.add_model('paid@1', 8, 'nobody', 0.5);

select what, sample_row, ordinal, chunks, characters, tokens, cost, left(chunk, 50) as chunk
from steward.preview('articles', content => 'body', chunking => '{"size": 400}', model => 'paid@1');
select what, sample_row, chunks, characters, left(chunk, 30) as chunk
from steward.preview('articles', content => 'title || ''. '' || body', "where" => 'id = 1');
select what, chunks, characters, tokens, cost, chunk from steward.preview('A short text.');
select what, chunks, characters, cost from steward.preview('', model => 'paid@1');
-- no more rows than asked for
insert into articles select n, 'Short', 'Short text.' from generate_series(7, 1000) as n;
select max(sample_row) <= 5 as is_sample, count(*) > 2 as has_rows
from steward.preview('articles', content => 'body', sample => 5);

select * from steward.preview('articles', content => 'nothing');
select * from steward.preview('articles', content => 'body', "where" => 'nothing');
select * from steward.preview('articles', content => 'body', model => 'nobody/knows@1');
select * from steward.preview('articles', content => 'body', sample => 0);
select * from steward.preview('articles', content => 'body', chunking => '{"size": "big"}');
select source from steward.sources;
