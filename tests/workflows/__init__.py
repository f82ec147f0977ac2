"""Lints the GitHub workflows, the GitHub Action and their examples with actionlint, shellcheck and zizmor."""
