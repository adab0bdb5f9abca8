create or replace function steward._begin_track(
    source regclass,
    content text,
    content_plain text,
    condition text,
    condition_plain text,
    content_columns name[],
    key text,
    model text,
    options jsonb
)
returns void
language plpgsql
volatile parallel unsafe
-- definer: the registry belongs to pg_steward; rights on the table itself are proved by the caller,
-- who creates the triggers before _finish_track looks at a single row
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_class pg_class;
    v_type regtype;
    v_column name;
    v_source steward_private.source;
    v_key oid;
    v_model steward_private.model;
    v_policy jsonb;
begin
    perform steward._check_table(_begin_track.source);
    select c.* into strict v_class from pg_class as c where c.oid = _begin_track.source;

    if not (
        coalesce(steward_private.is_expression(_begin_track.content_plain), false)
        and coalesce(steward_private.is_expression(_begin_track.condition_plain), true)
        and coalesce(steward_private.is_expression(_begin_track.options ->> 'condition_old'), true)
        and coalesce(steward_private.is_expression(_begin_track.options ->> 'condition_new'), true)
    ) then
        raise exception 'content of table % is not an expression', _begin_track.source
            using errcode = 'syntax_error',
            hint = 'Call steward.track().';
    end if;

    select m.* into v_model
    from steward_private.model as m
    where m.model_name = _begin_track.model;

    if not found then
        raise exception 'model "%" does not exist', _begin_track.model
            using errcode = 'undefined_object',
            hint = 'See the models with: select * from steward.models; add one with steward.add_model().';
    end if;

    perform steward._check_options(_begin_track.options);
    v_policy := steward._policy(
        nullif(_begin_track.options -> 'chunking', 'null'),
        nullif(_begin_track.options -> 'significance', 'null')
    );

    if _begin_track.options ->> 'mode' = 'transactional' and v_model.provider <> 'builtin' then
        raise exception 'model "%" cannot be used in transactional mode', _begin_track.model
            using errcode = 'feature_not_supported',
            detail = 'Row and vector commit together only with a model that runs in the database.',
            hint = 'Use mode => ''queued'', or a model whose provider is builtin.';
    end if;

    v_key := steward_private.key_index(_begin_track.source, _begin_track.key);

    select a.attname, a.atttypid::regtype into v_column, v_type
    from pg_index as i
    cross join unnest(i.indkey::int2[]) as k (attnum)
    inner join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where
        i.indexrelid = v_key
        and not steward_private.is_trusted_type(a.atttypid)
    limit 1;

    if found then
        raise exception 'key column "%" of table % is of type %',
            v_column, _begin_track.source, v_type
            using errcode = 'feature_not_supported',
            detail = 'The functions of a key''s type run with the rights of pg_steward. So it must '
                'be a type of PostgreSQL''s, or belong to a superuser.';
    end if;

    if exists (
        select from pg_index as i
        cross join unnest(i.indkey::int2[]) as k (attnum)
        inner join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
        where i.indexrelid = v_key and a.atttypid = 'jsonb'::regtype
    ) then
        raise exception 'table % has jsonb in its key', _begin_track.source
            using errcode = 'feature_not_supported',
            detail = 'A JSON null in a key could not be told from no key.';
    end if;

    insert into steward_private.source (
        relation, label, key_columns, key_types, key_collations, key_operators, key_less, key_greater,
        content, content_plain, condition, condition_plain, condition_old, condition_new,
        text_columns, content_columns,
        parts, policy_version, chunking, significance, on_delete, mode, priority, notify, daily_budget, backfill_rate, keep_history,
        tracked_by
    )
    select
        _begin_track.source,
        v_class.relname,
        array_agg(a.attname order by k.n),
        array_agg(format_type(a.atttypid, a.atttypmod) order by k.n),
        array_agg(
            case
                when a.attcollation in (0, t.typcollation) then ''
                else (
                    select format(' collate %I.%I', n.nspname, c.collname)
                    from pg_collation as c
                    inner join pg_namespace as n on n.oid = c.collnamespace
                    where c.oid = a.attcollation
                )
            end
            order by k.n
        ),
        -- the operators of the key's own index
        array_agg(steward_private.class_operator(k.class_oid, 3) order by k.n),
        array_agg(steward_private.class_operator(k.class_oid, 1) order by k.n),
        array_agg(steward_private.class_operator(k.class_oid, 5) order by k.n),
        _begin_track.content,
        _begin_track.content_plain,
        _begin_track.condition,
        _begin_track.condition_plain,
        _begin_track.options ->> 'condition_old',
        _begin_track.options ->> 'condition_new',
        array(select jsonb_array_elements_text(_begin_track.options -> 'text_columns')),
        _begin_track.content_columns,
        case
            when jsonb_typeof(_begin_track.options -> 'parts') = 'array'
                then array(select jsonb_array_elements_text(_begin_track.options -> 'parts'))
        end,
        1,
        v_policy -> 'chunking',
        v_policy -> 'significance',
        _begin_track.options ->> 'on_delete',
        _begin_track.options ->> 'mode',
        (_begin_track.options ->> 'priority')::integer,
        (_begin_track.options ->> 'notify')::boolean,
        (_begin_track.options ->> 'daily_budget')::numeric,
        (_begin_track.options ->> 'backfill_rate')::integer,
        (_begin_track.options ->> 'keep_history')::interval,
        session_user
    from pg_index as i
    cross join
        unnest(i.indkey::int2[], i.indclass::oid[]) with ordinality as k (attnum, class_oid, n)
    inner join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
    inner join pg_type as t on t.oid = a.atttypid
    where i.indexrelid = v_key and k.n <= i.indnkeyatts
    returning * into v_source;

    perform steward_private.require_known_parts(
        v_source.relation, v_source.significance, v_source.parts
    );

    insert into steward_private.policy (source_id, policy_version, chunking, significance)
    values (v_source.source_id, 1, v_source.chunking, v_source.significance);

    update steward_private.source as s
    set mark_tables = steward_private.create_mark_tables(v_source)
    where s.source_id = v_source.source_id
    returning s.* into v_source;

    perform steward_private.define_key_accessors(v_source);
    perform steward_private.create_space(v_source, _begin_track.model, 'active');
    perform steward_private.define_trigger_functions(v_source);
end
$function$;

-- the linter does not know that this is a list of arguments
comment on function steward._begin_track( -- noqa: LT01
    regclass, text, text, text, text, name[], text, text, jsonb
) is
'First half of steward.track(): registers the source and makes its tables and trigger functions.';
