"""What routing does in a trained network."""
