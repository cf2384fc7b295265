"""The console as a portal of the upload protocol: files go from the browser to the store, and the console
keeps what has to be known to resume them."""
