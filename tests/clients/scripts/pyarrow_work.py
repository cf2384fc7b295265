"""What a program with pyarrow does: ``pyarrow_work.py ENDPOINT FOLDER``."""

import sys
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import dataset, fs, parquet

endpoint = urlsplit(sys.argv[1])
files = fs.S3FileSystem(
    endpoint_override=endpoint.netloc,
    scheme=endpoint.scheme,
    allow_bucket_creation=True,
    allow_bucket_deletion=True,
)

files.create_dir("pyarrow-work")
table = pa.table({"station": ["north", "south"] * 500_000, "level": list(range(1_000_000))})
parquet.write_table(table, "pyarrow-work/levels.parquet", filesystem=files)
assert parquet.read_table("pyarrow-work/levels.parquet", filesystem=files).equals(table)
only = parquet.read_table("pyarrow-work/levels.parquet", filesystem=files, columns=["level"])
assert only.num_columns == 1

dataset.write_dataset(
    table, "pyarrow-work/by-station", format="parquet", partitioning=["station"], filesystem=files
)
south = dataset.dataset("pyarrow-work/by-station", partitioning=["station"], filesystem=files)
assert south.to_table(filter=dataset.field("station") == "south").num_rows == 500_000

with files.open_output_stream("pyarrow-work/big") as written:
    for _ in range(24):
        written.write(b"x" * 1024 * 1024)
assert files.get_file_info("pyarrow-work/big").size == 24 * 1024 * 1024
files.copy_file("pyarrow-work/big", "pyarrow-work/copy")
files.move("pyarrow-work/copy", "pyarrow-work/moved")
names = {info.base_name for info in files.get_file_info(fs.FileSelector("pyarrow-work"))}
assert names == {"levels.parquet", "by-station", "big", "moved"}, names

files.delete_dir("pyarrow-work")
print("all done")
