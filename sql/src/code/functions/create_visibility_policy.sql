create or replace function steward_private.create_visibility_policy(
    source steward_private.source, table_name name
)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    -- naming the content demands the caller's privilege on that column, too
    execute format(
        'create policy %2$I on steward_data.%1$I for select to steward_reader '
        'using (exists (select s.%5$I from %3$s as s where %4$s))',
        create_visibility_policy.table_name,
        'select_who_sees_the_row',
        (create_visibility_policy.source).relation,
        steward_private.key_row_match(
            create_visibility_policy.source, format('%I', create_visibility_policy.table_name), 's'
        ),
        (create_visibility_policy.source).content_column
    );
    execute format(
        'comment on policy %2$I on steward_data.%1$I is %3$L',
        create_visibility_policy.table_name,
        'select_who_sees_the_row',
        'Readers see what belongs to rows of the source that they can see.'
    );
    execute format(
        'grant select on steward_data.%I to steward_reader', create_visibility_policy.table_name
    );
end
$function$;
