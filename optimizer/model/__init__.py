"""The dispatch problem as named blocks of columns and rows."""
