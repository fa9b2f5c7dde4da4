//! consoled
