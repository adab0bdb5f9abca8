create or replace function steward.backfill(source regclass)
returns bigint
language plpgsql
volatile parallel unsafe
-- definer: writes the registry on behalf of an operator that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return steward_private.begin_backfill(
        steward_private.source_of(backfill.source), 'asked for'
    );
end
$function$;

comment on function steward.backfill(regclass) is
'Have every row of a source looked at, behind the edits: rows never seen are embedded, and those '
'that are as they should be cost no vector. Goes on where it was after a crash; see '
'steward.backfills. Returns how many rows, estimated if there are many. For steward_operator.';
