"""The operations: what each call of the API does."""
