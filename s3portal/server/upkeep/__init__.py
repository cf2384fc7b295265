"""What an operator does with the folder of a server at a shell: check and repair it, find an object's files,
copy objects into plain files and back.

Reading is safe while a server runs (``reader``); what changes the folder wants it for itself.
"""
