"""The cluster's own side: its first process and what that starts.  Standard library only, so that it starts at once."""
