"""What a trained network does: numbers in, numbers out, nothing drawn."""
