create or replace function steward.embed(texts text[], model text default 'builtin/hash@1')
returns text[]
language plpython3u
stable parallel unsafe
-- definer: reads nothing; whoever may call it need not be able to call the loader
security definer
set search_path = pg_catalog, pg_temp
as $python$
# import steward_py
return steward_py.models.embed(plpy, model, texts)
$python$;

comment on function steward.embed(text[], text) is
'The vectors of some texts, in pgvector''s text form, by the built-in model builtin/hash@1: a '
'lexical embedding of words and spellings for trying out and testing. It knows no meaning; use '
'another model in production. For steward_reader and steward_worker.';
