"""Parts that every place is made of: views, templates, panels, charts, and how numbers read."""
