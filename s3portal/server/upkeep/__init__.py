"""What an operator does with the folder of a server at a shell: check and repair it, find an object's files, take
plain files out of it and into it.

Reading is safe while a server runs (``reader``); what changes the folder wants it for itself.
"""
