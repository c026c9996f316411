"""Export: the checkpoint at the chosen α, verified and downloaded."""
