"""What people do with sicore's models: restore pictures, enhance speech, see a demonstration."""
