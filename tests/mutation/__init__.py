"""Mutation tests: change the deciding code in thousands of small ways, and count the changes that tests detect."""
