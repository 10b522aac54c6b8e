"""What experiments share: provenance, results on disk, statistics, progress, tables, figures."""
