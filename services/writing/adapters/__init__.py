"""What writing uses from outside: Lance, JSON files, Parquet files."""
