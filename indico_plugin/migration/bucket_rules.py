"""Which bucket a file is copied to, by the year it was created in: the ``-B`` options of ``migrate copy``."""

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from indico_plugin.dynamic_buckets import expand_template, unknown_placeholder

_COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}
_RULE = re.compile(
    r"(?:(?P<comparison><=|>=|==|<|>)\s*(?P<year>\d{4}):)?(?P<bucket>[^:/]+)(?:/(?P<backend>[^:/]+))?"
)


class BucketRuleError(ValueError):
    """A rule that cannot be understood; the message says which and why."""


@dataclass(frozen=True)
class BucketRule:
    """Templates of a bucket's and a backend's name, with the years that they are for; all where there is
    none.
    """

    comparison: str | None
    year: int
    bucket: str
    backend: str

    def holds(self, created_at: datetime) -> bool:
        """Whether a file of that time goes here."""
        return self.comparison is None or _COMPARISONS[self.comparison](created_at.year, self.year)

    def names(self, created_at: datetime) -> tuple[str, str]:
        """``(bucket, backend)`` for a file of that time."""
        return expand_template(self.bucket, created_at), expand_template(self.backend, created_at)


def parse_rules(texts: Sequence[str]) -> tuple[BucketRule, ...]:
    """Rules such as ``<2009:indico-old/s3-old``, in order; the last one is for all other files and has no
    condition. Raises BucketRuleError.
    """
    rules = tuple(_parse(text) for text in texts)
    if rules[-1].comparison is not None:
        raise BucketRuleError(f"{texts[-1]!r}: the last bucket is for all other files and takes no condition")
    for text, rule in zip(texts[:-1], rules[:-1], strict=True):
        if rule.comparison is None:
            raise BucketRuleError(
                f"{text!r}: all buckets but the last need a condition, such as <2009:{text}"
            )
    return rules


def parse_static_rule(text: str) -> BucketRule:
    """The bucket of static site packages: a plain name, or ``bucket/backend``. Raises BucketRuleError."""
    rule = _parse(text)
    if rule.comparison is not None or "<" in rule.bucket + rule.backend:
        raise BucketRuleError(f"{text!r}: this bucket's name takes neither conditions nor placeholders")
    return rule


def choose_bucket(rules: Sequence[BucketRule], created_at: datetime) -> tuple[str, str]:
    """``(bucket, backend)`` for a file of that time, from the first rule that holds."""
    return next(rule for rule in rules if rule.holds(created_at)).names(created_at)


def _parse(text: str) -> BucketRule:
    match = _RULE.fullmatch(text.strip())
    if match is None:
        raise BucketRuleError(f"{text!r} is not a bucket: write it as in [<2009:]indico-<year>[/backend]")
    backend = match["backend"] or match["bucket"]
    if unknown := unknown_placeholder(match["bucket"] + backend):
        raise BucketRuleError(f"{text!r} has {unknown}; placeholders are <year>, <month> and <week>")
    return BucketRule(match["comparison"], int(match["year"] or 0), match["bucket"], backend)
