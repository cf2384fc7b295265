"""The table of files that readers asked for and that the store did not have."""

from indico.core.db import db
from indico.core.db.sqlalchemy import UTCDateTime


class LostFile(db.Model):
    """One object that is gone, by where it should be. Rows go when the object is back."""

    __tablename__ = "lost_files"
    __table_args__ = {"schema": "plugin_storage_s3"}

    #: The option ``host`` of the backend; "" for AWS.
    host = db.Column(db.String, primary_key=True)
    bucket = db.Column(db.String, primary_key=True)
    key = db.Column(db.String, primary_key=True)
    noticed_at = db.Column(UTCDateTime, nullable=False)

    def __repr__(self):
        return f"<LostFile({self.bucket}, {self.key})>"
