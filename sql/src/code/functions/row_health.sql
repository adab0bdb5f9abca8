-- A part of health(): the figures of steward.freshness.
create or replace function steward_private.row_health(settings jsonb)
returns table (
    check_name text, source regclass, model text, status text, figure text, threshold text,
    what_to_do text
)
language plpgsql
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_set jsonb := row_health.settings;
    v_row record;
begin
    for v_row in select f.* from steward_private.all_freshness() as f loop
        source := v_row.source;
        model := v_row.model;

        if v_row.documents is null then
            check_name := 'coverage';
            status := 'critical';
            figure := 'the source cannot be read';
            threshold := null;
            what_to_do := 'See why: select * from steward.check();';
            return next;
            continue;
        end if;

        -- what is being built is not there yet, and nobody searches it
        if v_row.state <> 'building' then
            check_name := 'coverage';
            status := case
                when v_row.coverage < (v_set ->> 'coverage_critical')::numeric then 'critical'
                when v_row.coverage < (v_set ->> 'coverage_warn')::numeric then 'warn'
                else 'ok'
            end;
            figure := format(
                '%s of %s rows are fresh%s', v_row.fresh, v_row.documents,
                case when v_row.is_estimated then '; a backfill is under way, so about' end
            );
            threshold := format(
                'below %s: warn, %s: critical', v_set ->> 'coverage_warn',
                v_set ->> 'coverage_critical'
            );
            what_to_do := case
                when status = 'ok' then null
                when v_row.failed >= v_row.pending and v_row.failed > v_row.missing + v_row.outdated
                    then 'Most of the others have failed: select * from steward.failures;'
                when v_row.pending >= v_row.missing + v_row.outdated
                    then 'Most of the others are pending: let a worker run, see select * from '
                    'steward.queue; for the built-in model: call steward.work();'
                else format('Run: select steward.reconcile(%L);', v_row.source)
            end;
            return next;
        end if;

        check_name := 'failed rows';
        status := case
            when v_row.failed >= (v_set ->> 'failed_critical')::bigint then 'critical'
            when v_row.failed >= (v_set ->> 'failed_warn')::bigint then 'warn'
            else 'ok'
        end;
        figure := v_row.failed::text;
        threshold := format(
            '%s: warn, %s: critical', v_set ->> 'failed_warn', v_set ->> 'failed_critical'
        );
        what_to_do := case
            when status <> 'ok'
                then format(
                    'See why: select * from steward.failures; when the cause is gone: '
                    'select steward.retry_failed(%L);', v_row.source
                )
        end;
        return next;

        check_name := 'unseen changes';
        status := case
            when v_row.missing + v_row.outdated + v_row.orphans
                >= (v_set ->> 'unseen_critical')::bigint
                then 'critical'
            when v_row.missing + v_row.outdated + v_row.orphans >= (v_set ->> 'unseen_warn')::bigint
                then 'warn'
            else 'ok'
        end;
        figure := format(
            '%s missing, %s outdated, %s orphans', v_row.missing, v_row.outdated, v_row.orphans
        );
        threshold := format(
            '%s: warn, %s: critical', v_set ->> 'unseen_warn', v_set ->> 'unseen_critical'
        );
        what_to_do := case
            when status <> 'ok'
                then format('Let a worker run after: select steward.reconcile(%L);', v_row.source)
        end;
        return next;
    end loop;
end
$function$;
