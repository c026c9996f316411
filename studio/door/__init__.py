"""Everything between the network and the page: the guard, routes, theme, hooks into Gradio."""
