"""What it means: from saved runs to tables and sentences; no Ray and no pytest in here."""
