"""Makes the bucket of the suites, which has to belong to the user that they come as."""

from foreign_store import foreign_store

store = foreign_store()
store.client().create_bucket(Bucket=store.bucket)
