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
select * from told('It is \u2705 there.', 'It is \u274c there.');

-- what does not
select * from told('It recieves a letter.', 'It receives a letter.');
select * from told('See Section 9.27 about it.', 'See Section 9.28 about it.');
select * from told('## 9.27. Backups', '## 9.28. Backups #', '{"structure": false}');
select * from told('So  it' || E'\n' || 'is.', 'So it is.');
select * from told('He said "so", didn''t he', U&'He said \201Cso\201D, didn\2019t he');
select * from told(U&'A caf\00E9 there', U&'A cafe\0301 there');
select * from told(U&'Fine \+01F600 so', U&'Fine \+01F600  so');
select * from told('So it is', 'so it is');
