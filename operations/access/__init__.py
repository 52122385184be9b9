"""Who is who, who may what, and what is put on record of it."""
