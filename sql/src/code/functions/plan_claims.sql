-- Reads the rows of some claims, cuts and compares them, and returns what needs vectors.
create or replace function steward_private.plan_claims(
    source steward_private.source, space steward_private.space, tokens bigint[]
)
returns table (token bigint, key jsonb, texts text[])
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := plan_claims.source;
    v_space steward_private.space := plan_claims.space;
    v_chunking jsonb := jsonb_build_object(
        'target', v_source.chunk_size,
        'minimum', v_source.chunk_size / 2,
        'maximum', v_source.chunk_size * 3 / 2
    );
    v_row record;
    v_claim steward_private.claim;
    v_until timestamptz;
    v_count integer := 0;
begin
    -- A statement of its own, and so a snapshot of its own: every edit whose job was taken is in
    -- it. An edit that is not raises the generation and keeps the job alive.
    for v_row in
        execute format(
            $sql$
            with claimed as materialized (
                select c.token, c.key, row_number() over (order by c.token) as "position"
                from steward_private.claim as c
                where c.token = any($1)
            ),

            row_read as materialized (
                select r.*
                from steward_private.read_%1$s(
                    (select jsonb_agg(c.key order by c."position") from claimed as c)
                ) as r
            )

            select c.token, c.key, r.found, r.content
            from claimed as c
            inner join row_read as r on r."position" = c."position"
            order by c."position"
            $sql$,
            v_source.source_id
        )
        using plan_claims.tokens
    loop
        -- The jobs are locked until this commits, and a user who edits one of the rows waits for
        -- it. So long texts make a batch shorter: what is left goes back. The first one does not
        -- count, it may have to start Python.
        v_count := v_count + 1;

        if v_count = 2 then
            v_until := clock_timestamp() + interval '200 milliseconds';
        end if;

        if clock_timestamp() > v_until then
            select c.* into strict v_claim
            from steward_private.claim as c
            where c.token = v_row.token;

            perform steward_private.release_claim(v_claim, interval '0');
            continue;
        end if;

        -- What goes wrong with one row is that row's affair: it is charged, and told in its job.
        begin
            update steward_private.claim as c
            set plan = case
                when v_row.found
                    then steward_private.plan_chunks(
                        coalesce(v_row.content, ''),
                        steward_private.known_chunks(v_space.space_id, v_row.key),
                        v_chunking
                    )
                else 'null'
            end
            where c.token = v_row.token
            returning c.* into v_claim;

            texts := array(
                select t.value
                from jsonb_array_elements_text(v_claim.plan -> 'texts')
                    with ordinality as t (value, n)
                order by t.n
            );

            -- nothing for a provider to do: finished here, or later if somebody has the row locked
            if texts = '{}' then
                if steward_private.finish_claim(v_claim, '{}') = 'busy' then
                    perform steward_private.release_claim(v_claim, interval '5 seconds');
                end if;

                continue;
            end if;
        exception
            -- the moment's fault, not the row's
            when transaction_rollback or insufficient_resources or lock_not_available then
                raise;
            when others then
                select c.* into strict v_claim
                from steward_private.claim as c
                where c.token = v_row.token;

                perform steward_private.give_back(v_claim, sqlerrm);
                continue;
        end;

        token := v_claim.token;
        key := v_claim.key;
        return next;
    end loop;
end
$function$;
