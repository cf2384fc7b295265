"""Dataset search on PostgreSQL, for an embedded portal that has no Solr.

CKAN's own document builder, permission labels, hooks and query checks stay as they are; only the
connection underneath them is another. A production site keeps its Solr.
"""
