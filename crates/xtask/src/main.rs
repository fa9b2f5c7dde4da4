//! The repository's own commands: setup, demo, test, qemu

fn main() {}
