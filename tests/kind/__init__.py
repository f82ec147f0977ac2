"""Provides kind on a machine without it: Docker and a node image from Debian packages and Go modules.

All of it is removed afterwards.
"""
