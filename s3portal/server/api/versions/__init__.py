"""Operations on the versions of objects."""
