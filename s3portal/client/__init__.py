"""The upload protocol from a program's side: publishing files to a portal without a browser."""
