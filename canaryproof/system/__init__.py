"""What the operating system offers: processes, waiting, files, signals; nothing here knows Kubernetes."""
