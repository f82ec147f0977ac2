"""Defines a scenario as data, and reads it from its file. The UpCommerce course is one of the scenarios."""
