"""Other extensions: what they are asked and told through `IS3Multipart`."""
