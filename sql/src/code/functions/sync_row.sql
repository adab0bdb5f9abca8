-- Stores the vectors of a row in the transaction that has written it. Called by the trigger of a
-- source that is tracked in transactional mode.
create or replace function steward_private.sync_row(source_id integer, key jsonb)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_source steward_private.source;
    v_space steward_private.space;
    v_keys jsonb := jsonb_build_array(sync_row.key);
    v_row record;
    v_known record;
    v_plan jsonb;
    v_vectors text[];
    v_token bigint;
    v_place tid;
    v_outcome text;
begin
    select s.* into strict v_source
    from steward_private.source as s
    where s.source_id = sync_row.source_id;

    for v_space in
        select s.*
        from steward_private.space as s
        where s.source_id = v_source.source_id and s.state <> 'retired'
        order by s.space_id
    loop
        -- The job is taken away from whoever has it: what a worker has of this row is outdated. It
        -- never waits for us, so we may for it. Generation 0: the writer's own.
        execute format(
            'insert into %1$s (%2$s, position, generation) select %3$s, 0, 0 from %4$s as k '
            'on conflict (%2$s) do update set position = 0, generation = 0, token = null, '
            'available_at = null, failed_at = null, attempts = 0, setbacks = 0 '
            'returning ctid',
            v_space.job_table,
            replace(steward_private.key_list(v_source, 't'), 't.', ''),
            steward_private.key_list(v_source, 'k'),
            steward_private.key_record(v_source, '$1')
        )
        into v_place
        using sync_row.key;
        execute format(
            'select from %s as t, %s as k where %s for update of t',
            v_space.doc_table,
            steward_private.key_record(v_source, '$1'),
            steward_private.key_match(v_source, 't', 'k')
        )
        using sync_row.key;

        execute format(
            'select r.content from steward_private.read_%s($1) as r', v_source.source_id
        )
        into v_row
        using v_keys;
        execute format(
            'select k.known, k.revision from (select 1) as o '
            'left join steward_private.known_%s($1) as k on true',
            v_space.space_id
        )
        into v_known
        using v_keys;

        v_plan := (
            steward_private.plan_documents(
                array[coalesce(v_row.content, '')],
                array[v_known.known],
                steward_private.plan_options(v_source),
                60
            )
        )[1]::jsonb;

        if v_plan ? 'error' then
            raise exception 'row of table % cannot be embedded', v_source.relation
                using errcode = 'data_exception',
                detail = v_plan ->> 'error';
        end if;

        v_vectors := steward.embed(
            array(select jsonb_array_elements_text(v_plan -> 'texts')), v_space.model_name
        );

        execute format(
            'select (steward_private.claim_%s($1, $2, $3, $4, $5, $6, $7, $8))[1]', v_space.space_id
        )
        into v_token
        using
            'the writer', clock_timestamp() + interval '1 hour', v_keys, array[0::bigint],
            array[v_place], array[v_plan::text], array[v_known.revision], v_source.policy_version;

        select f.outcome into v_outcome
        from steward_private.finish_claims(
            v_space.space_id, (select m.dimensions from steward_private.model as m
            where m.model_name = v_space.model_name), array[v_token], array[1], v_vectors, null
        ) as f;

        if v_outcome is null or v_outcome not in ('embedded', 'reused', 'skipped', 'retired') then
            raise exception 'vectors of a row of table % could not be stored', v_source.relation
                using errcode = 'serialization_failure',
                detail = format('The row is %s.', coalesce(v_outcome, 'gone')),
                hint = 'Repeat the transaction.';
        end if;
    end loop;
end
$function$;
