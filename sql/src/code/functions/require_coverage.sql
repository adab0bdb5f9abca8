-- Refuses a space that knows too few of the rows as they are.
create or replace function steward_private.require_coverage(
    source steward_private.source, space steward_private.space
)
returns void
language plpgsql
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_required numeric := steward_private.setting_value('promote_coverage')::numeric;
    v_figures record;
begin
    if exists (
        select from steward_private.backfill as b
        where b.space_id = (require_coverage.space).space_id and b.state = 'running'
    ) then
        raise exception 'space of model "%" covers too little of table %',
            (require_coverage.space).model_name, (require_coverage.source).relation
            using errcode = 'object_not_in_prerequisite_state',
            detail = 'Its backfill has not come to all rows yet.',
            hint = 'Wait until it has, see steward.backfills; or say force => true.';
    end if;

    select f.* into v_figures
    from (
        select
            r.*,
            -- a row that one space knows is a row that the other one should know
            max(r.documents) over () as most_documents
        from steward_private.all_freshness((require_coverage.source).relation) as r
    ) as f
    where f.model = (require_coverage.space).model_name;

    if v_figures.fresh is null then
        raise exception 'rows of table % cannot be counted', (require_coverage.source).relation
            using errcode = 'object_not_in_prerequisite_state',
            hint = 'See why with steward.check(); or say force => true.';
    end if;

    if v_figures.fresh < v_figures.most_documents * v_required then
        raise exception 'space of model "%" covers too little of table %',
            (require_coverage.space).model_name, (require_coverage.source).relation
            using errcode = 'object_not_in_prerequisite_state',
            detail = format(
                '%s of %s rows are embedded as they are, %s are pending, %s have failed; %s %% are '
                'required.',
                v_figures.fresh, v_figures.most_documents, v_figures.pending, v_figures.failed,
                trim_scale(v_required * 100)
            ),
            hint = 'Wait until it has caught up, see steward.compare_spaces(); or say force => true.';
    end if;
end
$function$;
