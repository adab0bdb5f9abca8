create or replace function steward.dry_run(
    source regclass,
    content text,
    model text default 'builtin/hash@1',
    chunking jsonb default null,
    "where" text default null,
    sample integer default 1000
)
returns table (
    "rows" bigint, -- noqa: RF06
    chunks bigint,
    characters bigint,
    tokens bigint,
    cost numeric,
    is_estimated boolean
)
language plpgsql
volatile parallel unsafe
-- invoker: reads the table with the caller's own rights
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_content record;
    v_price numeric;
    v_contents text[];
    v_counted record;
    v_all bigint;
begin
    if dry_run.sample is null or dry_run.sample not between 1 and 100000 then
        raise exception 'sample must be between 1 and 100000 rows'
            using errcode = 'invalid_parameter_value';
    end if;

    v_price := steward._price(dry_run.model);

    select d.* into strict v_content
    from steward._describe(dry_run.source, dry_run.content, dry_run."where", false) as d;

    execute format(
        'select count(*), coalesce(sum(length(%s)), 0) from %s as s where %s',
        v_content.content_plain, dry_run.source, coalesce(v_content.condition_plain, 'true')
    )
    into "rows", v_all;

    is_estimated := "rows" > dry_run.sample;

    execute format(
        'select array_agg(t.content) from (select %s as content from %s as s %s where %s) as t',
        v_content.content_plain,
        dry_run.source,
        case
            when is_estimated
                then format('tablesample bernoulli (%s)', 100.0 * dry_run.sample / "rows")
            else ''
        end,
        coalesce(v_content.condition_plain, 'true')
    )
    into v_contents;

    select c.* into strict v_counted
    from steward._count_chunks(coalesce(v_contents, '{}'), dry_run.chunking) as c;

    if is_estimated and v_counted.content_characters > 0 then
        chunks := round(v_counted.chunks * v_all / v_counted.content_characters);
        characters := round(v_counted.characters * v_all / v_counted.content_characters);
    else
        chunks := v_counted.chunks;
        characters := v_counted.characters;
    end if;

    tokens := ceil(characters / 4.0);
    cost := tokens * v_price / 1000000;

    return next;
end
$function$;

comment on function steward.dry_run(regclass, text, text, jsonb, text, integer) is
'What steward.track() with the same arguments would send to the model, without doing anything: '
'rows, chunks, characters, tokens (a quarter of the characters) and, where steward.add_model() '
'was told a price, the cost. Rows and the length of all texts are counted; how they are cut is '
'tried on as many rows as sample says, and is_estimated when there are more. For steward_admin '
'who may read the table.';
