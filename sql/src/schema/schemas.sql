create schema steward;
comment on schema steward is
'pg_steward: the public functions and views. Names that start with _ are not for users.';

create schema steward_private;
comment on schema steward_private is
'pg_steward: its own tables and helpers. No role has access; nothing here is an interface.';

create schema steward_data;
comment on schema steward_data is
'pg_steward: the generated tables of each space (documents, chunks with vectors, jobs).';
