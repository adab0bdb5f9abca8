-- The part of finish_S() that compares the new vectors with those of the chunks that they are to
-- replace, and says which of these stay: kept_id. It comes after item, proposed and before.
create or replace function steward_private.compared_statement(
    source steward_private.source, space steward_private.space
)
returns text
language plpgsql
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := compared_statement.source;
    v_space steward_private.space := compared_statement.space;
    v_policy jsonb := (compared_statement.source).significance;
    -- only if there is one: to read a vector takes longer than to compare two
    v_measured text := $sql$
        select
            p.*,
            case when o.chunk_id is not null then %2$s end as cosine
        from proposed as p
        left join %1$s as o on o.chunk_id = p.near
    $sql$;
    v_model steward_private.model;
    v_candidate text;
    v_statement text;
begin
    select m.* into strict v_model
    from steward_private.model as m
    where m.model_name = v_space.model_name;

    if v_policy ->> 'cosine' is not null and v_policy ->> 'cosine_by' = 'centroid'
        and v_model.storage = 'bit'
    then
        raise exception 'vectors of model "%" have no centroid', v_model.model_name
            using errcode = 'feature_not_supported',
            detail = 'They are stored as bits.',
            hint = 'Let cosine_by be chunk, lead or pairwise.';
    end if;

    if v_policy ->> 'cosine' is null then
        return format(
            'compared as (select m.*, null::bigint as kept_id from (' || v_measured || ') as m),',
            v_space.chunk_table,
            steward_private.embedding_cosine(v_model, 'p.vector', 'o.embedding')
        );
    end if;

    -- Only chunks that the text alone could not decide about: what a guard has found counts.
    v_candidate := case v_policy ->> 'cosine_by'
        when 'chunk' then $sql$
        select m.token, m.ordinal, m.near as old_id, m.cosine
        from measured as m
        where m.stage = 'different'
        $sql$
        -- whichever of the old ones is nearest
        when 'pairwise' then $sql$
        select m.token, m.ordinal, o.chunk_id as old_id, o.cosine
        from measured as m
        inner join before as b on b.token = m.token
        cross join lateral (
            select c.chunk_id, %6$s as cosine
            from %1$s as c
            where
                %3$s
                and not exists (
                    select from proposed as p where p.token = m.token and p.chunk_id = c.chunk_id
                )
            order by cosine desc
            limit 1
        ) as o
        where m.vector is not null and coalesce(m.stage, 'different') = 'different'
        $sql$
        -- the first chunk decides for all
        when 'lead' then $sql$
        select m.token, m.ordinal, m.near as old_id, l.cosine
        from measured as m
        inner join (
            select f.token, %7$s as cosine
            from measured as f
            inner join before as b on b.token = f.token
            inner join %1$s as o on o.chunk_id = b.chunk_ids[1]
            left join %1$s as n on n.chunk_id = f.chunk_id
            where f.ordinal = 0
        ) as l on l.token = m.token
        where m.stage = 'different'
        $sql$
        -- the document as a whole decides
        when 'centroid' then $sql$
        select m.token, m.ordinal, m.near as old_id, %8$s as cosine
        from measured as m
        inner join (
            select f.token, %4$s.avg(%4$s.l2_normalize(coalesce(f.vector, n.embedding))) as centroid
            from measured as f
            left join %1$s as n on n.chunk_id = f.chunk_id
            group by f.token
        ) as w on w.token = m.token
        inner join before as b on b.token = m.token
        cross join lateral (
            select %4$s.avg(%4$s.l2_normalize(c.embedding)) as centroid from %1$s as c where %3$s
        ) as o
        where m.stage = 'different'
        $sql$
    end;

    v_statement := 'measured as materialized (' || v_measured || $sql$
    ),

    candidate as materialized (
        select c.*, row_number() over (partition by c.token, c.old_id order by c.cosine desc) as n
        from ($sql$ || v_candidate || $sql$) as c
        where
            c.old_id is not null and c.cosine >= %5$L and c.cosine <> 'NaN'
            -- a stored row serves one chunk
            and not exists (
                select from proposed as p where p.token = c.token and p.chunk_id = c.old_id
            )
    ),

    compared as (
        select m.*, c.old_id as kept_id
        from measured as m
        left join candidate as c on c.token = m.token and c.ordinal = m.ordinal and c.n = 1
    ),
    $sql$;

    return format(
        v_statement,
        v_space.chunk_table,
        steward_private.embedding_cosine(v_model, 'p.vector', 'o.embedding'),
        steward_private.key_match(v_source, 'c', 'b'),
        left(steward_private.vector_type(), -length('.vector')),
        (v_policy ->> 'cosine')::double precision,
        steward_private.embedding_cosine(v_model, 'm.vector', 'c.embedding'),
        steward_private.embedding_cosine(
            v_model, 'coalesce(f.vector, n.embedding)', 'o.embedding'
        ),
        steward_private.embedding_cosine(v_model, 'w.centroid', 'o.centroid')
    );
end
$function$;
