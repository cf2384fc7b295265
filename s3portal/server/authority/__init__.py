"""Whether a caller may do what it asks for: IAM policies and the decision over them."""
