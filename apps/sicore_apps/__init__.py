"""What people do with sicore's models: restore pictures, see a demonstration."""
