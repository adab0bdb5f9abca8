create or replace function steward_private.explain_change(
    known text, old_text text, new_text text, options jsonb
)
returns table (
    ordinal integer,
    decision text,
    stage text,
    similarity double precision,
    reason text,
    old_excerpt text,
    new_excerpt text
)
language plpython3u
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $python$
# import steward_py
return steward_py.entry.explain_change(plpy, known, old_text, new_text, options)
$python$;

comment on function steward_private.explain_change(text, text, text, jsonb) is
'What would become of each chunk if a text came in the place of what is known or of the old text.';
