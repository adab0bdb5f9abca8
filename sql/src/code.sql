-- Stateless objects, replayed whole on every install and upgrade.

-- about itself
\ir code/functions/version.sql
\ir code/functions/enable_python.sql
-- @define_python@

\ir code/views/models.sql
\ir code/functions/check.sql

-- who may do what: always last
\ir code/privileges.sql
