"""The ordered stages of a plan and the face that each leaves to the next."""
