"""A simulator of the part of Azure that item level recovery needs. See README.md."""
