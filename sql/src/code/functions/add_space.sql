create or replace function steward.add_space(source regclass, model text)
returns bigint
language plpgsql
volatile parallel unsafe
-- definer: makes tables and functions, and writes the registry
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(add_space.source);
    v_model steward_private.model;
    v_space steward_private.space;
begin
    -- an older snapshot would miss what was folded meanwhile
    perform steward_private.require_read_committed('add_space()');
    perform steward_private.require_trigger_privilege(v_source, 'add a space');

    select m.* into v_model
    from steward_private.model as m
    where m.model_name = add_space.model;

    if not found then
        raise exception 'model "%" does not exist', coalesce(add_space.model, '')
            using errcode = 'undefined_object',
            hint = 'See the models with: select * from steward.models; add one with steward.add_model().';
    end if;

    v_source := steward_private.lock_registration(add_space.source);

    if exists (
        select from steward_private.space as s
        where
            s.source_id = v_source.source_id
            and s.model_name = v_model.model_name
            and s.state <> 'retired'
    ) then
        raise exception 'table % has a space of model "%" already', v_source.relation, add_space.model
            using errcode = 'duplicate_object',
            hint = 'See steward.compare_spaces(); look at its rows again with steward.backfill().';
    end if;

    if v_source.mode = 'transactional' and v_model.provider <> 'builtin' then
        raise exception 'model "%" cannot be used in transactional mode', add_space.model
            using errcode = 'feature_not_supported',
            detail = 'Row and vector commit together only with a model that runs in the database.',
            hint = format('Run: select * from steward.alter(%L, mode => ''queued'');', v_source.relation);
    end if;

    v_space := steward_private.create_space(v_source, v_model.model_name, 'building');
    -- Writers that are at it with the functions of before leave their marks, and every fold from now
    -- on makes jobs of them for this space, too.
    perform steward_private.define_trigger_functions(v_source);
    perform steward_private.define_fold_function(v_source);
    perform steward_private.define_space_functions(v_source, v_space);

    return steward_private.begin_backfill(v_source, 'added', v_space.space_id);
end
$function$;

comment on function steward.add_space(regclass, text) is
'Embed a tracked table with another model, too, beside the one that search answers from. Both '
'follow every edit from now on; the rows that are there are embedded behind the edits. See how '
'far it is with steward.compare_spaces(), then steward.promote() it, or steward.retire_space() '
'it. Returns the number of rows, estimated if there are many. For steward_admin with the '
'TRIGGER privilege on the table.';
