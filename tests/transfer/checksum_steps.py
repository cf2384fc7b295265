"""What a scripted store answers to the question about checksums."""

from typing import TYPE_CHECKING

from s3portal.transfer.checksums import CRCS

if TYPE_CHECKING:
    from scripted_store import ScriptedStore


CREATED = "<InitiateMultipartUploadResult><UploadId>s3-upload</UploadId></InitiateMultipartUploadResult>"


#: The CRC64NVME of what the probe sends.
RIGHT = CRCS["CRC64NVME"].encode(CRCS["CRC64NVME"].update(b"s3portal"))


def computes_crc(scripted: "ScriptedStore") -> None:
    """An upload is created, its part answered with the right checksum, and given up."""
    scripted.answer(CREATED)
    scripted.answer(x_amz_checksum_crc64nvme=RIGHT)
    scripted.answer(status=204)
