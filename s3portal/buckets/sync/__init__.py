"""Making one place like another: two sorted listings are joined, and what differs is sent, fetched or copied.

``places`` and ``walking`` say what is there, ``joining`` and ``freshness`` what differs (pure), ``requests``
and ``carrying`` move the bytes, ``run`` puts it together in constant memory.
"""
