"""The file that every scanner takes for a virus and that is none: eicar.org, "Anti Malware Testfile". In two
halves, so that a scanner does not take this one for it."""

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD" + b"-ANTIVIRUS-TEST-FILE!$H+H*"
