"""The edge: vendors' words in, house words out. Each adapter speaks one protocol family."""
