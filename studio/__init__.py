"""The studio: a page that shows what the jobs do. It never imports torch."""
