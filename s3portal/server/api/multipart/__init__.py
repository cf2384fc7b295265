"""Operations on multipart uploads."""
