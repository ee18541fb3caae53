"""One file a change of the tables, named by its number; never edited once released."""
