create or replace function steward_private.create_visibility_policy(
    source steward_private.source, table_name regclass
)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := create_visibility_policy.source;
begin
    -- Made anew when the content or the filter of the source changes. Naming the columns demands
    -- the caller's privilege on them, too.
    if exists (
        select from pg_policy as p
        where
            p.polrelid = create_visibility_policy.table_name
            and p.polname = 'select_who_sees_the_row'
    ) then
        execute format(
            'drop policy select_who_sees_the_row on %s',
            create_visibility_policy.table_name
        );
    end if;

    execute format(
        'create policy select_who_sees_the_row on %1$s for select to steward_reader '
        'using (exists (select %4$s from %2$s as s where %3$s and (%5$s)))',
        create_visibility_policy.table_name,
        v_source.relation,
        steward_private.key_row_match(
            v_source,
            (
                select quote_ident(c.relname)
                from pg_class as c
                where c.oid = create_visibility_policy.table_name
            ),
            's'
        ),
        (
            select string_agg(format('s.%I', c.column_name), ', ' order by c.n)
            from unnest(v_source.content_columns) with ordinality as c (column_name, n)
        ),
        coalesce(v_source.condition_plain, 'true')
    );
    execute format(
        'comment on policy select_who_sees_the_row on %s is %L',
        create_visibility_policy.table_name,
        'Readers see what belongs to rows of the source that they can see.'
    );
    execute format(
        'grant select on %s to steward_reader', create_visibility_policy.table_name
    );
end
$function$;
