"""Signing in to the console with an identity provider: OpenID Connect."""
