"""The live dashboard: keys change the view; a frame is drawn from the board and the view."""
