"""Operations on the service and on buckets."""
