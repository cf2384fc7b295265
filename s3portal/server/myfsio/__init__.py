"""What MyFSIO keeps in files: its users and their policies, the policies of buckets, its whole folder."""
