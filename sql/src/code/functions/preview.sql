create or replace function steward.preview(
    source regclass,
    content text,
    chunking jsonb default null,
    model text default 'builtin/hash@1',
    "where" text default null,
    sample integer default 10
)
returns table (
    what text,
    sample_row integer,
    ordinal integer,
    heading_path text,
    chunk text,
    characters bigint,
    tokens bigint,
    chunks bigint,
    cost numeric
)
language plpgsql
volatile parallel unsafe
-- invoker: reads the table with the caller's own rights
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_content record;
    v_rows bigint;
    v_contents text[];
begin
    if preview.sample is null or preview.sample not between 1 and 10000 then
        raise exception 'sample must be between 1 and 10000 rows'
            using errcode = 'invalid_parameter_value';
    end if;

    select d.* into strict v_content
    from steward._describe(preview.source, preview.content, preview."where", false) as d;

    execute format(
        'select count(*) from %s as s where %s',
        preview.source, coalesce(v_content.condition_plain, 'true')
    )
    into v_rows;

    -- twice as many as wanted, because chance may bring fewer, and blank ones have no chunks
    execute format(
        'select array_agg(t.content) from ('
        'select u.content from (select %s as content from %s as s %s where %s) as u '
        'where u.content ~ ''[^[:space:]]'' limit %s) as t',
        v_content.content_plain,
        preview.source,
        case
            when v_rows > 4 * preview.sample
                then format('tablesample bernoulli (%s)', 200.0 * preview.sample / v_rows)
            else ''
        end,
        coalesce(v_content.condition_plain, 'true'),
        preview.sample
    )
    into v_contents;

    return query
    select p.*
    from steward._preview(coalesce(v_contents, '{}'), preview.chunking, preview.model) as p;
end
$function$;

comment on function steward.preview(regclass, text, jsonb, text, text, integer) is
'What the chunks of a table would look like, before it is tracked: of some rows taken at random, '
'as many as sample says, every chunk (what = chunk, sample_row numbers the rows), a histogram of '
'their sizes in characters (sizes), and what they come to (total). cost is what the model would '
'take for them, where steward.add_model() was told a price; what all rows would cost says '
'steward.dry_run(). The arguments are those of steward.track(), chunking that of steward.chunk(). '
'For steward_admin who may read the table. Name the arguments: '
'preview(''articles'', content => ''body'').';

create or replace function steward.preview(
    content text,
    chunking jsonb default null,
    model text default 'builtin/hash@1'
)
returns table (
    what text,
    sample_row integer,
    ordinal integer,
    heading_path text,
    chunk text,
    characters bigint,
    tokens bigint,
    chunks bigint,
    cost numeric
)
language sql
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select
        p.what,
        p.sample_row,
        p.ordinal,
        p.heading_path,
        p.chunk,
        p.characters,
        p.tokens,
        p.chunks,
        p.cost
    from steward._preview(array[preview.content], preview.chunking, preview.model) as p;
end;

comment on function steward.preview(text, jsonb, text) is
'The same of one text.';
