"""PDFs of the tests, written by hand."""

from __future__ import annotations

import zlib


def pdf_of(*texts: str, title: str = "", packed: bytes | None = None) -> bytes:
    """Returns a PDF with a page for each text; ``packed`` is what its pages hold in place of them, as Flate
    data."""
    count = len(texts)
    kids = " ".join(f"{number} 0 R" for number in range(5, 5 + 2 * count, 2))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {count}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        f"<</Title({title})>>".encode(),
    ]
    for number, text in zip(range(5, 5 + 2 * count, 2), texts, strict=True):
        words = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        content = (
            zlib.compress(f"BT /F 12 Tf 20 700 Td ({words}) Tj ET".encode("latin-1"))
            if packed is None
            else packed
        )
        resources = "/Resources<</Font<</F 3 0 R>>>>/MediaBox[0 0 600 800]"
        objects.append(f"<</Type/Page/Parent 2 0 R{resources}/Contents {number + 1} 0 R>>".encode())
        head = f"<</Length {len(content)}/Filter/FlateDecode>>\nstream\n".encode()
        objects.append(head + content + b"\nendstream")
    file, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(file))
        file += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    trailer = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<</Size {size}/Root 1 0 R/Info 4 0 R>>\n"
    return file + trailer.encode() + f"startxref\n{len(file)}\n%%EOF\n".encode()
