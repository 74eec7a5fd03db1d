//! The terminal: taken over, given back whatever happens.
