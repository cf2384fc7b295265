"""What a program with s3fs does: ``s3fs_work.py ENDPOINT FOLDER``."""

import sys
from pathlib import Path

import s3fs

endpoint, folder = sys.argv[1], Path(sys.argv[2])
files = s3fs.S3FileSystem(endpoint_url=endpoint)

files.mkdir("s3fs-work")
files.put(f"{folder}/", "s3fs-work/data/", recursive=True)
expected = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
assert {path.removeprefix("s3fs-work/data/") for path in files.find("s3fs-work/data")} == set(expected)
for name, content in expected.items():
    assert files.cat(f"s3fs-work/data/{name}") == content, name

with files.open("s3fs-work/data/big.nc", "rb") as big:
    big.seek(-100, 2)
    assert big.read() == expected["big.nc"][-100:]
# Of several blocks, that is by parts.
with files.open("s3fs-work/written", "wb", block_size=5 * 1024 * 1024) as written:
    written.write(expected["big.nc"])
files.copy("s3fs-work/written", "s3fs-work/copy")
files.mv("s3fs-work/copy", "s3fs-work/moved")
assert files.info("s3fs-work/moved")["size"] == len(expected["big.nc"])
assert not files.exists("s3fs-work/copy")
with files.open("s3fs-work/written", "ab") as more:
    more.write(b"more")
assert files.cat("s3fs-work/written")[-4:] == b"more"

files.rm("s3fs-work", recursive=True)
assert not files.exists("s3fs-work")
print("all done")
