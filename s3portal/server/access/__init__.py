"""Who calls, with what proof, and what they may do: SigV4, session tokens, IAM policies."""
