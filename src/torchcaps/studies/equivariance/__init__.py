"""Whether poses rotate with the image, and what can be read from them."""
