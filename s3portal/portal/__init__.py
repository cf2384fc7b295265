"""What every portal has in common and no portal framework is needed for, between the transfers and the front
ends: the upload protocol, the doctor and its findings, the texts in every language, and the web files.
"""
