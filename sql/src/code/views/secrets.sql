create or replace view steward.secrets as
select
    s.secret_name as secret,
    coalesce(split_part(s.reference, ':', 1), 'value') as kept_as,
    s.origin,
    s.set_at
from steward_private.secret as s;

comment on view steward.secrets is
'The names of the secrets that models can use, how each is kept (as a value, or in a file or a '
'variable of the server), and to whom it may be sent. Not the secrets. For steward_admin.';
