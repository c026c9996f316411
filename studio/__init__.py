"""The studio: a page that shows what the jobs do. It never imports torch."""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read by Gradio when it is imported
