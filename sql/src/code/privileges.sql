-- Who may do what. PUBLIC may do nothing; people are made members of these roles.

revoke all on schema steward, steward_private, steward_data from public;
revoke all on all routines in schema steward, steward_private, steward_data from public;
revoke all on all tables in schema steward, steward_private, steward_data from public;

-- everybody: what is this, and is it well
grant usage on schema steward to steward_reader, steward_operator, steward_worker, steward_admin;
grant execute on function steward.version()
to steward_reader, steward_operator, steward_worker, steward_admin;
grant execute on function steward.check()
to steward_reader, steward_operator, steward_worker, steward_admin;
grant select on steward.models to steward_reader, steward_operator, steward_worker, steward_admin;

-- who makes vectors
grant execute on function steward.embed(text[], text) to steward_reader;
grant execute on function steward.embed(text[], text) to steward_worker;
