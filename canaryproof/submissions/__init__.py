"""Finds submissions, unpacks them in a sandbox, copies them and vets them."""
