"""Users, groups, roles, access keys and policies in the database, beside those of the configuration file."""
