"""Reports of an evaluation: an HTML page, Markdown, JSON and pictures for a paper."""
