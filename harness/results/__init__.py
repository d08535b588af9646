"""What runs leave behind: records, files, look-ups, and what can be wrong with them."""
