create or replace function steward._preview(contents text[], chunking jsonb, model text)
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
    with
    cut as materialized (
        select
            d.sample_row::integer as sample_row,
            c.ordinal,
            c.heading_path,
            c.chunk,
            length(c.chunk)::bigint as characters,
            c.tokens::bigint as tokens
        from unnest(_preview.contents) with ordinality as d (content, sample_row)
        cross join lateral steward.chunk(d.content, _preview.chunking) as c
    ),

    -- about ten classes, of a width that is 1, 2 or 5 and zeros
    width as (
        select
            (
                select min(w.width)
                from generate_series(0, 6) as power (n)
                cross join lateral unnest(array[1, 2, 5]) as digit (n)
                cross join lateral (select (digit.n * 10 ^ power.n)::bigint as width) as w
                where w.width * 10 >= max(cut.characters)
            ) as width
        from cut
    ),

    size as (
        select
            cut.characters / width.width as step,
            count(*) as chunks,
            sum(cut.characters)::bigint as characters,
            sum(cut.tokens)::bigint as tokens
        from cut
        cross join width
        group by 1
    ),

    price as (
        select steward._price(_preview.model) as price
    )

    select
        'chunk' as what,
        cut.sample_row,
        cut.ordinal,
        cut.heading_path,
        cut.chunk,
        cut.characters,
        cut.tokens,
        1 as chunks,
        cut.tokens * price.price / 1000000 as cost
    from cut
    cross join price
    union all
    select
        'sizes' as what,
        null as sample_row,
        size.step as ordinal,
        null as heading_path,
        format(
            '%s to %s %s',
            size.step * width.width,
            (size.step + 1) * width.width - 1,
            repeat('#', ceil(40.0 * size.chunks / max(size.chunks) over ())::integer)
        ) as chunk,
        size.characters,
        size.tokens,
        size.chunks,
        size.tokens * price.price / 1000000 as cost
    from size
    cross join width
    cross join price
    union all
    select
        'total' as what,
        null as sample_row,
        null as ordinal,
        null as heading_path,
        null as chunk,
        coalesce(sum(cut.characters), 0)::bigint as characters,
        coalesce(sum(cut.tokens), 0)::bigint as tokens,
        count(cut.sample_row) as chunks,
        coalesce(sum(cut.tokens), 0) * min(price.price) / 1000000 as cost
    from price
    left join cut on true
    order by 1, 2, 3;
end;

comment on function steward._preview(text[], jsonb, text) is
'Part of steward.preview(): the chunks of some texts, their sizes, and the total.';
