"""Upkeep: what keeps a site in order for years. The janitor, and the doctor."""
