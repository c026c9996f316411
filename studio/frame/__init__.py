"""Parts of every tab: views, templates, panels, charts, and the format of numbers."""
