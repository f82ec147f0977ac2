"""What is handed in: found, unpacked in a sandbox, copied, vetted."""
