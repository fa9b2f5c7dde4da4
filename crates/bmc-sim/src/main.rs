//! The simulated board: an hwmon tree, GPIO lines and a host, from a TOML file

fn main() {}
