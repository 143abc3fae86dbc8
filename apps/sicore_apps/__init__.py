"""What people do with sicore's models: restore pictures, enhance recordings, see a demonstration."""
