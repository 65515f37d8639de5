"""The live dashboard: keys change the view, the board and the view make a frame."""
