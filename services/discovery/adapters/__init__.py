"""Discovery's outside world: folders, SQLite, file watching."""
