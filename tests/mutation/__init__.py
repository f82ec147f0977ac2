"""Changes the code that decides in thousands of small ways, and counts the changes that the unit tests notice."""
