"""kind on a machine that has none: Docker and a node image from Debian's packages and Go modules, gone afterwards."""
