"""PDFs of the tests, written by hand."""

from __future__ import annotations

import base64
import io
import zlib


def pdf_of(
    *texts: str, title: str = "", packed: bytes | None = None, root: str = "", page: str = ""
) -> bytes:
    """Returns a PDF with a page for each text; ``packed`` is what its pages hold in place of them, as Flate
    data. ``root`` and ``page`` are entries that its catalog and each of its pages have besides."""
    count = len(texts)
    kids = " ".join(f"{number} 0 R" for number in range(5, 5 + 2 * count, 2))
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{root}>>".encode(),
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
        objects.append(f"<</Type/Page/Parent 2 0 R{resources}/Contents {number + 1} 0 R{page}>>".encode())
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


def hostile_pdf(url: str) -> bytes:
    """Returns a PDF that asks, opens ``url`` and sends to it, when it is opened, looked at or clicked."""
    script = (
        f"/S/JavaScript/JS(app.alert\\(1\\); app.launchURL\\('{url}', true\\); this.submitForm\\('{url}'\\))"
    )
    link = f"<</Type/Annot/Subtype/Link/Rect[0 0 600 800]/Border[0 0 9]/A<</S/URI/URI({url})>>>>"
    sending = (
        "<</Type/Annot/Subtype/Widget/FT/Btn/Ff 65536/T(<script>alert\\(2\\)</script>)/Rect[0 0 600 800]"
        f"/A<</S/SubmitForm/F({url})>>/AA<</E<<{script}>>/PO<<{script}>>>>>>"
    )
    return pdf_of(
        "<img src=x onerror=alert(3)>",
        title="<script>alert(4)</script>",
        root=f"/OpenAction<<{script}>>/AA<</WC<<{script}>>>>/Names<</JavaScript<</Names[(a)<<{script}>>]>>>>"
        "/AcroForm<</Fields[]/NeedAppearances true>>",
        page=f"/Annots[{link}{sending}]/AA<</O<<{script}>>>>",
    )


def locked_pdf() -> bytes:
    """Returns a PDF that nobody opens without its password."""
    from pypdf import PdfWriter

    writer, file = PdfWriter(), io.BytesIO()
    writer.add_blank_page(600, 800)
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(file)
    return file.getvalue()


def jpeg_2000_pdf() -> bytes:
    """Returns a PDF whose page is black, by a JPEG 2000 picture, as scanned documents have them."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, NumberObject

    writer, file = PdfWriter(), io.BytesIO()
    page = writer.add_blank_page(600, 800)
    picture, drawing = DecodedStreamObject(), DecodedStreamObject()
    picture.set_data(base64.b64decode(_BLACK))
    drawing.set_data(b"600 0 0 800 0 0 cm /I Do")
    names = {"/Type": "/XObject", "/Subtype": "/Image", "/Filter": "/JPXDecode", "/ColorSpace": "/DeviceGray"}
    picture.update({NameObject(key): NameObject(value) for key, value in names.items()})
    picture.update({NameObject(key): NumberObject(16) for key in ("/Width", "/Height")})
    pictures = DictionaryObject({NameObject("/I"): writer._add_object(picture)})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/XObject"): pictures})
    page[NameObject("/Contents")] = writer._add_object(drawing)
    writer.write(file)
    return file.getvalue()


#: 16 by 16 pixels, written by OpenJPEG.
_BLACK = (
    "/0//UQApAAAAAAAQAAAAEAAAAAAAAAAAAAAAEAAAABAAAAAAAAAAAAABBwEB/1IADAAAAAEAAAQEAAH/XAAEQED/ZAAlAAFDcmVhdGVk"
    "IGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjT/kAAKAAAAAAAYAAH/k9+AOBFQVK/0yH//2Q=="
)
