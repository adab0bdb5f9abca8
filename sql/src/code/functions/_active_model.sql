create or replace function steward._active_model(source regclass)
returns text
language sql
stable parallel safe
-- definer: the registry belongs to pg_steward; the name of a model is no secret
security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select s.model_name
    from steward_private.space as s
    where
        s.source_id = (steward_private.source_of(_active_model.source)).source_id
        and s.state = 'active';
end;

comment on function steward._active_model(regclass) is
'The model whose vectors steward.search() answers from.';
