-- The database calls providers itself: how, and with which key.

alter table steward_private.model
add column metric text not null default 'cosine',
add column storage text not null default 'vector',
add column endpoint text,
add column secret text,
add column secret_header text,
add column remote_name text,
add column document_prefix text not null default '',
add column query_prefix text not null default '',
add column input_tokens integer,
add column on_too_long text not null default 'fail',
add column batch_inputs integer,
add column batch_tokens integer,
add column requests_per_minute integer,
add column tokens_per_minute integer,
add column timeout interval not null default '1 minute',
add column send_dimensions boolean not null default false,
add column encoding text not null default 'float',
add column normalise boolean not null default false,
add column request jsonb,
add column answer text,
add constraint model_metric_check check (metric in ('cosine', 'l2', 'inner_product')),
add constraint model_storage_check check (storage in ('vector', 'halfvec', 'bit')),
add constraint model_on_too_long_check check (on_too_long in ('fail', 'truncate')),
add constraint model_encoding_check check (encoding in ('float', 'base64'));

\ir ../src/schema/tables/secret.sql
