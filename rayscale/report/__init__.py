"""The report: from saved runs to sentences, tables and charts, and from these to a page."""
