-- Why a plan that a worker has made cannot be that of a content; null if it can. What is shown to
-- people has to be in the content, and what is kept has to be stored.
create or replace function steward_private.plan_complaint(plan jsonb, content text, known jsonb)
returns text
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_plan jsonb := plan_complaint.plan;
    v_texts text[];
    v_stored jsonb;
    v_length integer := length(plan_complaint.content);
    v_used integer[] := '{}'::integer[];
    v_kept bigint[] := '{}'::bigint[];
    v_number integer := 0;
    v_text text;
    v_embedded text;
    v_hash text;
    v_chunk record;
begin
    if jsonb_typeof(v_plan -> 'chunks') is distinct from 'array'
        or jsonb_typeof(v_plan -> 'texts') is distinct from 'array'
    then
        return 'it has no chunks or no texts';
    end if;

    if v_plan ->> 'content_hash'
        is distinct from encode(sha256(convert_to(plan_complaint.content, 'UTF8')), 'hex')
    then
        return 'it is of another content';
    end if;

    if coalesce(jsonb_typeof(v_plan -> 'details'), 'object') <> 'object'
        or length((v_plan -> 'details')::text) > 20000
    then
        return 'its details are not what they should be';
    end if;

    v_texts := array(
        select e.value
        from jsonb_array_elements_text(v_plan -> 'texts') with ordinality as e (value, n)
        order by e.n
    );
    select jsonb_object_agg(k.chunk_id, k.chunk_hash) into v_stored
    from jsonb_to_recordset(plan_complaint.known) as k (chunk_id bigint, chunk_hash text);
    v_stored := coalesce(v_stored, '{}');

    for v_chunk in
        select p.*
        from jsonb_array_elements(v_plan -> 'chunks') with ordinality as c (value, n)
        cross join lateral jsonb_to_record(c.value) as p (
            ordinal integer, start integer, "end" integer, heading text, prefix text,
            chunk_hash text, vector integer, chunk_id bigint, shown text, near bigint
        )
        order by c.n
    loop
        if v_chunk.ordinal is distinct from v_number
            or v_chunk.start is null or v_chunk."end" is null
            or v_chunk.start < 0 or v_chunk.start >= v_chunk."end" or v_chunk."end" > v_length
            or num_nonnulls(v_chunk.chunk_id, v_chunk.vector) <> 1
            or (v_chunk.prefix is not null and v_chunk.prefix is distinct from v_chunk.heading)
        then
            return format('chunk %s is no piece of the content', v_number);
        end if;

        v_text := substr(
            plan_complaint.content, v_chunk.start + 1, v_chunk."end" - v_chunk.start
        );
        v_embedded := coalesce(v_chunk.prefix || E'\n\n', '') || v_text;
        v_hash := encode(sha256(convert_to(v_embedded, 'UTF8')), 'hex');

        if v_chunk.chunk_hash is distinct from v_hash
            or v_chunk.shown <> v_text
            or (
                v_chunk.vector is not null
                and v_texts[v_chunk.vector + 1] is distinct from v_embedded
            )
        then
            return format('the text of chunk %s is not in the content', v_number);
        end if;

        if not v_stored ? v_chunk.near::text
            or not v_stored ? v_chunk.chunk_id::text
            or v_chunk.chunk_id = any(v_kept)
            or (
                v_chunk.chunk_id is not null and v_chunk.shown is null
                and v_stored ->> v_chunk.chunk_id::text is distinct from v_hash
            )
        then
            return format('chunk %s keeps what is not stored', v_number);
        end if;

        if v_chunk.chunk_id is null then
            v_used := v_used || v_chunk.vector;
        else
            v_kept := v_kept || v_chunk.chunk_id;
        end if;

        v_number := v_number + 1;
    end loop;

    if exists (
        select from generate_series(0, cardinality(v_texts) - 1) as o (n) where o.n <> all(v_used)
    ) then
        return 'it has texts that no chunk needs';
    end if;

    return null;
end
$function$;
